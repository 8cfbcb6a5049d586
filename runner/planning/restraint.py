"""Whether a further session of a job may be begun without being asked for: a pure function of what is on disk.

A `doit resume` that waits counts sessions while it runs. One that does not wait is many commands, each of which must
come to what the one would have come to: where that had given up, none begins another session.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from runner.lineage import Phase
from runner.planning.changes import changed_code, changed_inputs
from runner.planning.decide import BEGINNING
from runner.planning.endings import Ending, may_pass, what_next, why_ended
from runner.planning.outcome import has_advanced

if TYPE_CHECKING:
    from runner.lineage import SessionState
    from runner.planning.wanted import Wanted
    from runner.workspace import Plan


def sessions_without_progress(plan: Plan) -> int:
    """How many of the newest sessions, in a row, gained no timestep with the job and the sources as they are now."""
    restored = [each for each in plan.lineage.sessions if each.phase is Phase.RESTORED and _has_executed(each)]
    fruitless = itertools.takewhile(
        lambda session: not has_advanced(session) and _is_same(session, plan.wanted), reversed(restored)
    )
    return sum(1 for _ in fruitless)


def why_not(plan: Plan, resume: str) -> str | None:
    """Why a person has to ask for the session that is planned, None where none is planned or nobody has to.

    Args:
        plan: of the job.
        resume: the command that goes on with it.
    """
    tip = plan.lineage.tip
    if not isinstance(plan.decision, BEGINNING) or tip is None or not _has_executed(tip):
        return None
    begun = sum(each.phase is not Phase.PLANNED for each in plan.lineage.sessions)
    if begun >= int(plan.wanted.job["max_sessions"]):
        return "has had max_sessions sessions; raise it in jobs.yaml to go on"
    ending = why_ended(tip)
    if not _is_same(tip, plan.wanted) or may_pass(ending, sessions_without_progress(plan)):
        return None
    advanced = has_advanced(tip)
    subject = f"session {tip.folder.number} ended ({ending})" if ending is not None else "its latest sessions"
    if ending is None or (ending is not Ending.STOPPED and may_pass(ending, 0 if advanced else 1)):
        return f"{subject}, and several sessions in a row gained nothing; `{resume}` tries once more"
    return f"{subject}; {what_next(ending, resume, has_advanced=advanced)}"


def _has_executed(session: SessionState) -> bool:
    return session.folder.execution_json.exists()


def _is_same(session: SessionState, wanted: Wanted) -> bool:
    """Whether a session like that one would come next: whoever changes something asks for another try."""
    before = session.package
    return before.job == wanted.job and not changed_inputs(session, wanted) and not changed_code(session, wanted)
