"""Remembers for the next command that jobs have nothing to do, with all that this was read from."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import contract
import executors
import job
import restore
import runner
import trainer
from contract.storage import files
from runner.layout import JOBS_FILE, PACKAGES_LOCK
from runner.planning import settled
from runner.planning.outcome import nothing_to_do
from runner.planning.settled import Answer, Look, Memory
from runner.sources.reading import SETTLING_NS
from runner.sources.walk import is_left_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.workspace import Plan, Workspace

DODO_FILE = "dodo.py"
_CONFIGURATION = ("pyproject.toml", "doit.cfg")
CODE = tuple(package.__path__[0] for package in (contract, executors, job, restore, runner, trainer))


def remember(workspace: Workspace, plans: Sequence[Plan], backend: str | None, database: Path, began_ns: int) -> bool:
    """Remember that nothing is to be done for `plans`, and return whether it is remembered.

    It is not where anything was written since the command began or shortly before, as it may have been read before
    that; nor where links lead elsewhere.

    Args:
        workspace: the project.
        plans: of jobs that have nothing to do, all under one profile.
        backend: overrides the backend of every job, if given.
        database: doit's memory.
        began_ns: when the command began, in nanoseconds.
    """
    own = {plan.job: [str(each) for each in workspace.own_sources(plan.wanted.job)] for plan in plans}
    try:
        below = {tree: _folders_below(tree) for tree in {*CODE, *itertools.chain.from_iterable(own.values())}}
        look = Look(below)
        memory = Memory(workspace.jobs, _files(workspace.runs.root, database), [*CODE], below, "", {})
        memory = memory._replace(state=settled.state_of_all(memory, look))
        answers = {
            plan.job: Answer(nothing_to_do(plan), own[plan.job], state)
            for plan in plans
            for state in [settled.state_of_job(workspace.runs, plan.job, backend, own[plan.job], look)]
        }
        if look.has_links or _newest_ns(look) >= began_ns - SETTLING_NS:
            return False
        _write(workspace, memory, plans[0].wanted.profile, answers)
    except OSError:
        return False
    return True


def _write(workspace: Workspace, memory: Memory, profile: str, answers: dict[str, Answer]) -> None:
    """Keep answers beside those that are still known."""
    known: Memory | None = None
    with contextlib.suppress(*settled.UNKNOWN):
        known = settled.read_memory(workspace.runs)
    if known is not None and known.state == memory.state and known.code == memory.code:
        memory = memory._replace(below=known.below | memory.below, answers=known.answers)
        answers = known.answers.get(profile, {}) | answers
    memory = memory._replace(answers=memory.answers | {profile: answers})
    if memory != known:
        files.write_bytes(workspace.runs.cache(settled.CACHE), json.dumps(memory._asdict()).encode())


def _files(root: Path, database: Path) -> list[str]:
    """What doit goes by, and the jobs."""
    own = [str(root / name) for name in (DODO_FILE, *_CONFIGURATION, JOBS_FILE, PACKAGES_LOCK)]
    return list(dict.fromkeys([*own, *_imported(root), str(database), f"{database}-wal"]))


def _imported(root: Path) -> list[str]:
    """What dodo.py has imported of the project, and what that has."""
    found = {getattr(module, "__file__", None) for module in [*sys.modules.values()]}
    own, elsewhere = _beginnings(root), _beginnings(sys.prefix, *CODE)
    # Nearly all lie elsewhere, and to make a path of each takes long.
    paths = {str(Path(file)) for file in found if isinstance(file, str) and not file.startswith(elsewhere)}
    return sorted(path for path in paths if _is_below(path, own) and not _is_below(path, elsewhere))


def _beginnings(*folders: Path | str) -> tuple[str, ...]:
    """How the paths of files in these folders begin."""
    return tuple(os.path.join(os.path.normcase(Path(folder)), "") for folder in folders)  # noqa: PTH118 - Path drops the separator


def _is_below(path: str, beginnings: tuple[str, ...]) -> bool:
    return os.path.normcase(path).startswith(beginnings)


def _folders_below(tree: str) -> list[str]:
    """A folder and those below it whose files a session may carry.

    Raises:
        OSError: one cannot be read, or leads elsewhere.
    """
    folders, waiting = [], [Path(tree)]
    while waiting:
        folder = waiting.pop()
        if folder.resolve() != folder.parent.resolve() / folder.name:
            raise OSError(folder)
        folders.append(str(folder))
        with os.scandir(folder) as entries:
            below = [each for each in entries if each.is_dir(follow_symlinks=False) and not is_left_out(each.name)]
        waiting += [Path(each.path) for each in below]
    return sorted(folders)


def _newest_ns(look: Look) -> int:
    """When the newest of what was looked at was written, added or removed."""
    return max(look.written_ns, *(Path(folder).stat().st_mtime_ns for folder in look.folders))
