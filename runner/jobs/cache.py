"""The jobs of jobs.yaml as plain JSON, read anew only when the file or its reader changed.

Checking them takes pydantic a tenth of a second, and of ten thousand jobs one and a half, which a command with nothing
to do need not spend. The cache begins with a table of contents, in one line, and each job is decoded when it is asked
for: where there are ten thousand, a command about one looks at one.
"""

from __future__ import annotations

import functools
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from contract.errors import InputError
from contract.storage import files
from runner.backends.registry import BACKENDS, installed, known_backends, sections
from runner.jobs.judged import NONE_KNOWN, Judged, KnownJobs, Stated
from runner.layout import JOBS_FILE
from runner.studies.records import trial_jobs, trial_of_job
from runner.studies.values import Study

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.layout import RunsFolder

CODE = Path(__file__).parent.parent.parent
READERS = ("contract", "job", "runner/backends", "runner/jobs", "runner/studies")
"""Where the code lies that decides how jobs.yaml is read."""


class _Contents(msgspec.Struct, frozen=True):
    """The first line of the file `jobs` of the cache.

    Args:
        stamp: what the jobs were read from, and by which code.
        ends: where each job ends, counted from the end of this line; it begins where the one before it ends.
        size: of all jobs, which tells whether the file is whole.
        studies: each by its name.
    """

    stamp: str
    ends: dict[str, int]
    size: int
    studies: dict[str, msgspec.Raw] = {}


class _Jobs:
    """Jobs as JSON, one after the other.

    Args:
        contents: their table of contents.
        content: what has them.
        begins: where in it the first one begins.
    """

    def __init__(self, contents: _Contents, content: bytes, begins: int = 0) -> None:
        self.stamp = contents.stamp
        self.names = list(contents.ends)
        self.studies = contents.studies
        self._contents = contents
        self._content = memoryview(content)
        self._begins = begins

    @classmethod
    def of(cls, stamp: str, jobs: dict[str, bytes | memoryview], studies: dict[str, msgspec.Raw]) -> _Jobs:
        """Those that were read just now."""
        ends = dict(zip(jobs, itertools.accumulate(map(len, jobs.values())), strict=True))
        content = b"".join(jobs.values())
        return cls(_Contents(stamp, ends, len(content), studies), content)

    @classmethod
    def read(cls, path: Path) -> _Jobs | None:
        """Those in the file at `path`; None where it is not there, or damaged."""
        try:
            content = path.read_bytes()
            begins = content.index(b"\n") + 1
            contents = msgspec.json.decode(content[:begins], type=_Contents)
        except (OSError, ValueError):  # what msgspec raises is a ValueError
            return None
        return cls(contents, content, begins) if len(content) == begins + contents.size else None

    def write(self, path: Path) -> None:
        """Write them to the file at `path`."""
        files.write_bytes(path, msgspec.json.encode(self._contents) + b"\n" + self._content[self._begins :])

    @functools.cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        ends = self._contents.ends
        return dict(zip(ends, itertools.pairwise((0, *ends.values())), strict=True))

    def has(self, name: str) -> bool:
        """Whether there is a job of that name."""
        return name in self._contents.ends

    def job(self, name: str) -> dict[str, dict[str, Any]] | None:
        """Both forms of a job; None where there is no such job."""
        if (found := self.forms(name)) is None:
            return None
        forms: dict[str, dict[str, Any]] = msgspec.json.decode(found)
        return forms

    def forms(self, name: str) -> memoryview | None:
        """The same as JSON."""
        if (place := self._places.get(name)) is None:
            return None
        begins, ends = place
        return self._content[self._begins + begins : self._begins + ends]


class _Refused(NamedTuple):
    """Jobs that the file names and that cannot be used, and all names in the order of the file once it was read."""

    errors: dict[str, InputError]
    names: tuple[str, ...]


