"""Why a session ended, in words: from what its backend and what it says itself, as far as it has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from contract.documents.runs import Outcome
from contract.states import State
from runner.lineage import Phase
from runner.planning.endings import Ending, ending_from
from runner.planning.outcome import has_met

if TYPE_CHECKING:
    from runner.lineage import SessionState

WORDS = {
    Ending.LIMIT: "cut by its limit",
    Ending.STOPPED: "cancelled",
    Ending.QUOTA: "cut by the quota",
    Ending.PREEMPTED: "cut from outside",
    Ending.HUNG: "hung",
    Ending.CRASHED: "crashed",
    Ending.LOST: "lost",
    Ending.MISTAKE: "mistake",
    Ending.DIVERGED: "diverged",
    Ending.OUT_OF_MEMORY: "out of memory",
}
MET = "goal met"
_OF_THE_LIMIT = "session limit"
"""What a session says of its limit, which the words say already."""


class Ended(NamedTuple):
    """Why a session ended.

    Args:
        words: a few, as in a table; None where that is not known.
        reason: half a sentence, where there is one.
    """

    words: str | None = None
    reason: str | None = None


def ended(session: SessionState) -> Ended:
    """Why a session ended; nothing until it has."""
    if session.phase < Phase.EXECUTED:
        return Ended()
    if session.is_adopted:
        return Ended("taken in")
    execution, outcome = session.execution, Outcome()
    if session.phase is Phase.RESTORED:
        outcome = session.restored.outcome
        if has_met(session) and outcome.error is None:
            return Ended(MET)
    ending = ending_from(execution, outcome)
    reason = outcome.error or execution.reason or outcome.interrupted_by
    if ending is None:
        return Ended(None if execution.state is State.COMPLETE else execution.state.lower(), reason)
    return Ended(WORDS[ending], None if reason == _OF_THE_LIMIT else reason)
