"""What a job's next session is: a pure function, answered with a value that carries its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from contract.documents.runs import Submission
from contract.identity import training_inputs
from contract.libraries import without_machine
from restore.compatibility import compare
from runner.lineage import Phase
from runner.planning.changes import changed_code, changed_inputs, same_inputs, sources_changed

if TYPE_CHECKING:
    from contract.documents.runs import CheckpointReference
    from runner.lineage import Lineage, SessionState
    from runner.planning.wanted import Wanted


class Start(msgspec.Struct, frozen=True):
    """No checkpoint yet: begin at zero."""

    goal: int

    def __str__(self) -> str:
        return f"starts at 0 of {self.goal:,} timesteps"


class Continue(msgspec.Struct, frozen=True):
    """Go on from the checkpoint that session `parent` made."""

    parent: int
    timesteps: int
    goal: int
    changes: tuple[str, ...] = ()

    def __str__(self) -> str:
        sentence = f"goes on from session {self.parent:04d} at {self.timesteps:,} of {self.goal:,} timesteps"
        return f"{sentence} ({'; '.join(self.changes)})" if self.changes else sentence


class Attach(msgspec.Struct, frozen=True):
    """Session `session` was submitted and has not ended, as far as is known.

    `is_certain` is false where a command was cut off while it submitted: the backend is asked first.
    """

    session: int
    backend: str
    goal: int
    is_certain: bool = True

    def __str__(self) -> str:
        if not self.is_certain:
            return f"asks the {self.backend} backend whether session {self.session:04d}, which may run there, does"
        return f"attaches to session {self.session:04d}, which was submitted to the {self.backend} backend"


class Finish(msgspec.Struct, frozen=True):
    """Session `session` stopped between two stages: do the remaining ones."""

    session: int
    phase: Phase
    goal: int

    def __str__(self) -> str:
        return f"finishes session {self.session:04d}, which is {self.phase.name.lower()}"


class Redo(msgspec.Struct, frozen=True):
    """Session `session` is to be done again from the same parent: its inputs changed, or the user asks for it.

    `changes` is empty where nothing changed.
    """

    session: int
    parent: int | None
    changes: tuple[str, ...]
    goal: int

    def __str__(self) -> str:
        why = f"its inputs changed: {'; '.join(self.changes)}" if self.changes else "you ask for it"
        return f"does session {self.session:04d} again, since {why}"


class Rejudge(msgspec.Struct, frozen=True):
    """What session `session` left was judged by other rules than now: judge it again before anything else."""

    session: int

    def __str__(self) -> str:
        return f"judges what session {self.session:04d} left again, since the validation rules changed"


class Nothing(msgspec.Struct, frozen=True):
    """The goal is met.

    `note` says what else is to be known, as that kaggle-relay's own code changed, which does nothing again unasked.
    """

    session: int
    timesteps: int
    goal: int
    note: str | None = None

    def __str__(self) -> str:
        done = f"nothing to do: {self.timesteps:,} of {self.goal:,} timesteps reached in session {self.session:04d}"
        return f"{done}; {self.note}" if self.note else done


class Refuse(msgspec.Struct, frozen=True):
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


class Blocked(msgspec.Struct, frozen=True):
    """Whatever session `session` left was refused, so there is nothing to go on from."""

    job: str
    session: int
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        found = f"all that session {self.session:04d} left was refused ({'; '.join(self.reasons)})"
        remedy = f"raise the limits below `validation` in jobs.yaml, or run `doit fresh:{self.job}` to start anew"
        return f"does not start at zero by itself: {found}; {remedy}"


Decision = Start | Continue | Attach | Finish | Redo | Rejudge | Nothing | Refuse | Blocked
REFUSALS = Refuse | Blocked
BEGINNING = Start | Continue | Redo
"""The decisions by which a further session begins."""
_ADOPTED = "it began with a checkpoint that was saved elsewhere, and cannot be done again from before that"


def decide(wanted: Wanted, lineage: Lineage) -> Decision:
    """What to do next for a job, from what is wanted and what is on disk; spends nothing."""
    head, tip = lineage.head, lineage.tip
    if head is not None and (unfinished := _unfinished(head, wanted, lineage)):
        return unfinished
    if tip is None:
        return Start(wanted.goal)
    if tip.restored.rules != wanted.rules:
        return Rejudge(tip.number)
    if tip.restored.checkpoint is None:
        refused = tip.restored.refused
        return Blocked(lineage.job, tip.number, refused) if refused else Start(wanted.goal)
    return _decide_from(tip, tip.restored.checkpoint, wanted, lineage)


def _unfinished(head: SessionState, wanted: Wanted, lineage: Lineage) -> Attach | Finish | None:
    if head.phase in (Phase.PLANNED, Phase.RESTORED):
        return None
    goal = head.request.goal
    if head.phase is Phase.SUBMITTED:
        return Attach(head.number, head.ledger.backend, goal, is_certain=head.ledger.entry is not Submission.SUBMITTING)
    if head.phase is Phase.PACKAGED and not _is_as_wanted(head, wanted, lineage):
        return None
    return Finish(head.number, head.phase, goal)


def _is_as_wanted(head: SessionState, wanted: Wanted, lineage: Lineage) -> bool:
    """Whether a session that was packaged and not submitted is the one that would be packaged now."""
    if head.package.job != wanted.job or changed_inputs(head, wanted) or changed_code(head, wanted):
        return False
    match decide(wanted, replace(lineage, sessions=lineage.sessions[:-1])):
        case Start() | Redo(parent=None):
            return head.request.parent is None
        case Continue(parent=number) | Redo(parent=int(number)):
            made_by = lineage.session(number)
            checkpoint = made_by.restored.checkpoint if made_by else None
            parent = head.request.parent
            return checkpoint is not None and parent is not None and parent.sha256 == checkpoint.sha256
    return False


def _decide_from(tip: SessionState, checkpoint: CheckpointReference, wanted: Wanted, lineage: Lineage) -> Decision:
    now: dict[str, Any] = {"training": training_inputs(wanted.job)}
    if wanted.libraries:
        now["libraries"] = wanted.libraries
    if wanted.redo:
        return _redo(tip, checkpoint, (), wanted, lineage)
    described = checkpoint.described()
    described["libraries"] = without_machine(described["libraries"])  # where a session will run is not known here
    verdict = compare(described, now)
    job, timesteps = wanted.job["name"], checkpoint.timesteps
    if verdict.incompatible:
        change = verdict.incompatible[0]
        return Refuse(job, tip.number, change.path, change.before, change.after)
    ended_by = _ended_by(tip, checkpoint, wanted)
    if timesteps < wanted.goal and ended_by is None:
        made_by = lineage.session(int(checkpoint.session))
        recorded = tuple(map(str, verdict.recorded))
        if sources_changed(made_by, wanted):
            recorded += ("its sources changed",)
        if change_of_code := changed_code(made_by, wanted):
            recorded += (change_of_code,)
        return Continue(int(checkpoint.session), timesteps, wanted.goal, recorded)
    changes = changed_inputs(tip, wanted)
    if changes and tip.request.profile == wanted.profile and checkpoint.session == tip.folder.number:
        return _redo(tip, checkpoint, changes, wanted, lineage)
    code = changed_code(lineage.session(int(checkpoint.session)), wanted)
    notes = [f"{ended_by} has ended it there"] if ended_by else []
    notes += [f"{code} since then: `doit redo:{job}` does it again"] if code else []
    return Nothing(tip.number, timesteps, wanted.goal, "; ".join(notes) or None)


def _ended_by(tip: SessionState, checkpoint: CheckpointReference, wanted: Wanted) -> str | None:
    """The callback that has ended the job as met; one that ended a quick run, or is not the job's any more, has not."""
    now = training_inputs(wanted.job).get("callbacks")
    is_the_same = tip.request.profile == wanted.profile and checkpoint.training.get("callbacks") == now
    return checkpoint.stopped_by if is_the_same else None


def _redo(
    tip: SessionState, checkpoint: CheckpointReference, changes: tuple[str, ...], wanted: Wanted, lineage: Lineage
) -> Redo | Nothing:
    """Do it again from where it began; what began with a checkpoint from elsewhere is never begun at zero."""
    parent = _parent_to_redo_from(tip, wanted.goal, lineage)
    if parent is None and lineage.sessions[0].is_adopted:
        return Nothing(tip.number, checkpoint.timesteps, wanted.goal, _ADOPTED)
    return Redo(tip.number, parent, changes, wanted.goal)


def _parent_to_redo_from(tip: SessionState, goal: int, lineage: Lineage) -> int | None:
    """Where the sessions that stand on the same inputs as `tip` began; being cut off made no difference."""
    first = tip
    while (parent := first.request.parent) is not None:
        before = lineage.session(int(parent.session))
        if before is None:
            return None
        belongs_to_tip = same_inputs(before, tip) and before.request.profile == tip.request.profile
        if (not belongs_to_tip or before.is_adopted) and parent.timesteps < goal:
            return before.number
        first = before
    return None
