"""What was found to have nothing to do, and all that this was read from.

While none of it has changed, the answer stays: a command that asks again is told so without reading any of it. The
answer is `decide`'s own, and nothing is judged here: whatever is not exactly as it was sends the command to look at
everything again. Each command starts with this module, so that it imports next to nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from typing import TYPE_CHECKING, NamedTuple, Protocol

from runner.backends.registry import installed
from runner.layout import RunsFolder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

CACHE = "settled"
UNKNOWN = (OSError, ValueError, TypeError, KeyError, AttributeError)
"""What `read_memory` raises where nothing is remembered, or nothing that can be understood."""
State = tuple[int, ...]
"""What tells without reading a file that it is as it was."""
Entry = tuple[str | int, ...]
"""The name of a file and its state, or the name of a folder alone."""


class Asked(Protocol):
    """What a command line asks for, as far as it matters here."""

    @property
    def asked(self) -> Sequence[str]:
        """The tasks, `task` or `task:job`."""

    @property
    def names(self) -> AbstractSet[str]:
        """The tasks, without the jobs."""

    @property
    def run_task(self) -> str | None:
        """The one that runs sessions, if any does."""

    @property
    def redoes(self) -> bool:
        """Whether sessions are done again because somebody asks for it."""

    @property
    def profile(self) -> str:
        """Which of each job's two forms the session to come has."""


class Answer(NamedTuple):
    """That a job has nothing to do.

    Args:
        sentence: what is said of it.
        sources: the folders of its own that it carries.
        state: of all that it was read from, beside what every answer goes by.
    """

    sentence: str
    sources: list[str]
    state: str


class Memory(NamedTuple):
    """The answers of a project.

    Args:
        jobs: all names in jobs.yaml, in its order.
        files: single files that every answer goes by, whether they are there or not.
        code: the folders of kaggle-relay's own code.
        below: for each folder of code or sources, itself and the folders below it.
        state: of all that every answer goes by.
        answers: by profile and job.
    """

    jobs: list[str]
    files: list[str]
    code: list[str]
    below: dict[str, list[str]]
    state: str
    answers: dict[str, dict[str, Answer]]


class Look:
    """One look at files and folders.

    Args:
        below: for each folder that is looked at with all below it, the folders to look at.
    """

    def __init__(self, below: dict[str, list[str]]) -> None:
        self.written_ns = 0
        self.folders: list[str] = []
        self.has_links = False
        self._below = below
        self._trees: dict[str, str] = {}

    def file(self, path: str) -> State | None:
        """The state of one file, None where it is not there."""
        try:
            return self._state(os.stat(path))  # noqa: PTH116 - spares a Path for each file
        except FileNotFoundError:
            return None

    def folder(self, path: str) -> list[Entry]:
        """What a folder holds, not looking into the folders in it."""
        self.folders.append(path)
        with os.scandir(path) as entries:
            return sorted(
                (each.name,)
                if each.is_dir(follow_symlinks=False)
                else (each.name, *self._state(each.stat(follow_symlinks=False)))
                for each in entries
            )

    def tree(self, path: str) -> str:
        """One digest of what a folder and those below it hold."""
        if path not in self._trees:
            self._trees[path] = _digest([self.folder(each) for each in self._below[path]])
        return self._trees[path]

    def _state(self, status: os.stat_result) -> State:
        # On Windows no time tells of an edit that puts the old one back, as in `runner.sources.walk`.
        written = status.st_mtime_ns if sys.platform == "win32" else status.st_ctime_ns
        self.written_ns = max(self.written_ns, written)
        self.has_links = self.has_links or stat.S_ISLNK(status.st_mode)
        return status.st_mtime_ns, status.st_size, status.st_ctime_ns, status.st_ino


def state_of_all(memory: Memory, look: Look) -> str:
    """What every answer goes by: the files of the project, the code that answers, and what is installed beside it."""
    files = [(path, look.file(path)) for path in memory.files]
    code = [(each, look.tree(each)) for each in memory.code]
    return _digest([sys.version, __file__, installed(), memory.jobs, files, code])


def state_of_job(runs: RunsFolder, job: str, backend: str | None, sources: Sequence[str], look: Look) -> str:
    """What the answer for one job goes by besides: where it is to run, its sources and its sessions on disk."""
    sessions = [(look.folder(str(each.path)), look.file(str(each.sources_table))) for each in runs.sessions(job)]
    carried = [(each, look.tree(each)) for each in sources]
    return _digest([job, backend, carried, look.folder(str(runs.job(job))), sessions])


def said_again(root: Path, chosen: Asked, backend: str | None) -> list[str] | None:
    """What is said where none of the jobs that were asked for has anything to do, None where that is not known.

    Args:
        root: the project's folder.
        chosen: what is asked for.
        backend: overrides the backend of every job, if given.
    """
    if chosen.names != {chosen.run_task} or chosen.redoes:
        return None
    runs = RunsFolder(root)
    try:
        memory = read_memory(runs)
        answers = memory.answers[chosen.profile]
        known = {job: answers[job] for job in _asked(chosen, memory.jobs)}
        look = Look(memory.below)
        is_as_it_was = memory.state == state_of_all(memory, look) and all(
            answer.state == state_of_job(runs, job, backend, answer.sources, look) for job, answer in known.items()
        )
    except UNKNOWN:
        return None
    return [answer.sentence for answer in known.values()] if is_as_it_was else None


def read_memory(runs: RunsFolder) -> Memory:
    """What is remembered of a project.

    Raises:
        OSError: nothing is; the others that `UNKNOWN` has say that it cannot be understood.
    """
    document = json.loads(runs.cache(CACHE).read_bytes())
    answers = {
        profile: {job: Answer(*answer) for job, answer in dict.items(by_job)}
        for profile, by_job in dict.items(document.pop("answers"))
    }
    return Memory(**document, answers=answers)


def _asked(chosen: Asked, known: list[str]) -> list[str]:
    """The jobs that were asked for, as doit comes past them; a pattern is no job's name."""
    jobs: list[str] = []
    for task in chosen.asked:
        _, names_one, job = task.partition(":")
        jobs += [job] if names_one else known
    return list(dict.fromkeys(jobs))


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()
