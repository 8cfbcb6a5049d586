"""The jobs of trials go on: each by as much as can be done without waiting."""

from __future__ import annotations

import contextlib
import io
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Self

from contract.documents.runs import Package
from contract.errors import (
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
from runner.backends.opened import OpenBackends, opened
from runner.backends.registry import backend_entry
from runner.display import Display
from runner.lineage import Phase, read_lineage
from runner.lock import held
from runner.planning.decide import BEGINNING, REFUSALS, Nothing, Rejudge
from runner.planning.endings import Ending, why_ended
from runner.planning.restraint import why_not
from runner.scheduling.watching import standing
from runner.stages import execute as executing
from runner.stages import wiring
from runner.stages.execute import NotYetItsTurnError
from runner.stages.stopping import ask_to_stop
from runner.studies.measured import Measured
from runner.studies.sessions import Stand, Went

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from executors.base import Status
    from runner.lineage import SessionState
    from runner.studies.judging import Evaluated
    from runner.workspace import LiveSession, Plan, Workspace


class Driver:
    """Has the jobs of a search go on, each of which is held meanwhile.

    Args:
        workspace: the project, which does not wait.
        command: what holds the jobs, for whoever finds them held.
        waits: whether the command looks at the jobs again and again: then one goes on that a user has asked to stop
            before, and a log that comes as a stream is listened to.
    """

    def __init__(self, workspace: Workspace, command: str, *, waits: bool) -> None:
        self._workspace = workspace
        self._command = command
        self._waits = waits
        self._open = contextlib.ExitStack()
        self._held: dict[str, contextlib.ExitStack] = {}
        self._backends = self._open.enter_context(OpenBackends(workspace.runs))
        self._standing: dict[str, Status] = {}
        self._measured = Measured(workspace.runs)
        self._ended: set[str] = set()
        self._waits_until: dict[str, float] = {}
        self._asked_to_stop: set[str] = set()

    def __enter__(self) -> Self:
        """Begin to hold jobs."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let all go."""
        self._open.close()

    def look(self, jobs: Sequence[str]) -> None:
        """Ask each backend after all its sessions of some jobs at once; what gives no answer is asked one by one."""
        self._standing.clear()
        handles: defaultdict[str, list[str]] = defaultdict(list)
        for session in filter(None, (_running(self._workspace, job) for job in jobs)):
            if session.ledger.handle is not None:
                handles[session.ledger.backend].append(session.ledger.handle)
        for name, of_backend in handles.items():
            with contextlib.suppress(BackendUnreachableError):
                self._standing |= standing(self._backends.get(name), of_backend)

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
            self._held[job] = self._open.enter_context(holding)
        session = _running(self._workspace, job)
        if session is not None and session.ledger.handle is not None:
            watched = self._watch(session, session.ledger.handle)
            if watched is not None:
                return watched
        if time.monotonic() < self._waits_until.get(job, 0.0):
            return Went(Stand.UNDER_WAY)
        workspace = self._workspace.reopened(self._backends)
        plan = workspace.plan(job, "full")
        if (stands := self._stand(plan, begins=begins)) is not None:
            return stands
        for live in workspace.live_sessions(plan):
            try:
                went = _through(workspace, live, rejudges=isinstance(plan.decision, Rejudge))
            except NotYetItsTurnError as error:
                self._waits_until[job] = time.monotonic() + error.busy.wait_seconds
                went = Went(Stand.UNDER_WAY, plain(str(error)))
            if went is not None:
                return went
        self._ended.add(job)
        return Went(Stand.ENDED)

    def let_go(self, job: str) -> None:
        """Hold a job no longer: there may be more of them than files may be open."""
        if (holding := self._held.pop(job, None)) is not None:
            holding.close()

    def evaluated(self, job: str, frequency: int) -> list[Evaluated]:
        """The evaluations of a job so far, by timesteps.

        Args:
            job: its name.
            frequency: timesteps between two of them.
        """
        return self._measured.evaluated(job, frequency)

    def reached(self, job: str) -> int:
        """Timesteps of the newest adopted checkpoint of a job."""
        tip = read_lineage(self._workspace.runs, job).tip
        checkpoint = tip.restored.checkpoint if tip is not None else None
        return checkpoint.timesteps if checkpoint is not None else 0

    def _stand(self, plan: Plan, *, begins: bool) -> Went | None:
        """Where a job stands of which nothing is to be done, None where something is."""
        decision = plan.decision
        if isinstance(decision, Nothing):
            return Went(Stand.MET, str(decision))
        if isinstance(decision, REFUSALS):
            return Went(Stand.STUCK, str(decision))
        if not isinstance(decision, BEGINNING):
            return None
        reason = why_not(plan, self._workspace.resume_command(plan.job))
        if not begins or reason is None:
            return None if begins else Went(Stand.AT_REST)
        if not _was_stopped(plan):
            return Went(Stand.STUCK, reason)
        may_go_on = self._waits and plan.job not in self._ended
        return None if may_go_on else Went(Stand.AT_REST, reason)

    def _watch(self, session: SessionState, handle: str) -> Went | None:
        """Ask after a session, and copy what it has printed since; None where it has ended, as far as anybody knows."""
        try:
            backend = self._backends.get(session.ledger.backend)
            status = self._standing.pop(handle, None) or backend.status(handle)
            if status.state.is_terminal or status.is_ending:
                return None
            log, is_streamed = session.folder.log, backend_entry(backend.name).log_is_streamed
            if is_streamed and not self._waits:
                return Went(Stand.UNDER_WAY, status.reason or "")
            if news := backend.logs(handle, log.stat().st_size if log.exists() else 0):
                with log.open("ab") as stream:
                    stream.write(news)
        except SessionLostError:
            return None
        except BackendUnreachableError as error:
            return Went(Stand.UNDER_WAY, plain(str(error)))
        return Went(Stand.UNDER_WAY, status.reason or "")

    def stop(self, job: str) -> None:
        """Ask a running session to stop after a last checkpoint, once: a command before may have been cut off at it.

        Where a backend cannot be asked, now or at all, the session runs on.
        """
        session = _running(self._workspace, job)
        if session is None or session.ledger.handle is None or session.package.key in self._asked_to_stop:
            return
        self._asked_to_stop.add(session.package.key)
        with contextlib.suppress(BackendError):
            ask_to_stop(self._workspace, session, session.ledger.handle)


def _running(workspace: Workspace, job: str) -> SessionState | None:
    """The session of a job that was submitted, and of which no end is known."""
    head = read_lineage(workspace.runs, job).head
    return head if head is not None and head.phase is Phase.SUBMITTED else None


def _was_stopped(plan: Plan) -> bool:
    """Whether somebody has asked the newest session of a job to stop."""
    tip = plan.lineage.tip
    return tip is not None and tip.folder.execution_json.exists() and why_ended(tip) is Ending.STOPPED


def _through(workspace: Workspace, live: LiveSession, *, rejudges: bool) -> Went | None:
    """Bring a session through what is left of its stages; where it did not come to the end, how far it went."""
    folder = live.folder
    stages: tuple[tuple[Callable[[Workspace, LiveSession], None], bool], ...] = (
        (wiring.package, folder.package_json.exists()),
        (_execute, folder.execution_json.exists()),
        (wiring.download, folder.manifest_json.exists()),
        (wiring.validate, folder.report_json.exists() and not rejudges),
        (wiring.restore, folder.restored_json.exists() and not rejudges),
    )
    for stage, is_done in stages:
        if is_done:
            continue
        try:
            stage(workspace, live)
        except NotYetItsTurnError:
            raise
        except (UnderWayError, BackendUnreachableError) as error:
            return Went(Stand.UNDER_WAY, plain(str(error)))
        except (InputError, IncompatibleError) as error:
            if stage is not wiring.package or isinstance(error, UnavailableError):
                raise  # it says nothing of the job's hyperparameters
            return Went(Stand.STUCK, plain(str(error)))
    return None


def _execute(workspace: Workspace, live: LiveSession) -> None:
    """Run a session or attach to it, showing nothing of what it prints: there are many, and each has a log."""
    name = Package.read(live.folder.package_json).job["backend"]
    with opened(name, workspace.runs, workspace.backends) as backend:
        silent = Display(live.plan.job, live.folder.number, io.StringIO())
        executing.execute(live.folder, backend, silent, waits=False, is_watched=True)
