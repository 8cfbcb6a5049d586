"""Why a session ended, as a value, and whether another one may fare better: pure functions of what is on disk."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from contract.states import State

if TYPE_CHECKING:
    from contract.documents.runs import Execution, Outcome
    from runner.lineage import SessionState


class Ending(enum.StrEnum):
    """Why a session ended before its goal."""

    LIMIT = "limit"
    STOPPED = "stopped"
    QUOTA = "quota"
    PREEMPTED = "preempted"
    HUNG = "hung"
    CRASHED = "crashed"
    LOST = "lost"
    MISTAKE = "mistake of the user's"
    DIVERGED = "diverged"
    OUT_OF_MEMORY = "out of memory"


SESSIONS_WITHOUT_PROGRESS = 2
"""In a row, after which `resume` gives up where nothing else is known."""

_WITHOUT_PROGRESS = {
    Ending.MISTAKE: 0,
    Ending.DIVERGED: 0,
    Ending.LIMIT: 1,
    Ending.OUT_OF_MEMORY: 1,
    Ending.CRASHED: 1,
}
"""The same for what ends the next session as it ended the last one: 0 where even progress changes nothing."""

_MISTAKES = frozenset({"InputError", "UnavailableError", "IncompatibleError"})
_SAID_MISTAKES = ("is not installed where this", "gave this session no gpu")
_MISTAKE_CODE = 2
_WHAT_IT_TAKES = {
    Ending.LIMIT: "raise session_limit, lower save_freq",
    Ending.OUT_OF_MEMORY: "lower what it keeps in memory, or give it more",
    Ending.DIVERGED: "change its hyperparameters",
}


def why_ended(session: SessionState) -> Ending | None:
    """Why a restored session ended; None where it met its goal, or nothing is known."""
    return ending_from(session.execution, session.restored.outcome)


def ending_from(execution: Execution, outcome: Outcome) -> Ending | None:
    """Why a session ended, by what its backend and what it says itself."""
    interrupted, reason = outcome.interrupted_by or "", (execution.reason or "").lower()
    said = f"{reason} {(outcome.error or '').lower()}"
    is_mistake = (
        interrupted in _MISTAKES or execution.exit_code == _MISTAKE_CODE or any(each in said for each in _SAID_MISTAKES)
    )
    has_no_memory = interrupted == "MemoryError" or "ran out of memory" in said or "cuda out of memory" in said
    signs = (
        (Ending.STOPPED, execution.cancel_requested),
        (Ending.MISTAKE, is_mistake),
        (Ending.DIVERGED, interrupted == "NaN loss"),
        (Ending.HUNG, interrupted.startswith("hung") or "time limit of" in reason),
        (Ending.OUT_OF_MEMORY, has_no_memory),
        (Ending.LIMIT, interrupted == "session limit"),
        (Ending.QUOTA, "quota" in reason),
        (Ending.PREEMPTED, interrupted.startswith(("SIG", "stop file")) or execution.state is State.CANCELLED),
        (Ending.CRASHED, bool(interrupted)),
        (Ending.LOST, execution.state is not State.COMPLETE),
    )
    return next((ending for ending, is_so in signs if is_so), None)


def may_pass(ending: Ending | None, without_progress: int) -> bool:
    """Whether another session may get further than the one that ended so.

    Args:
        ending: why it ended.
        without_progress: sessions in a row, this one included, that gained no timestep.
    """
    if ending is Ending.STOPPED:
        return False
    most = SESSIONS_WITHOUT_PROGRESS if ending is None else _WITHOUT_PROGRESS.get(ending, SESSIONS_WITHOUT_PROGRESS)
    return most > 0 and without_progress < most


def what_next(ending: Ending | None, command: str, *, has_advanced: bool) -> str:
    """The next edit after a session that ended so, if any, and `command`, which goes on then."""
    if ending is Ending.STOPPED or may_pass(ending, 0 if has_advanced else 1):
        return f"`{command}` goes on"
    first = _WHAT_IT_TAKES.get(ending, "correct it") if ending is not None else "correct it"
    return f"another session would end as this one did: {first}, then run `{command}`"
