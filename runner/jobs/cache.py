"""The jobs of jobs.yaml as plain JSON, read anew only when the file or its reader changed.

Checking them takes pydantic a tenth of a second, which a command with nothing to do need not spend. Each job is decoded
when it is asked for: where there are a thousand, a command about one reads one.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from contract.errors import InputError
from contract.storage import files
from runner.backends.registry import installed, sections
from runner.layout import JOBS_FILE
from runner.studies.records import trial_jobs, trial_of_job
from runner.studies.values import Study

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.layout import RunsFolder

CODE = Path(__file__).parent.parent.parent
READERS = ("contract", "job", "runner/backends", "runner/jobs", "runner/studies")
"""Where the code lies that decides how jobs.yaml is read."""


class _Cached(msgspec.Struct, frozen=True):
    """What the file `jobs` of the cache says.

    Args:
        stamp: what the jobs were read from, and by which code.
        jobs: each by its name.
        studies: likewise.
    """

    stamp: str
    jobs: dict[str, msgspec.Raw]
    studies: dict[str, msgspec.Raw] = {}


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
        self._read: _Cached | None = None
        self._refused = _Refused({}, ())
        self._is_new = False

    @property
    def names(self) -> list[str]:
        """The jobs, in the order of jobs.yaml.

        Raises:
            InputError: jobs.yaml has an error.
        """
        content = self._content()
        return list(self._refused.names or content.jobs)

    @functools.cached_property
    def trials(self) -> list[str]:
        """The jobs of the trials of all studies that have begun, but for those that jobs.yaml has itself."""
        own = {*self.names}
        return [name for name in trial_jobs(self._runs) if name not in own]

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
        content = self._content()
        if (refused := self._refused.errors.get(name)) is not None:
            raise refused
        if name not in content.jobs and (trial := trial_of_job(self._runs, name)) is not None:
            if isinstance(trial.job, str):
                raise InputError(f"job {name}", trial.job, "it was a trial that could not run")
            return trial.job
        if name not in content.jobs:
            raise InputError(f"job {name}", "is no longer in jobs.yaml", "put it back, or ask for another one")
        forms: dict[str, dict[str, Any]] = msgspec.json.decode(content.jobs[name])
        return forms

    def remember(self) -> None:
        """Keep the jobs for the next command."""
        if self._is_new:
            files.write_bytes(self._cache, msgspec.json.encode(self._read))
            self._is_new = False

    def _content(self) -> _Cached:
        if self._read is None:
            stamp = self._stamp()
            self._read = self._cached(stamp)
            if self._read is None:
                self._read = self._read_anew(stamp)
                self._is_new = not self._refused.errors  # a folder may be put right, and the file stay as it is
        return self._read

    def _read_anew(self, stamp: str) -> _Cached:
        from runner.jobs.file import load_file  # noqa: PLC0415 - it imports pydantic

        jobs, studies = load_file(self._path, sections())
        errors = {name: job for name, job in jobs.items() if isinstance(job, InputError)}
        self._refused = _Refused(errors, tuple(jobs))
        usable = {name: job for name, job in jobs.items() if not isinstance(job, InputError)}
        return _Cached(
            stamp,
            {name: msgspec.Raw(msgspec.json.encode(job.as_json())) for name, job in usable.items()},
            {name: msgspec.Raw(msgspec.json.encode(study)) for name, study in studies.items()},
        )

    def _stamp(self) -> str:
        """One digest of the file and of what reads it; of nothing where there is no file, which reading will say."""
        try:
            content = files.sha256_of_file(self._path)
        except OSError:
            return ""
        readers = [each for folder in READERS for each in _sources_below(str(CODE / folder))]
        return files.sha256_of_value([content, installed(), sorted(readers)])

    def _cached(self, stamp: str) -> _Cached | None:
        try:
            cached = msgspec.json.decode(self._cache.read_bytes(), type=_Cached)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return cached if stamp and cached.stamp == stamp else None


def _sources_below(folder: str) -> Iterator[tuple[str, int, int]]:
    """Every Python file below `folder`: its path, when it was changed, and its size."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                status = entry.stat()
                yield entry.path, status.st_mtime_ns, status.st_size
            elif entry.name != "__pycache__" and entry.is_dir():
                yield from _sources_below(entry.path)
