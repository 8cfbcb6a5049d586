"""What a job needs of the scheduler, from its plan; and what its sessions had so far, from what they left."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contract.errors import RelayError
from contract.storage import files
from contract.storage.layout import Artifacts
from runner.backends.base import Known
from runner.backends.registry import backend_entry
from runner.lineage import Phase
from runner.planning.decide import BEGINNING, Attach, Finish
from runner.scheduling.demands import Demand, Need
from runner.scheduling.slots import Slot

if TYPE_CHECKING:
    from pathlib import Path

    from runner.lineage import SessionState
    from runner.planning.decide import Decision
    from runner.workspace import Plan, Workspace

_LARGEST_METADATA_BYTES = 1 << 20
_LONGEST_SECONDS = 30 * 86_400.0


@dataclass
class DeviceTime:
    """For how long sessions had their device; what is known of one that is restored does not change."""

    _known: dict[Path, float] = field(default_factory=dict)

    def seconds(self, session: SessionState) -> float:
        """As the session says itself; nothing where it left no word of that."""
        if session.phase is not Phase.RESTORED:
            return 0.0
        metadata = Artifacts(session.folder.artifacts, session.folder.path.parent.name).metadata
        if metadata not in self._known:
            self._known[metadata] = _told(metadata)
        return self._known[metadata]


def demand_from(plan: Plan, workspace: Workspace, position: int, had: DeviceTime) -> Demand:
    """What the job of a plan needs.

    Args:
        plan: what is planned for it.
        workspace: the project.
        position: of the job among all.
        had: knows what its sessions had.
    """
    sessions = [each for each in plan.lineage.sessions if each.phase > Phase.PACKAGED]
    return Demand(
        job=plan.job,
        needs=need_from(plan.decision),
        slot=slot_from(plan),
        position=position,
        priority=workspace.priority(plan.job),
        group=workspace.group(plan.job),
        sessions=len(sessions),
        seconds=sum(map(had.seconds, sessions)),
        limit=float(plan.wanted.job["session_limit"]),
    )


def need_from(decision: Decision) -> Need:
    """What a job needs of which that is decided."""
    match decision:
        case Attach(is_certain=certain):
            return Need.END if certain else Need.ASK
        case Finish(phase=Phase.PACKAGED):
            return Need.BEGIN
    return Need.BEGIN if isinstance(decision, BEGINNING) else Need.PASS


def slot_from(plan: Plan) -> Slot:
    """What the session takes that a job has or is to have."""
    name = str(plan.wanted.job["backend"])
    try:
        name, job = _where(plan)
        submitted = (each for each in reversed(plan.lineage.sessions) if each.phase > Phase.PACKAGED)
        earlier = next((each.package for each in submitted if each.folder.package_json.exists()), None)
        slot = backend_entry(name).slot(job, Known(earlier=earlier))
    except RelayError:  # the pass says it
        slot = Slot()
    return replace(slot, place=slot.place or name)


def _where(plan: Plan) -> tuple[str, dict[str, Any]]:
    """The backend of that session, and the job as it has it."""
    head = plan.lineage.head
    if head is not None and head.phase is Phase.SUBMITTED:
        return head.ledger.backend, head.package.job
    if head is not None and isinstance(plan.decision, Finish) and head.phase is Phase.PACKAGED:
        return str(head.package.job["backend"]), head.package.job
    return str(plan.wanted.job["backend"]), plan.wanted.job


def _told(metadata: Path) -> float:
    try:
        if metadata.stat().st_size > _LARGEST_METADATA_BYTES:
            return 0.0
        told = files.read_json(metadata)
        took = datetime.fromisoformat(told["updated_at"]) - datetime.fromisoformat(told["started_at"])
    except (OSError, ValueError, TypeError, KeyError):
        return 0.0
    return min(max(0.0, took.total_seconds()), _LONGEST_SECONDS)
