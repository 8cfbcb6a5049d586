"""What a session to come would take: how much it is given, how long it trains, as far as earlier ones have shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from contract.storage.files import human_bytes
from runner.backends.base import Origin
from runner.backends.registry import backend_entry, open_backend
from runner.display import duration_text
from runner.lineage import Phase
from runner.planning.decide import Continue
from runner.steering.documents import Estimate

if TYPE_CHECKING:
    from contract.documents.runs import Restored
    from runner.lineage import Lineage, SessionState
    from runner.planning.decide import Redo, Start
    from runner.workspace import Plan, Workspace


def estimate(workspace: Workspace, plan: Plan, begins: Start | Continue | Redo) -> Estimate:
    """What the session that a plan begins would take.

    Args:
        workspace: the project.
        plan: whose job has been tried, so that its wheels are there.
        begins: its decision.

    Raises:
        InputError: the backend takes no session of the job, or a source was changed meanwhile.
    """
    parent = _parent(plan, begins)
    checkpoint = parent.checkpoint if parent is not None else None
    reached = begins.timesteps if isinstance(begins, Continue) else checkpoint.timesteps if checkpoint else 0
    job = plan.wanted.job
    measured = measured_by(plan.lineage, job["backend"])
    speed = measured.restored.outcome.steps_per_second if measured is not None else None
    timesteps = max(0, plan.wanted.goal - reached)
    seconds = timesteps / speed if speed else None
    size = _package_bytes(workspace, plan, parent)
    return Estimate(
        timesteps=timesteps,
        steps_per_second=speed,
        measured_in=measured.folder.number if measured is not None else None,
        measured_on=measured.package.job["backend"] if measured is not None else None,
        seconds=seconds,
        sessions=None if seconds is None else max(1, math.ceil(seconds / float(job["session_limit"]))),
        package_bytes=size,
        upload_bytes=size if backend_entry(job["backend"]).is_elsewhere else 0,
    )


def measured_by(lineage: Lineage, backend: str) -> SessionState | None:
    """The newest session that measured its steps per second, of those on this backend if there is one."""
    found = [
        each
        for each in reversed(lineage.sessions)
        if each.phase is Phase.RESTORED and each.restored.outcome.steps_per_second
    ]
    return next((each for each in found if each.package.job["backend"] == backend), found[0] if found else None)


def in_words(found: Estimate, backend: str) -> str:
    """An estimate for people."""
    sized = f"{human_bytes(found.package_bytes)} to package"
    if found.upload_bytes:
        sized = f"{human_bytes(found.upload_bytes)} to upload at most"
    if found.seconds is None or found.steps_per_second is None:
        return f"{sized}; how long it takes is not known before a session has measured its steps/s"
    where = "" if found.measured_on == backend else f" on the {found.measured_on} backend"
    speed = f"at the {found.steps_per_second:,.0f} steps/s of session {found.measured_in}{where}"
    several = f" in {found.sessions} sessions" if found.sessions and found.sessions > 1 else ""
    return f"{sized}; about {duration_text(found.seconds)} of training{several}, {speed}"


def _parent(plan: Plan, begins: Start | Continue | Redo) -> Restored | None:
    number = getattr(begins, "parent", None)
    session = plan.lineage.session(number) if number is not None else None
    return session.restored if session is not None and session.phase is Phase.RESTORED else None


def _package_bytes(workspace: Workspace, plan: Plan, parent: Restored | None) -> int:
    """The sources, what the session goes on from, and what its backend and its packages need beside."""
    job = plan.wanted.job
    checkpoint = parent.checkpoint if parent is not None else None
    best = parent.best_model if parent is not None else None
    carried = (checkpoint.bytes + (checkpoint.replay.bytes if checkpoint.replay else 0)) if checkpoint else 0
    carried += best.bytes if best else 0
    size = workspace.sources(plan).bundle_bytes + carried
    size += sum(wheel.stat().st_size for wheel in workspace.wheels(plan))
    if backend_entry(job["backend"]).is_elsewhere:
        with open_backend(job["backend"], workspace.runs) as backend:
            provided = backend.provisions(job, Origin(carried, None) if checkpoint else None)
        size += sum(map(len, provided.payload.values()))
    return size
