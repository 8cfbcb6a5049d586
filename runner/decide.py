"""What a job's next session is: a pure function, answered with a value that carries its reason."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from contract.differences import differences
from contract.identity import training_inputs
from restore.compatibility import compare
from runner.lineage import Phase
from runner.sources import changed_files, same_meaning

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.lineage import Lineage, SessionState

_NAMED_SOURCES = 3


@dataclass(frozen=True)
class Wanted:
    """What was asked for: a job as it stands now.

    Args:
        job: the job with its profile applied, as JSON.
        profile: `quick` or `full`.
        sources: the identity of the sources that a session would carry.
        libraries: versions that a session would compute with; empty where they are not known.
        rules: what decides the verdict on artifacts.
        source_table: gives the digests of each of these sources, to name those that changed; may give none.
    """

    job: dict[str, Any]
    profile: str
    sources: dict[str, str]
    libraries: dict[str, str]
    rules: dict[str, Any] = field(default_factory=dict)
    source_table: Callable[[], dict[str, list[str]]] = field(default=dict, compare=False)

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

    @property
    def problem(self) -> str:
        """What does not fit, with both values."""
        there = f"{self.field} is {self.theirs} in the checkpoint of session {self.session:04d}"
        return f"{there} and {self.ours} in the job"

    @property
    def remedy(self) -> str:
        """The next command or edit."""
        return f"run `doit fresh:{self.job}` to archive the lineage and start anew, or change it back"

    def __str__(self) -> str:
        return f"refused: {self.problem}; {self.remedy}"


@dataclass(frozen=True)
class Blocked:
    """Whatever session `session` left was refused, so there is nothing to go on from."""

    job: str
    session: int
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        found = f"all that session {self.session:04d} left was refused ({'; '.join(self.reasons)})"
        remedy = f"loosen `validation` in jobs.yaml, or run `doit fresh:{self.job}` to start anew"
        return f"does not start at zero unasked: {found}; {remedy}"


Decision = Start | Continue | Attach | Finish | Redo | Rejudge | Nothing | Refuse | Blocked
REFUSALS = Refuse | Blocked


def decide(wanted: Wanted, lineage: Lineage) -> Decision:
    """What to do next for a job, from what is wanted and what is on disk; spends nothing."""
    head, tip = lineage.head, lineage.tip
    if head is not None and (unfinished := _unfinished(head, wanted, lineage)):
        return unfinished
    if tip is None:
        return Start(wanted.goal)
    if tip.restored.get("rules", {}) != wanted.rules:
        return Rejudge(tip.number)
    if tip.restored["checkpoint"] is None:
        refused = tuple(tip.restored.get("refused", ()))
        return Blocked(lineage.job, tip.number, refused) if refused else Start(wanted.goal)
    return _decide_from(tip, wanted, lineage)


def _unfinished(head: SessionState, wanted: Wanted, lineage: Lineage) -> Attach | Finish | None:
    if head.phase in (Phase.PLANNED, Phase.RESTORED):
        return None
    goal = int(head.request["goal"])
    if head.phase is Phase.SUBMITTED:
        return Attach(head.number, head.ledger["backend"], goal)
    if head.phase is Phase.PACKAGED and not _is_as_wanted(head, wanted, lineage):
        return None
    return Finish(head.number, head.phase, goal)


def _is_as_wanted(head: SessionState, wanted: Wanted, lineage: Lineage) -> bool:
    """Whether a session that was packaged and not submitted is the one that would be packaged now."""
    if head.package["job"] != wanted.job or changed_inputs(head, wanted):
        return False
    match decide(wanted, replace(lineage, sessions=lineage.sessions[:-1])):
        case Start() | Redo(parent=None):
            return head.request["parent"] is None
        case Continue(parent=number) | Redo(parent=int(number)):
            made_by = lineage.session(number)
            checkpoint = made_by.restored["checkpoint"] if made_by else None
            return bool(checkpoint and (head.request["parent"] or {}).get("sha256") == checkpoint["sha256"])
    return False


def _decide_from(tip: SessionState, wanted: Wanted, lineage: Lineage) -> Decision:
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
        recorded = tuple(map(str, verdict.recorded))
        if sources_changed(lineage.session(int(checkpoint["session"])), wanted):
            recorded += ("its sources changed",)
        return Continue(int(checkpoint["session"]), timesteps, wanted.goal, recorded)
    changes = changed_inputs(tip, wanted)
    if changes and tip.request["profile"] == wanted.profile and checkpoint["session"] == tip.folder.number:
        return Redo(tip.number, _parent_to_redo_from(tip, wanted.goal, lineage), changes, wanted.goal)
    return Nothing(tip.number, timesteps, wanted.goal)


def _parent_to_redo_from(tip: SessionState, goal: int, lineage: Lineage) -> int | None:
    """Where the sessions that stand on the same inputs as `tip` began; being cut off made no difference."""
    first = tip
    while (parent := first.request["parent"]) is not None:
        before = lineage.session(int(parent["session"]))
        if before is None:
            return None
        belongs_to_tip = (
            before.package["inputs"] == tip.package["inputs"] and before.request["profile"] == tip.request["profile"]
        )
        if not belongs_to_tip and int(parent["timesteps"]) < goal:
            return before.number
        first = before
    return None


def sources_changed(session: SessionState | None, wanted: Wanted) -> bool:
    """Whether the sources mean something else than when `session` was packaged."""
    return session is not None and not same_meaning(session.package["inputs"]["sources"], wanted.sources)


def changed_inputs(session: SessionState, wanted: Wanted) -> tuple[str, ...]:
    """What changed since a session was packaged, in words; empty when it is up to date."""
    before, now = session.package["inputs"], wanted.inputs()
    changes = [str(change) for change in differences(before["training"], now["training"])]
    if sources_changed(session, wanted):
        changes.append(_changed_sources(session, wanted))
    return tuple(changes)


def _changed_sources(session: SessionState, wanted: Wanted) -> str:
    before, now = session.source_table, wanted.source_table()
    same_python = session.package["inputs"]["sources"]["python"] == wanted.sources["python"]
    names = changed_files(before, now) if before and now and same_python else []
    if not names:
        return "its sources"
    more = f" and {len(names) - _NAMED_SOURCES} more" if len(names) > _NAMED_SOURCES else ""
    return f"its sources ({', '.join(names[:_NAMED_SOURCES])}{more})"
