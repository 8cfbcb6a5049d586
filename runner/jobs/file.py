"""The jobs of jobs.yaml: each as it runs in full, and as it runs quick; and its studies.

A job is `defaults:` with the job's own entry merged over it; its quick form has the `quick:` block
merged over that. Mappings merge key by key, anything else (a list too) replaces what it stands over.
"""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from contract.errors import InputError
from job.model import JOB_NAME, Job, parse_job
from job.problems import UNKNOWN_KEY, InvalidJobError, Problem, as_json
from runner.jobs.findings import Finding, as_error, in_some
from runner.jobs.judged import FEWEST, NONE_KNOWN, Judged, digest_stated
from runner.jobs.layers import DECIDED_BY_RULE, Layers, merged, quick_form
from runner.jobs.matrix import MATRIX, MatrixError, combinations
from runner.jobs.other_tools import as_mapping
from runner.jobs.own_keys import DATA, GROUP, to_list, unlisted
from runner.jobs.remedies import as_matrix, nearest, what_to_write
from runner.jobs.sections import job_with
from runner.jobs.source_folders import problems_of_sources
from runner.jobs.yaml_positions import KeyPath, read_yaml
from runner.studies.reading import STUDIES, Base, StudiesReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runner.jobs.judged import KnownJobs
    from runner.jobs.sections import Sections
    from runner.studies.values import Study

REFERENCE = "docs/jobs.md"
MAX_FILE_BYTES = 1 << 20
_TOP_KEYS = ("jobs", "defaults", STUDIES)
_FREE_PREFIX = "x-"
"""A key at the top that begins so is for anchors; nothing reads it."""
_MATRIX_ELSEWHERE = "a matrix belongs to an entry below `jobs:`", "move it there"
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

    def as_json(self) -> dict[str, Any]:
        """Both forms as plain JSON, with the sections of backends."""
        full = self.full.model_dump(mode="json")
        if self.quick == self.full.model_copy(update={name: getattr(self.quick, name) for name in DECIDED_BY_RULE}):
            return {"full": full, "quick": full | self.quick.model_dump(mode="json", include={*DECIDED_BY_RULE})}
        return {"full": full, "quick": self.quick.model_dump(mode="json")}


class JobsFile(NamedTuple):
    """What the file holds, by name and in its order.

    Args:
        jobs: each, or what is wrong with a folder that it names as source, which concerns it alone.
        studies: the searches.
        stated: a digest of what is stated of each job, where there are many.
    """

    jobs: dict[str, JobProfiles | Judged | InputError]
    studies: dict[str, Study]
    stated: dict[str, str]


def load_jobs(path: Path, backends: Sections) -> dict[str, JobProfiles | InputError]:
    """The jobs of the file at `path`, each of them judged."""
    return {name: job for name, job in load_file(path, backends).jobs.items() if not isinstance(job, Judged)}


def load_file(path: Path, backends: Sections, known: KnownJobs = NONE_KNOWN) -> JobsFile:
    """What the file at `path` holds.

    Args:
        path: the file, from whose folder `sources` are counted.
        backends: for each name that a job may give as `backend`, the model of the section of that name.
        known: the jobs that this very code has judged before.

    Raises:
        InputError: the file cannot be read, or something in it is wrong: the first thing that is.
    """
    file = _label(path)
    document = read_yaml(_content(path, file), file)
    reader = _Reader(path.parent, backends, document.lines, known)
    jobs = reader.jobs(document.values)
    studies = reader.studies(document.values)
    if reader.findings:
        of_sources = [finding for findings in reader.of_sources.values() for finding in findings]
        raise as_error(file, [*reader.findings, *of_sources])
    refused = {name: as_error(file, findings) for name, findings in reader.of_sources.items()}
    return JobsFile({**jobs, **refused}, studies, reader.stated if len(jobs) >= FEWEST else {})


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


