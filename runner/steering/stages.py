"""How the stages of a job's sessions stand: done, stale, running, to come; what `doit graph` draws."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.errors import RelayError
from contract.states import State
from runner.lineage import Phase, read_lineage
from runner.planning.decide import BEGINNING, REFUSALS, Attach, Continue, Finish, Redo, Rejudge
from runner.steering.ended import ended

if TYPE_CHECKING:
    from runner.lineage import Lineage, SessionState
    from runner.planning.decide import Decision
    from runner.workspace import Workspace

STAGES = ("package", "execute", "download", "validate", "restore")
_DONE_FROM = (Phase.PACKAGED, Phase.EXECUTED, Phase.DOWNLOADED, Phase.VALIDATED, Phase.RESTORED)
_JUDGED = ("validate", "restore")


class Look(enum.StrEnum):
    """How a stage stands."""

    DONE = "done"
    FAILED = "failed"
    STALE = "stale"
    RUNNING = "running"
    NEXT = "next"
    LATER = "later"


@dataclass(frozen=True)
class Row:
    """One session.

    Args:
        number: as `0001`.
        parent: the session that it goes on from, as `0001`; None where it begins at zero.
        words: what it was asked for and what it came to.
        looks: of each stage, in their order.
    """

    number: str
    parent: str | None
    words: str
    looks: tuple[Look, ...]


@dataclass(frozen=True)
class Picture:
    """One job.

    Args:
        job: its name.
        sentence: what a run would do, and why.
        is_refused: whether it would do nothing for something that is wrong.
        rows: its sessions, oldest first.
    """

    job: str
    sentence: str
    is_refused: bool
    rows: tuple[Row, ...]


def picture_stages(workspace: Workspace, job: str) -> Picture:
    """How the stages of a job stand, and what its run would do."""
    try:
        plan = workspace.plan(job, "full")
    except RelayError as error:
        lineage = read_lineage(workspace.runs, job)
        return Picture(
            job, str(error), is_refused=True, rows=tuple(_row(each, None, lineage) for each in _begun(lineage))
        )
    decision, lineage = plan.decision, plan.lineage
    rows = [_row(each, decision, lineage) for each in _begun(lineage)]
    if isinstance(decision, BEGINNING):
        parent = decision.parent if isinstance(decision, Continue | Redo) else None
        begins = decision.timesteps if isinstance(decision, Continue) else 0
        if isinstance(decision, Redo) and parent is not None:
            begins = _reached(lineage.session(parent))
        words = f"to come: from {begins:,} to {plan.wanted.goal:,}"
        looks = (Look.NEXT, *[Look.LATER] * (len(STAGES) - 1))
        rows.append(Row(f"{lineage.next_number:04d}", None if parent is None else f"{parent:04d}", words, looks))
    return Picture(job, str(decision), isinstance(decision, REFUSALS), tuple(rows))


def _begun(lineage: Lineage) -> list[SessionState]:
    return [each for each in lineage.sessions if each.phase is not Phase.PLANNED]


def _reached(session: SessionState | None) -> int:
    is_restored = session is not None and session.phase is Phase.RESTORED
    checkpoint = session.restored.checkpoint if session is not None and is_restored else None
    return checkpoint.timesteps if checkpoint else 0


def _row(session: SessionState, decision: Decision | None, lineage: Lineage) -> Row:
    request = session.request
    parent = request.parent
    words = f"{request.profile}, {session.package.job['backend']}: from {parent.timesteps if parent else 0:,}"
    if session.phase is Phase.RESTORED:
        words += f" to {_reached(session):,}"
    why = ended(session).words
    words += f" of {request.goal:,}" + (f", {why}" if why else "")
    stale = _stale(session, decision, lineage)
    looks = tuple(
        Look.STALE if stage in stale else _look(session, position, decision) for position, stage in enumerate(STAGES)
    )
    return Row(session.folder.number, parent.session if parent else None, words, looks)


def _stale(session: SessionState, decision: Decision | None, lineage: Lineage) -> tuple[str, ...]:
    """The stages that are done, and are to be done again."""
    if isinstance(decision, Redo) and session in _to_redo(decision, lineage):
        return STAGES
    if isinstance(decision, Rejudge) and session.number == decision.session:
        return _JUDGED
    return ()


def _to_redo(decision: Redo, lineage: Lineage) -> list[SessionState]:
    """The sessions whose place the one to come takes: from the newest back to where that one begins."""
    found: list[SessionState] = []
    session = lineage.session(decision.session)
    while session is not None and session.number != decision.parent and session not in found:
        found.append(session)
        parent = session.request.parent
        session = lineage.session(int(parent.session)) if parent else None
    return found


def _look(session: SessionState, position: int, decision: Decision | None) -> Look:
    stage, needed = STAGES[position], _DONE_FROM[position]
    if session.phase >= needed:
        has_failed = stage == "execute" and session.execution.state is State.FAILED
        is_refused = stage == "validate" and session.phase is Phase.RESTORED and bool(session.restored.refused)
        return Look.FAILED if has_failed or is_refused else Look.DONE
    is_live = isinstance(decision, Attach | Finish) and decision.session == session.number
    if is_live and stage == "execute" and session.phase is Phase.SUBMITTED:
        return Look.RUNNING
    is_first = position == 0 or session.phase >= _DONE_FROM[position - 1]
    return Look.NEXT if is_live and is_first else Look.LATER
