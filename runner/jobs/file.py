"""The jobs of jobs.yaml: each as it runs in full, and as it runs quick.

A job is `defaults:` with the job's own entry merged over it; its quick form has the `quick:` block
merged over that. Mappings merge key by key, anything else (a list too) replaces what it stands over.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from contract.errors import InputError
from job.algorithms.registry import ALGORITHMS
from job.model import JOB_NAME, Job, parse_job
from job.problems import MISSING, UNKNOWN_KEY, InvalidJobError, Problem, as_json
from runner.jobs.other_tools import OURS, as_mapping
from runner.jobs.sections import job_with
from runner.jobs.source_folders import problems_of_sources
from runner.jobs.yaml_positions import KeyPath, dotted, place, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import BaseModel

    from runner.jobs.sections import Sections

REFERENCE = "docs/jobs.md"
QUICK_TIMESTEPS = 100
"""The goal of a quick run that names none: this many timesteps, or one rollout where that is more."""
MAX_FILE_BYTES = 1 << 20

_TOP_KEYS = ("jobs", "defaults")
_FREE_PREFIX = "x-"
"""A key at the top that begins so is for anchors; nothing reads it."""
_SKELETON = f"write `jobs:` and below it one entry per job, as {REFERENCE} shows"


@dataclass(frozen=True)
class JobProfiles:
    """A job in its two forms.

    Args:
        full: without its `quick` block.
        quick: with it.
    """

    full: Job
    quick: Job

    def profile(self, name: Literal["quick", "full"]) -> Job:
        """The form that a request names."""
        return self.quick if name == "quick" else self.full

    def as_json(self) -> dict[str, Any]:
        """Both forms as plain JSON, with the sections of backends."""
        return {"full": self.full.model_dump(mode="json"), "quick": self.quick.model_dump(mode="json")}


class _Finding(NamedTuple):
    """A problem and where it stands."""

    line: int
    path: KeyPath
    problem: str
    remedy: str | None = None


def load_jobs(path: Path, backends: Sections) -> dict[str, JobProfiles | InputError]:
    """The jobs of the file at `path` by name, in the order of the file.

    What is wrong with a folder that a job names as source concerns that job only, which is its error then.

    Args:
        path: the file, from whose folder `sources` are counted.
        backends: for each name that a job may give as `backend`, the model of the section of that name.

    Raises:
        InputError: the file cannot be read, or something in it is wrong: the first thing that is.
    """
    file = _label(path)
    document = read_yaml(_content(path, file), file)
    reader = _Reader(path.parent, backends, document.lines)
    jobs = reader.jobs(document.values)
    if reader.findings:
        of_sources = [finding for findings in reader.of_sources.values() for finding in findings]
        raise _error(file, [*reader.findings, *of_sources])
    return {**jobs, **{name: _error(file, findings) for name, findings in reader.of_sources.items()}}


def _error(file: str, findings: Sequence[_Finding]) -> InputError:
    """The first of what was found, and how much more there is."""
    (line, path, problem, remedy), *more = sorted(dict.fromkeys(findings), key=_order)
    ending = f" (and {len(more)} more)" if more else ""
    said = (problem, remedy + ending) if remedy else (problem + ending, None)
    return InputError(place(file, line, path), *said)


def _order(finding: _Finding) -> tuple[bool, int]:
    """As the findings stand in the file, and what is missing last: it may be there, and misspelt."""
    return finding.problem == MISSING, finding.line


def merged(below: Any, above: Any) -> Any:
    """`above` laid over `below`: mappings key by key, anything else replaces."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: merged(below[key], value) if key in below else value for key, value in above.items()}}


def _quick_form(quick: Job, block: dict[str, Any]) -> Job:
    """`quick` (a job with its quick `block` merged in) with what the block leaves to the rule of quick runs.

    Without a goal of its own a quick run ends after one rollout, since none can end sooner. A `save_freq`
    that was meant for the long run and would never come due becomes `auto`.
    """
    changes: dict[str, Any] = {}
    goal = quick.total_timesteps
    if block.get("total_timesteps") is None:
        goal = changes["total_timesteps"] = min(goal, max(QUICK_TIMESTEPS, quick.rollout_timesteps))
    if block.get("save_freq") is None and quick.save_frequency > goal:
        changes["save_freq"] = "auto"
    return quick.model_copy(update=changes)


