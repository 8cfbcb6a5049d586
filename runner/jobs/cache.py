"""The jobs of jobs.yaml as plain JSON, read anew only when the file or its reader changed.

Checking them takes pydantic a tenth of a second, which a command with nothing to do need not spend.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract import files
from runner.backends.registry import installed, sections
from runner.layout import JOBS_FILE

if TYPE_CHECKING:
    from runner.layout import RunsFolder

_READERS = (
    "runner/jobs/cache.py",
    "runner/jobs/file.py",
    "runner/jobs/sections.py",
    "runner/jobs/source_folders.py",
    "runner/jobs/yaml_positions.py",
    "runner/backends/base.py",
    "runner/backends/docker/section.py",
    "runner/backends/kaggle/section.py",
    "runner/backends/local.py",
    "runner/backends/registry.py",
    "job/algorithms/continuous.py",
    "job/algorithms/epsilon_greedy.py",
    "job/algorithms/hyperparameters.py",
    "job/algorithms/off_policy.py",
    "job/algorithms/on_policy.py",
    "job/algorithms/policy_kwargs.py",
    "job/algorithms/random_search.py",
    "job/algorithms/registry.py",
    "job/model.py",
    "job/problems.py",
    "job/schedules.py",
    "job/sizes.py",
)


class JobsReader:
    """Reads the jobs of one project.

    Args:
        runs: the project's `runs/`, for its root and its cache.
    """

    def __init__(self, runs: RunsFolder) -> None:
        self._path = runs.root / JOBS_FILE
        self._cache = runs.cache("jobs")
        self._document: dict[str, Any] | None = None
        self._is_new = False

    def read(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Each job by its name, as `quick` and as `full`.

        Raises:
            InputError: jobs.yaml has an error.
        """
        if self._document is None:
            stamp = self._stamp()
            self._document = self._cached(stamp)
            if self._document is None:
                self._document = {"stamp": stamp, "jobs": self._read_anew()}
                self._is_new = True
        jobs: dict[str, dict[str, dict[str, Any]]] = self._document["jobs"]
        return jobs

    def remember(self) -> None:
        """Keep the jobs for the next command."""
        if self._is_new:
            files.write_json(self._cache, self._document)
            self._is_new = False

    def _read_anew(self) -> dict[str, dict[str, dict[str, Any]]]:
        from runner.jobs.file import load_jobs  # noqa: PLC0415 - it imports pydantic

        return {name: job.as_json() for name, job in load_jobs(self._path, sections()).items()}

    def _stamp(self) -> dict[str, Any] | None:
        package = Path(__file__).parent.parent.parent
        try:
            readers = [(package / name).stat().st_mtime_ns for name in _READERS if (package / name).exists()]
            return {"sha256": files.sha256_of_file(self._path), "readers": readers, "installed": installed()}
        except OSError:
            return None

    def _cached(self, stamp: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            document = files.read_json(self._cache)
            return document if stamp is not None and document["stamp"] == stamp else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