class JobsReader:
    """Reads the jobs of one project.

    Args:
        runs: the project's `runs/`, for its root and its cache.
    """

    def __init__(self, runs: RunsFolder) -> None:
        self._runs = runs
        self._path = runs.root / JOBS_FILE
        self._cache = runs.cache("jobs")
        self._cache_of_stated = runs.cache("jobs-stated")
        self._read: _Jobs | None = None
        self._refused = _Refused({}, ())
        self._stated = Stated("", "", {})
        self._is_new = False

    @property
    def names(self) -> list[str]:
        """The jobs, in the order of jobs.yaml.

        Raises:
            InputError: jobs.yaml has an error.
        """
        content = self._content()
        return list(self._refused.names or content.names)

    def has(self, name: str) -> bool:
        """Whether there is a job of that name, be it right or not.

        Raises:
            InputError: jobs.yaml has an error.
        """
        return self._content().has(name) or name in self._refused.errors

    @functools.cached_property
    def trials(self) -> list[str]:
        """The jobs of the trials of all studies that have begun, but for those that jobs.yaml has itself."""
        return [name for name in trial_jobs(self._runs) if not self.has(name)]

    @property
    def studies(self) -> list[str]:
        """The studies, in the order of jobs.yaml.

        Raises:
            InputError: jobs.yaml has an error.
        """
        return list(self._content().studies)

    def study(self, name: str) -> Study:
        """The study called `name`.

        Raises:
            InputError: jobs.yaml has an error, or no such study.
        """
        content = self._content()
        if name not in content.studies:
            raise InputError(f"study {name}", "is not in jobs.yaml", "put it below `studies:`, or ask for another one")
        return msgspec.json.decode(content.studies[name], type=Study)

    def job(self, name: str) -> dict[str, dict[str, Any]]:
        """The job called `name`, as `quick` and as `full`; one that jobs.yaml has not is a study's trial.

        Raises:
            InputError: jobs.yaml has an error, or the job names a folder as source that cannot be one, or has gone.
        """
        forms = self._content().job(name)
        if forms is not None and not self._refused.names and not self._has_its_sources(forms):
            readers = self._readers()
            self._read = self._read_anew(self._stamp(readers), readers, None)  # the file says in which line they stand
        if (refused := self._refused.errors.get(name)) is not None:
            raise refused
        if forms is not None:
            return forms
        if (trial := trial_of_job(self._runs, name)) is None:
            raise InputError(f"job {name}", "is no longer in jobs.yaml", "put it back, or ask for another one")
        if isinstance(trial.job, str):
            raise InputError(f"job {name}", trial.job, "it was a trial that could not run")
        return trial.job

    def _has_its_sources(self, forms: dict[str, dict[str, Any]]) -> bool:
        folders = {folder for form in forms.values() for folder in form.get("sources", ())}
        return all(os.path.isdir(self._runs.root / folder) for folder in folders)  # noqa: PTH112 - Path.is_dir may raise

    def remember(self) -> None:
        """Keep the jobs for the next command."""
        if self._is_new and self._read is not None:
            self._read.write(self._cache)
            if self._stated.digests:
                self._stated.write(self._cache_of_stated)
            self._is_new = False

    def _content(self) -> _Jobs:
        if self._read is None:
            readers = self._readers()
            stamp = self._stamp(readers)
            cached = _Jobs.read(self._cache)
            if cached is not None and stamp and cached.stamp == stamp:
                self._read = cached
            else:
                self._read = self._read_anew(stamp, readers, cached)
                self._is_new = not self._refused.errors  # a folder may be put right, and the file stay as it is
        return self._read

    def _read_anew(self, stamp: str, readers: str, before: _Jobs | None) -> _Jobs:
        from runner.jobs.file import load_file  # noqa: PLC0415 - it imports pydantic

        jobs, studies, stated = load_file(self._path, sections(), self._known(readers, before))
        self._stated = Stated(stamp, readers, stated)
        errors = {name: job for name, job in jobs.items() if isinstance(job, InputError)}
        self._refused = _Refused(errors, tuple(jobs))
        usable = {name: job for name, job in jobs.items() if not isinstance(job, InputError)}
        return _Jobs.of(
            stamp,
            {
                name: job.forms if isinstance(job, Judged) else msgspec.json.encode(job.as_json())
                for name, job in usable.items()
            },
            {name: msgspec.Raw(msgspec.json.encode(study)) for name, study in studies.items()},
        )

    def _known(self, readers: str, before: _Jobs | None) -> KnownJobs:
        """The jobs that the same code has judged before.

        None where a distribution brings a backend: its code is not among the readers, and may be under development.
        """
        stated = Stated.read(self._cache_of_stated) if before is not None else None
        if stated is None or before is None or (stated.stamp, stated.readers) != (before.stamp, readers):
            return NONE_KNOWN
        return KnownJobs(stated.digests, before.forms) if {*known_backends()} == {*BACKENDS} else NONE_KNOWN

    def _readers(self) -> str:
        """One digest of what reads jobs.yaml."""
        code = [each for folder in READERS for each in _sources_below(str(CODE / folder))]
        return files.sha256_of_value([installed(), sorted(code)])

    def _stamp(self, readers: str) -> str:
        """One digest of the file and of what reads it; of nothing where there is no file, which reading will say."""
        try:
            content = files.sha256_of_file(self._path)
        except OSError:
            return ""
        return files.sha256_of_value([content, readers])


def _sources_below(folder: str) -> Iterator[tuple[str, int, int]]:
    """Every Python file below `folder`: its path, when it was changed, and its size."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                status = entry.stat()
                yield entry.path, status.st_mtime_ns, status.st_size
            elif entry.name != "__pycache__" and entry.is_dir():
                yield from _sources_below(entry.path)