def _label(path: Path) -> str:
    """`path` as a user would type it."""
    folder = Path.cwd()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _content(path: Path, file: str) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise InputError(file, "does not exist", f"write one as {REFERENCE} shows, or go to its folder") from None
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror})", "make it a file that you may read") from None
    if len(content) > MAX_FILE_BYTES:
        raise InputError(file, f"is larger than {MAX_FILE_BYTES:,} bytes", "name the file that holds the jobs")
    return content


def _homes(model: type[BaseModel], below: KeyPath = ()) -> Iterator[tuple[str, KeyPath]]:
    """Each key that `model` knows, with the section that it belongs to, outer sections first."""
    for key in model.model_fields:
        yield key, below
    for key, field in model.model_fields.items():
        for annotation in (field.annotation, *get_args(field.annotation)):
            if hasattr(annotation, "model_fields"):
                yield from _homes(annotation, (*below, key))


def _remedy(problem: Problem, algorithm: object, model: type[Job]) -> str | None:
    """What to write instead: a near name, the section where the key belongs, or all names that would do."""
    if problem.message == UNKNOWN_KEY:
        return _remedy_for_key(problem.path, algorithm, model)
    if problem.unknown is None:
        return problem.remedy
    return _nearest(problem.unknown, problem.known) or f"write {_listed(problem.known, 'or')}"


def _remedy_for_key(path: KeyPath, algorithm: object, model: type[Job]) -> str:
    *section, key = map(str, path)
    homes = [*((each, home) for each, home in _homes(model) if each != "name"), ("quick", ())]
    entries = [ALGORITHMS[algorithm]] if isinstance(algorithm, str) and algorithm in ALGORITHMS else ALGORITHMS.values()
    homes += [home for entry in entries for home in _homes(entry.hyperparameters, ("hyperparameters",))]
    for known, home in homes:
        if known == key:
            return f"it belongs under {dotted(home)}" if home else "it belongs to the job itself"
    if key in OURS:
        return OURS[key]
    siblings = [each for each, home in homes if home == tuple(section)]
    return _nearest(key, siblings) or f"the keys here are {_listed(siblings, 'and')}"


def _nearest(name: str, known: Sequence[str]) -> str | None:
    by_lower = {each.lower(): each for each in known}
    nearest = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"did you mean {by_lower[nearest[0]]}?" if nearest else None


def _listed(names: Sequence[str], conjunction: str) -> str:
    return f" {conjunction} ".join(filter(None, (", ".join(names[:-1]), names[-1])))