class _Reader:
    """Turns what the file says into jobs, and gathers what is wrong with it, and with the sources of single jobs."""

    def __init__(self, folder: Path, backends: Sections, lines: dict[KeyPath, int], known: KnownJobs) -> None:
        self.findings: list[Finding] = []
        self.stated: dict[str, str] = {}
        self._known = known
        self.of_sources: dict[str, list[Finding]] = {}
        self._folder = folder
        self._backends = tuple(backends)
        self._model = job_with(backends)
        self._lines = lines
        self._bases: dict[str, Base] = {}
        self._problems_of_sources: dict[tuple[str, ...], list[Problem]] = {}

    def jobs(self, values: Any) -> dict[str, JobProfiles | Judged]:
        """The jobs that are right; what is wrong with the others is in `findings`."""
        if not isinstance(values, dict):
            found = "is empty" if values is None else f"must be a mapping, found {as_json(values)}"
            self._find((), found, _SKELETON)
            return {}
        for key in values:
            if key not in _TOP_KEYS and not key.startswith(_FREE_PREFIX):
                self._find((key,), UNKNOWN_KEY, nearest(key, _TOP_KEYS) or _SKELETON)
        entries = values.get("jobs")
        if not isinstance(entries, dict) or not entries:
            found = f"must be a mapping, found {as_json(entries)}" if entries else "holds no job"
            self._find(("jobs",), found, _SKELETON)
            return {}
        defaults = self._mapping(values.get("defaults"), ("defaults",))
        if defaults.pop(MATRIX, None) is not None:
            self._find(("defaults", MATRIX), *_MATRIX_ELSEWHERE)
        return self._all_jobs(entries, defaults)

    def studies(self, values: Any) -> dict[str, Study]:
        """The searches for hyperparameters of these jobs, likewise."""
        if not isinstance(values, dict):
            return {}
        return StudiesReader(self._model, self._bases, self._find).studies(values.get(STUDIES))

    def _all_jobs(self, entries: dict[str, Any], defaults: dict[str, Any]) -> dict[str, JobProfiles | Judged]:
        """Those of all entries, each of which may stand for several."""
        jobs: dict[str, JobProfiles | Judged] = {}
        for entry, stated in entries.items():
            where = ("jobs", entry)
            members = [*self._jobs_of_entry(entry, self._mapping(stated, where))]
            before, found_in = len(self.findings), dict[Finding, list[str]]()
            for name, own, lines in members:
                if name in jobs or (name != entry and name in entries):
                    remedy = "rename one of the two entries"
                    self._find(where, f"its matrix has a job {name}, and so has another entry", remedy)
                    continue
                self._bases[name] = Base(own, defaults)
                own_findings = len(self.findings)
                values = merged(defaults, own)
                if name != entry:
                    values.setdefault(GROUP, entry)
                if (job := self._job(name, values, where, lines)) is not None:
                    jobs[name] = job
                for finding in dict.fromkeys(self.findings[own_findings:]):
                    found_in.setdefault(finding, []).append(name)
            self.findings[before:] = [
                in_some(finding, found_in.get(finding, []), len(members))
                for finding in dict.fromkeys(self.findings[before:])
            ]
        return jobs

    def _jobs_of_entry(
        self, entry: str, values: dict[str, Any]
    ) -> Iterator[tuple[str, dict[str, Any], Mapping[KeyPath, int]]]:
        """The jobs that an entry stands for: each with its name, what it states, and where."""
        where: KeyPath = ("jobs", entry)
        if not JOB_NAME.fullmatch(entry):
            remedy = "begin with a letter and use a-z, 0-9, _ and -, 63 characters at most"
            self._find(where, "not a job's name", remedy)
            return
        if MATRIX not in values:
            yield entry, values, self._lines
            return
        try:
            found = combinations(entry, values[MATRIX])
        except MatrixError as error:
            path, problem, told = error.problem
            self._find((*where, MATRIX, *path), problem, told)
            return
        for each in found:
            if not JOB_NAME.fullmatch(each.name):
                problem = f"stands for a job called {each.name}, which is longer than 63 characters"
                self._find((*where, MATRIX), problem, "give the entry a shorter name, or try fewer keys")
                return
            at = {
                (*where, *path): self._lines.get((*where, MATRIX, *setting.stands_at), self._lines[where])
                for path, setting in each.settings.items()
            }
            yield each.name, each.over(values), ChainMap(at, self._lines)

    def _find(self, path: KeyPath, problem: str, remedy: str | None) -> None:
        lines = (self._lines.get(path[:length]) for length in range(len(path), 0, -1))
        self.findings.append(Finding(next(filter(None, lines), 1), path, problem, remedy))

    def _mapping(self, values: Any, path: KeyPath) -> dict[str, Any]:
        """`values`, or nothing where a key stands without any."""
        if values is None or isinstance(values, dict):
            return values or {}
        self._find(path, f"must be a mapping, lines of `key: value`, found {as_json(values)}", None)
        return {}

    def _job(
        self, name: str, values: dict[str, Any], where: KeyPath, lines: Mapping[KeyPath, int]
    ) -> JobProfiles | Judged | None:
        """A job with the defaults below it, as the entry at `where` states it; None where something is wrong."""
        stated = self.stated[name] = digest_stated(name, values)
        block = values.pop("quick", None)
        layers = Layers(((*where, "quick"), ("defaults", "quick"), where, ("defaults",)), lines)
        in_full = layers.without_quick
        block = {} if block is None else self._mapping(block, in_full.located(("quick",))[1])
        quick = merged(values, block)
        if (job := self._known.find(name, stated) or self._judge(name, values, quick, block, layers)) is None:
            return None
        if of_sources := [*self._sources(values, in_full), *self._sources(quick, layers)]:
            self.of_sources[name] = of_sources
        return job

    def _judge(
        self, name: str, stated: dict[str, Any], with_block: dict[str, Any], block: dict[str, Any], layers: Layers
    ) -> JobProfiles | None:
        """A job in both forms: as it is stated, and with its quick `block`."""
        full, of_full = self._form(name, stated, layers.without_quick)
        quick, of_quick = self._form(name, with_block, layers) if block else (full, of_full)
        self.findings += of_full
        for finding in of_quick:
            if finding not in of_full:
                in_block = "quick" in (finding.path[2:3] if finding.path[0] == "jobs" else finding.path[1:2])
                problem = finding.problem if in_block else f"{finding.problem} (in the quick form)"
                self.findings.append(finding._replace(problem=problem))
        return None if full is None or quick is None else JobProfiles(full, quick_form(quick, block))

    def _form(self, name: str, values: dict[str, Any], layers: Layers) -> tuple[Job | None, list[Finding]]:
        """The job that `values` describe, or what is wrong with them."""
        problems = list(self._problems_here(values))
        job = None
        try:
            entry = {key: value for key, value in values.items() if key != "quick"} | {"name": name}
            job = parse_job(entry, self._model)
        except InvalidJobError as error:
            problems += error.problems
        return job, [self._finding(problem, values, layers) for problem in problems]

    def _sources(self, values: dict[str, Any], layers: Layers) -> Iterator[Finding]:
        """What is wrong with the folders that a job names, which is right in all else."""
        sources = tuple(values.get("sources") or ())
        if sources not in self._problems_of_sources:  # jobs of a matrix have the same ones
            self._problems_of_sources[sources] = [*problems_of_sources(self._folder, [*sources])]
        for problem in self._problems_of_sources[sources]:
            yield self._finding(problem, values, layers)

    def _finding(self, problem: Problem, values: dict[str, Any], layers: Layers) -> Finding:
        line, path = layers.located(problem.path)
        remedy = what_to_write(problem, values.get("algorithm"), self._model)
        remedy = remedy or as_mapping(values, problem.path) or as_matrix(values, problem.path)
        return Finding(line, path, problem.message, remedy)

    def _problems_here(self, values: dict[str, Any]) -> Iterator[Problem]:
        """What parse_job cannot know: which backends there are, and that a name stands above its entry."""
        if "name" in values:
            yield Problem(("name",), "a job's name is the key above its entry", remedy="remove this line")
        if MATRIX in values:
            yield Problem((MATRIX,), _MATRIX_ELSEWHERE[0], remedy=_MATRIX_ELSEWHERE[1])
        if "quick" in values:
            yield Problem(("quick",), "a quick block holds no other", remedy="remove it")
        for name, known in unlisted(values):
            yield Problem((DATA, name), "is not mounted by the job on Kaggle", remedy=to_list(known))
        backend = values.get("backend")
        if isinstance(backend, str) and backend not in self._backends:
            yield Problem(("backend",), f"unknown backend {as_json(backend)}", backend, self._backends)
