"""The jobs of trials go on: each by as much as can be done without waiting.

This is all that a search asks of whoever runs sessions: `advance` a job, `look` at what it has printed, `stop` it.
"""

from __future__ import annotations

import contextlib
import enum
from typing import TYPE_CHECKING, NamedTuple, Self

from contract.errors import (
    BackendBusyError,
    BackendError,
    BackendUnreachableError,
    HeldElsewhereError,
    IncompatibleError,
    InputError,
    SessionLostError,
    UnavailableError,
    UnderWayError,
)
from contract.plain_text import plain
from runner.backends.registry import open_backend
from runner.commands.cancel import ask_to_stop
from runner.lineage import Phase, read_lineage
from runner.lock import held
from runner.planning.decide import BEGINNING, REFUSALS, Nothing, Rejudge
from runner.planning.endings import Ending, why_ended
from runner.planning.restraint import why_not
from runner.stages import wiring

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.lineage import SessionState
    from runner.workspace import LiveSession, Plan, Workspace


class Stand(enum.Enum):
    """Where a job stands once it went on."""

    UNDER_WAY = enum.auto()
    """A session of it runs or waits."""
    ENDED = enum.auto()
    """A session of it has ended, and there may be more to do at once."""
    MET = enum.auto()
    """Its goal is met."""
    STUCK = enum.auto()
    """No further session would get it there."""
    AT_REST = enum.auto()
    """No session of it runs, and none is to begin: somebody has asked it to stop."""


class Went(NamedTuple):
    """How far a job went.

    Args:
        stand: where it stands.
        why: in words.
    """

    stand: Stand
    why: str = ""


class Driver:
    """Has the jobs of a search go on, each of which is held meanwhile.

    Args:
        workspace: the project, which does not wait.
        command: what holds the jobs, for whoever finds them held.
        begins_what_was_stopped: whether a job goes on that a user has asked to stop before.
    """

    def __init__(self, workspace: Workspace, command: str, *, begins_what_was_stopped: bool) -> None:
        self._workspace = workspace
        self._command = command
        self._begins_what_was_stopped = begins_what_was_stopped
        self._locks = contextlib.ExitStack()
        self._held: dict[str, contextlib.ExitStack] = {}
        self._ended: set[str] = set()
        self._asked_to_stop: set[str] = set()

    def __enter__(self) -> Self:
        """Begin to hold jobs."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let all of them go."""
        self._locks.close()

    def advance(self, job: str, *, begins: bool) -> Went:
        """Do of a job what can be done without waiting.

        Args:
            job: its name.
            begins: whether a further session may begin.

        Raises:
            RelayError: something is wrong that is no fault of the job.
        """
        if job not in self._held:
            holding = contextlib.ExitStack()
            try:
                holding.enter_context(held(self._workspace.runs, job, self._command))
            except HeldElsewhereError as error:
                return Went(Stand.UNDER_WAY, plain(str(error)))
            self._held[job] = self._locks.enter_context(holding)
        workspace = self._workspace.reopened()
        plan = workspace.plan(job, "full")
        if isinstance(plan.decision, Nothing):
            return Went(Stand.MET, str(plan.decision))
        if isinstance(plan.decision, REFUSALS):
            return Went(Stand.STUCK, str(plan.decision))
        if isinstance(plan.decision, BEGINNING) and (waits_for := self._why_not(plan, begins=begins)) is not None:
            return waits_for
        for live in workspace.live_sessions(plan):
            if (went := _through(workspace, live, rejudges=isinstance(plan.decision, Rejudge))) is not None:
                return went
        self._ended.add(job)
        return Went(Stand.ENDED)

    def _why_not(self, plan: Plan, *, begins: bool) -> Went | None:
        """Why no further session of a job begins, None where one may."""
        reason = why_not(plan)
        tip = plan.lineage.tip
        is_stopped = tip is not None and tip.folder.execution_json.exists() and why_ended(tip) is Ending.STOPPED
        if not begins:
            return Went(Stand.AT_REST, reason or "")
        if reason is None:
            return None
        if is_stopped:
            may = self._begins_what_was_stopped and plan.job not in self._ended
            return None if may else Went(Stand.AT_REST, reason)
        return Went(Stand.STUCK, reason)

    def look(self, job: str) -> None:
        """Copy what a running session has printed since the last look, where its backend gives that meanwhile."""
        session = running(self._workspace, job)
        if session is None or session.ledger.handle is None:
            return
        log = session.folder.log
        written = log.stat().st_size if log.exists() else 0
        with contextlib.suppress(BackendUnreachableError, SessionLostError):
            with open_backend(session.ledger.backend, self._workspace.runs) as backend:
                news = backend.logs(session.ledger.handle, written)
            if news:
                with log.open("ab") as stream:
                    stream.write(news)

    def stop(self, job: str) -> None:
        """Ask a running session to stop after a last checkpoint, once: a command before may have been cut off at it.

        Where a backend cannot be asked, now or at all, the session runs on.
        """
        session = running(self._workspace, job)
        if session is None or session.ledger.handle is None or session.package.key in self._asked_to_stop:
            return
        self._asked_to_stop.add(session.package.key)
        with contextlib.suppress(BackendError):
            ask_to_stop(self._workspace, session, session.ledger.handle)


def running(workspace: Workspace, job: str) -> SessionState | None:
    """The session of a job that was submitted, and of which no end is known."""
    head = read_lineage(workspace.runs, job).head
    return head if head is not None and head.phase is Phase.SUBMITTED else None


def _through(workspace: Workspace, live: LiveSession, *, rejudges: bool) -> Went | None:
    """Bring a session through what is left of its stages; where it did not come to the end, how far it went."""
    folder = live.folder
    stages: tuple[tuple[Callable[[Workspace, LiveSession], None], bool], ...] = (
        (wiring.package, folder.package_json.exists()),
        (wiring.execute, folder.execution_json.exists()),
        (wiring.download, folder.manifest_json.exists()),
        (wiring.validate, folder.report_json.exists() and not rejudges),
        (wiring.restore, folder.restored_json.exists() and not rejudges),
    )
    for stage, is_done in stages:
        if is_done:
            continue
        try:
            stage(workspace, live)
        except (UnderWayError, BackendBusyError, BackendUnreachableError) as error:
            return Went(Stand.UNDER_WAY, plain(str(error)))
        except (InputError, IncompatibleError) as error:
            if stage is not wiring.package or isinstance(error, UnavailableError):
                raise  # it says nothing of the job's hyperparameters
            return Went(Stand.STUCK, plain(str(error)))
    return None
