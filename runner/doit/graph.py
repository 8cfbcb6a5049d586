"""Words to write a dodo.py with: live sessions, their stages, and errors as one sentence."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from doit import get_var
from doit.exceptions import TaskError, TaskFailed

from contract import files
from contract.errors import InputError, RelayError
from runner.decide import REFUSALS
from runner.doit import selection
from runner.outcome import announce
from runner.workspace import LiveSession, Plan, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from doit.exceptions import BaseFail

Task = dict[str, Any]
"""A task as doit takes it."""
Tasks = Iterator[Task]

_USER_ERROR = 2
_KNOWN_VARIABLES = ("backend",)


class Graph:
    """Draws the task graph of a project for what the command line asks.

    Args:
        root: the folder of dodo.py.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._drawn_for: selection.Selection | None = None
        self._plans: list[Plan] = []
        self._reasons_said: set[tuple[str, str]] = set()
        self._workspace = Workspace(root)

    @property
    def workspace(self) -> Workspace:
        """The project as it is now."""
        self._draw()
        return self._workspace

    @property
    def plans(self) -> list[Plan]:
        """What is planned for each job under the profile that was asked for."""
        self._draw()
        return self._plans

    def redraw(self, chosen: selection.Selection) -> None:
        """Look at the disk again, for `chosen`."""
        selection.use(chosen)
        self._drawn_for = None

    def live_sessions(self) -> Iterator[LiveSession]:
        """Every session whose stages may have something to do."""
        for plan in self.plans:
            yield from self._workspace.live_sessions(plan)

    def stage(self, live: LiveSession, needs: list[Path], makes: list[Path], uptodate: list[Any] | None = None) -> Task:
        """A stage of a session as a doit sub-task; it is named after the function that calls this one.

        Args:
            live: the session.
            needs: the files that it reads; it runs again when their content changes.
            makes: the files that it writes, the last one last.
            uptodate: further conditions of doit's.
        """
        name = sys._getframe(1).f_code.co_name.removeprefix("task_")  # noqa: SLF001 - spares dodo.py a repetition
        action = functools.partial(_run_stage, name, self._workspace, live)
        return {
            "name": live.name,
            "doc": f"Session {live.name} {live.why}.",
            "title": lambda _task: self._title(name, live),
            "actions": [in_one_sentence(action)],
            "file_dep": [str(path) for path in needs],
            "targets": [str(path) for path in makes],
            "uptodate": uptodate or [True],
            "verbosity": 2,
        }

    def runs(self) -> Tasks:
        """For each job a sub-task that runs its live sessions and says what came of them."""
        for plan in self.plans:
            sessions = [] if isinstance(plan.decision, REFUSALS) else self._workspace.live_sessions(plan)
            action = functools.partial(announce, self._workspace, plan)
            yield self._sub_task(plan.job, action) | {"task_dep": [f"restore:{session.name}" for session in sessions]}

    def for_each_job(self, command: str) -> Tasks:
        """For each job a sub-task that calls the function of `runner.commands` with it."""
        for plan in self.plans:
            yield self._sub_task(plan.job, functools.partial(_run_command, command, self._workspace, plan.job))

    def for_all_jobs(self, command: str) -> Task:
        """A task that calls the function of `runner.commands` with all jobs that were asked for at once."""
        jobs = selection.current().jobs([plan.job for plan in self.plans])
        action = functools.partial(_run_command, command, self._workspace, jobs)
        return {"actions": [in_one_sentence(action)], "uptodate": [False], "verbosity": 2}

    def _sub_task(self, job: str, action: Callable[[], None]) -> Task:
        return {"name": job, "actions": [in_one_sentence(action)], "uptodate": [False], "verbosity": 2}

    def rules(self, live: LiveSession) -> str:
        """What decides the verdict on a session's artifacts."""
        return files.canonical_json(msgspec.to_builtins(live.plan.wanted.rules)).decode()

    def _title(self, stage: str, live: LiveSession) -> str:
        """The line of a stage that runs; a session's reason stands on its first one."""
        reason = (live.name, live.why)
        if reason in self._reasons_said:
            return f"{stage:<8}  {live.name}"
        self._reasons_said.add(reason)
        return f"{stage:<8}  {live.name}  {live.why}"

    def _draw(self) -> None:
        chosen = selection.current()
        if self._drawn_for is chosen:
            return
        with exiting_on_error():
            self._workspace = Workspace(self._root, _backend_variable())
            known = self._workspace.jobs
            self._plans = [self._workspace.plan(job, chosen.profile) for job in known]
        self._drawn_for = chosen


def _run_stage(name: str, workspace: Workspace, live: LiveSession) -> None:
    from runner.stages import on_workspace  # noqa: PLC0415 - a command with nothing to do needs none of it

    getattr(on_workspace, name)(workspace, live)


def _run_command(name: str, workspace: Workspace, jobs: str | list[str]) -> None:
    from runner import commands  # noqa: PLC0415 - likewise

    getattr(commands, name)(workspace, jobs)


def in_one_sentence(action: Callable[[], None]) -> Callable[[], BaseFail | None]:
    """`action` for doit: an error of ours becomes a failed task whose report is its sentence."""

    def guarded() -> BaseFail | None:
        try:
            action()
        except RelayError as error:
            failure = TaskError if error.exit_code == _USER_ERROR else TaskFailed
            return failure(str(error))
        return None

    return guarded


class exiting_on_error:  # noqa: N801 - reads as a phrase in a with statement
    """Ends the process with an error's sentence and exit code; doit would print a traceback."""

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Turn an error of ours into the end of the process."""
        if isinstance(error, RelayError):
            sys.stderr.write(f"{error}\n")
            raise SystemExit(error.exit_code) from None


def _backend_variable() -> str | None:
    from doit import doit_cmd  # noqa: PLC0415 - the variables exist once doit has begun

    unknown = sorted((doit_cmd._CMDLINE_VARS or {}).keys() - set(_KNOWN_VARIABLES))  # noqa: SLF001 - no public listing
    if unknown:
        raise InputError(f"variable {unknown[0]}", "is unknown", f"known: {', '.join(_KNOWN_VARIABLES)}")
    backend = get_var("backend")
    return str(backend) if backend is not None else None