class _Reader:
    """Turns what the file says into jobs, and gathers what is wrong with it, and with the sources of single jobs."""

    def __init__(self, folder: Path, backends: Sections, lines: dict[KeyPath, int]) -> None:
        self.findings: list[_Finding] = []
        self.of_sources: dict[str, list[_Finding]] = {}
        self._folder = folder
        self._backends = tuple(backends)
        self._model = job_with(backends)
        self._lines = lines

    def jobs(self, values: Any) -> dict[str, JobProfiles]:
        """The jobs that are right; what is wrong with the others is in `findings`."""
        if not isinstance(values, dict):
            found = "is empty" if values is None else f"must be a mapping, found {as_json(values)}"
            self._find((), found, _SKELETON)
            return {}
        for key in values:
            if key not in _TOP_KEYS and not key.startswith(_FREE_PREFIX):
                self._find((key,), UNKNOWN_KEY, _nearest(key, _TOP_KEYS) or _SKELETON)
        entries = values.get("jobs")
        if not isinstance(entries, dict) or not entries:
            found = f"must be a mapping, found {as_json(entries)}" if entries else "holds no job"
            self._find(("jobs",), found, _SKELETON)
            return {}
        defaults = self._mapping(values.get("defaults"), ("defaults",))
        jobs = {name: self._job(name, entry, defaults) for name, entry in entries.items()}
        return {name: job for name, job in jobs.items() if job is not None}

    def _find(self, path: KeyPath, problem: str, remedy: str | None) -> None:
        self.findings.append(_Finding(self._lines.get(path, 1), path, problem, remedy))

    def _mapping(self, values: Any, path: KeyPath) -> dict[str, Any]:
        """`values`, or nothing where a key stands without any."""
        if values is None or isinstance(values, dict):
            return values or {}
        self._find(path, f"must be a mapping, lines of `key: value`, found {as_json(values)}", None)
        return {}

    def _job(self, name: str, entry: Any, defaults: dict[str, Any]) -> JobProfiles | None:
        where: KeyPath = ("jobs", name)
        if not JOB_NAME.fullmatch(name):
            remedy = "begin with a letter and use a-z, 0-9, _ and -, 63 characters at most"
            self._find(where, "not a job's name", remedy)
            return None
        values = merged(defaults, self._mapping(entry, where))
        block = values.pop("quick", None)
        layers: tuple[KeyPath, ...] = ((*where, "quick"), ("defaults", "quick"), where, ("defaults",))
        block = self._mapping(block, self._located(("quick",), layers[2:])[1])
        forms = values, merged(values, block)
        full, of_full = self._form(name, forms[0], layers[2:])
        quick, of_quick = self._form(name, forms[1], layers)
        self.findings += of_full
        for finding in of_quick:
            if finding not in of_full:
                in_block = "quick" in (finding.path[2:3] if finding.path[0] == "jobs" else finding.path[1:2])
                elsewhere = "" if in_block else " (in the quick form)"
                self.findings.append(finding._replace(problem=finding.problem + elsewhere))
        if full is None or quick is None:
            return None
        if of_sources := [*self._sources(forms[0], layers[2:]), *self._sources(forms[1], layers)]:
            self.of_sources[name] = of_sources
        return JobProfiles(full, _quick_form(quick, block))

    def _form(
        self, name: str, values: dict[str, Any], layers: tuple[KeyPath, ...]
    ) -> tuple[Job | None, list[_Finding]]:
        """The job that `values` describe, or what is wrong with them."""
        problems = list(self._problems_here(values))
        job = None
        try:
            entry = {key: value for key, value in values.items() if key != "quick"}
            job = parse_job({**entry, "name": name}, self._model)
        except InvalidJobError as error:
            problems += error.problems
        return job, [self._finding(problem, values, layers) for problem in problems]

    def _sources(self, values: dict[str, Any], layers: tuple[KeyPath, ...]) -> Iterator[_Finding]:
        """What is wrong with the folders that a job names, which is right in all else."""
        for problem in problems_of_sources(self._folder, values.get("sources") or []):
            yield self._finding(problem, values, layers)

    def _finding(self, problem: Problem, values: dict[str, Any], layers: tuple[KeyPath, ...]) -> _Finding:
        line, path = self._located(problem.path, layers)
        remedy = _remedy(problem, values.get("algorithm"), self._model) or as_mapping(values, problem.path)
        return _Finding(line, path, problem.message, remedy)

    def _problems_here(self, values: dict[str, Any]) -> Iterator[Problem]:
        """What parse_job cannot know: which backends there are, and that a name stands above its entry."""
        if "name" in values:
            yield Problem(("name",), "a job's name is the key above its entry", remedy="remove this line")
        if "quick" in values:
            yield Problem(("quick",), "a quick block holds no other", remedy="remove it")
        backend = values.get("backend")
        if isinstance(backend, str) and backend not in self._backends:
            yield Problem(("backend",), f"unknown backend {as_json(backend)}", backend, self._backends)

    def _located(self, path: KeyPath, layers: tuple[KeyPath, ...]) -> tuple[int, KeyPath]:
        """The line of `path`, and the whole path there: in the first of `layers` that has it.

        A key that is missing has the line of what it is missing from.
        """
        for layer in layers:
            if line := self._lines.get((*layer, *path)):
                return line, (*layer, *path)
        where = layers[-2]
        for length in range(len(path) - 1, 0, -1):
            for layer in layers:
                if line := self._lines.get((*layer, *path[:length])):
                    return line, (*layer, *path)
        return self._lines[where], (*where, *path)
