"""What a job's next session is: a pure function, answered with a value that carries its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from restore.compatibility import compare
from runner.lineage import Phase
from runner.sources import same_meaning
from trainer.differences import differences
from trainer.identity import training_inputs

if TYPE_CHECKING:
    from runner.lineage import Lineage, SessionState


@dataclass(frozen=True)
class Wanted:
    """What was asked for: a job as it stands now.

    Args:
        job: the job with its profile applied, as JSON.
        profile: `quick` or `full`.
        sources: the identity of the sources that a session would carry.
        libraries: versions that a session would compute with; empty where they are not known.
        rules: what decides the verdict on artifacts.
    """

    job: dict[str, Any]
    profile: str
    sources: dict[str, str]
    libraries: dict[str, str]
    rules: dict[str, Any] = field(default_factory=dict)

    @property
    def goal(self) -> int:
        """Timesteps at which the job is done."""
        return int(self.job["total_timesteps"])

    def inputs(self) -> dict[str, Any]:
        """What makes a finished session stale when it changes, as JSON."""
        return {"training": training_inputs(self.job), "sources": self.sources}


@dataclass(frozen=True)
class Start:
    """No checkpoint yet: begin at zero."""

    goal: int

    def __str__(self) -> str:
        return f"starts at 0 of {self.goal:,} timesteps"


@dataclass(frozen=True)
class Continue:
    """Go on from the checkpoint that session `parent` made."""

    parent: int
    timesteps: int
    goal: int
    changes: tuple[str, ...] = ()

    def __str__(self) -> str:
        sentence = f"goes on from session {self.parent:04d} at {self.timesteps:,} of {self.goal:,} timesteps"
        return f"{sentence} ({'; '.join(self.changes)})" if self.changes else sentence


@dataclass(frozen=True)
class Attach:
    """Session `session` was submitted and has not ended, as far as is known."""

    session: int
    backend: str
    goal: int

    def __str__(self) -> str:
        return f"attaches to session {self.session:04d}, which was submitted to the {self.backend} backend"


@dataclass(frozen=True)
class Finish:
    """Session `session` stopped between two stages: do the remaining ones."""

    session: int
    phase: Phase
    goal: int

    def __str__(self) -> str:
        return f"finishes session {self.session:04d}, which is {self.phase.name.lower()}"


@dataclass(frozen=True)
class Redo:
    """Session `session` met the goal with other inputs: do it again from the same parent."""

    session: int
    parent: int | None
    changes: tuple[str, ...]
    goal: int

    def __str__(self) -> str:
        return f"does session {self.session:04d} again, since its inputs changed: {'; '.join(self.changes)}"


@dataclass(frozen=True)
class Rejudge:
    """What session `session` left was judged by other rules than now: judge it again before anything else."""

    session: int

    def __str__(self) -> str:
        return f"judges what session {self.session:04d} left again, since the validation rules changed"


@dataclass(frozen=True)
class Nothing:
    """The goal is met."""

    session: int
    timesteps: int
    goal: int

    def __str__(self) -> str:
        return f"nothing to do: {self.timesteps:,} of {self.goal:,} timesteps reached in session {self.session:04d}"


@dataclass(frozen=True)
class Refuse:
    """The checkpoint does not survive the change of `field`."""

    job: str
    session: int
    field: str
    theirs: Any
    ours: Any

    def __str__(self) -> str:
        there = f"{self.field} is {self.theirs} in the checkpoint of session {self.session:04d}"
        remedy = f"run `doit fresh:{self.job}` to archive the lineage and start anew, or change it back"
        return f"refused: {there} and {self.ours} in the job; {remedy}"


Decision = Start | Continue | Attach | Finish | Redo | Rejudge | Nothing | Refuse


def decide(wanted: Wanted, lineage: Lineage) -> Decision:
    """What to do next for a job, from what is wanted and what is on disk; spends nothing."""
    head, tip = lineage.head, lineage.tip
    if head is not None and (unfinished := _unfinished(head, wanted, tip)):
        return unfinished
    if tip is not None and tip.restored.get("rules", {}) != wanted.rules:
        return Rejudge(tip.number)
    if tip is None or tip.restored["checkpoint"] is None:
        return Start(wanted.goal)
    return _decide_from(tip, wanted)


def _unfinished(head: SessionState, wanted: Wanted, tip: SessionState | None) -> Attach | Finish | None:
    if head.phase in (Phase.PLANNED, Phase.RESTORED):
        return None
    goal = int(head.request["goal"])
    if head.phase is Phase.SUBMITTED:
        return Attach(head.number, head.ledger["backend"], goal)
    if head.phase is Phase.PACKAGED and not _is_as_wanted(head, wanted, tip):
        return None
    return Finish(head.number, head.phase, goal)


def _is_as_wanted(head: SessionState, wanted: Wanted, tip: SessionState | None) -> bool:
    checkpoint = tip.restored["checkpoint"] if tip else None
    same_parent = (head.request["parent"] or {}).get("sha256") == (checkpoint or {}).get("sha256")
    return same_parent and head.package["job"] == wanted.job and not changed_inputs(head, wanted)


def _decide_from(tip: SessionState, wanted: Wanted) -> Decision:
    checkpoint = tip.restored["checkpoint"]
    now: dict[str, Any] = {"training": training_inputs(wanted.job)}
    if wanted.libraries:
        now["libraries"] = wanted.libraries
    verdict = compare(checkpoint, now)
    job, timesteps = wanted.job["name"], int(checkpoint["timesteps"])
    if verdict.incompatible:
        change = verdict.incompatible[0]
        return Refuse(job, tip.number, change.path, change.before, change.after)
    if timesteps < wanted.goal:
        return Continue(int(checkpoint["session"]), timesteps, wanted.goal, tuple(map(str, verdict.recorded)))
    changes = changed_inputs(tip, wanted)
    if changes and tip.request["profile"] == wanted.profile and checkpoint["session"] == tip.folder.number:
        parent = tip.request["parent"]
        return Redo(tip.number, int(parent["session"]) if parent else None, changes, wanted.goal)
    return Nothing(tip.number, timesteps, wanted.goal)


def changed_inputs(session: SessionState, wanted: Wanted) -> tuple[str, ...]:
    """What changed since a session was packaged, in words; empty when it is up to date."""
    before, now = session.package["inputs"], wanted.inputs()
    changes = [str(change) for change in differences(before["training"], now["training"])]
    if not same_meaning(before["sources"], now["sources"]):
        changes.append("its sources")
    return tuple(changes)
