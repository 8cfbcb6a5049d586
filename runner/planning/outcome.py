"""What came of a job's run, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.errors import IncompatibleError, InputError, SessionError
from contract.events import say
from contract.states import State
from runner.lineage import Phase, SessionState, read_lineage
from runner.planning.decide import REFUSALS, Nothing, Rejudge
from runner.planning.endings import Ending, what_next, why_ended

if TYPE_CHECKING:
    from runner.workspace import Plan, Workspace


def nothing_to_do(planned: Plan) -> str:
    """That a job has nothing to do, in the words of its decision."""
    return f"{planned.job}: {planned.decision}"


def announce(workspace: Workspace, planned: Plan) -> None:
    """Say what came of a job's run.

    Raises:
        IncompatibleError: it was refused.
        InputError: its session ended by a mistake of the user's.
        SessionError: its session failed.
    """
    decision = planned.decision
    if isinstance(decision, REFUSALS):
        raise IncompatibleError(f"job {planned.job}", str(decision))
    if isinstance(decision, Nothing):
        say(nothing_to_do(planned))
    if isinstance(decision, Nothing | Rejudge):
        return
    number = int(workspace.live_sessions(planned)[-1].folder.number)
    session = read_lineage(workspace.runs, planned.job).session(number)
    if session is None or session.phase is not Phase.RESTORED:
        raise SessionError(f"job {planned.job}", f"session {number:04d} was not restored", "run the same command again")
    sentence, failed = outcome_sentence(session)
    if failed:
        ending = why_ended(session)
        remedy = what_next(ending, workspace.resume_command(planned.job), has_advanced=has_advanced(session))
        if len(read_lineage(workspace.runs, planned.job).sessions) >= planned.wanted.job["max_sessions"]:
            remedy = "raise max_sessions in jobs.yaml to go on"
        kind = InputError if ending is Ending.MISTAKE else SessionError
        raise kind(f"{planned.job}", sentence, f"see {session.folder.log}; {remedy}")
    say(f"{planned.job}: {sentence}")


def has_advanced(session: SessionState) -> bool:
    """Whether a restored session got further than what it went on from."""
    checkpoint, parent = session.restored.checkpoint, session.request.parent
    if checkpoint is None or checkpoint.session != session.folder.number:
        return False
    return checkpoint.timesteps > (parent.timesteps if parent else 0)


def has_met(session: SessionState) -> bool:
    """Whether a restored session got to its goal, or a callback has ended the job in it."""
    checkpoint = session.restored.checkpoint
    is_own = checkpoint is not None and checkpoint.session == session.folder.number
    if checkpoint is None or not is_own:
        return False
    return checkpoint.timesteps >= session.request.goal or checkpoint.stopped_by is not None


def outcome_sentence(session: SessionState) -> tuple[str, bool]:
    """How a restored session ended, and whether that is a failure."""
    execution, restored = session.execution, session.restored
    goal, checkpoint = session.request.goal, restored.checkpoint
    timesteps = checkpoint.timesteps if checkpoint else 0
    reached = f"session {session.folder.number} reached {timesteps:,} of {goal:,} timesteps"
    if checkpoint is not None and has_met(session):
        by = "" if timesteps >= goal else f", as {checkpoint.stopped_by} has ended it"
        return f"{reached}: goal met{by}", False
    reason = restored.outcome.error or execution.reason or restored.outcome.interrupted_by
    if reason is None:
        return f"{reached}: what it left beyond that was refused", True
    return f"{reached} and ended: {reason}", execution.state is not State.COMPLETE
