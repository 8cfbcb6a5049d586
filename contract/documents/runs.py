"""The documents below `runs/`, one type each: what a stage writes is what the next one reads.

    request.json    Request     what a session is asked for
    package.json    Package     its key and what decides whether it is stale; once it is there the package is sealed
    ledger.json     Ledger      how far its submission got, so that nothing is submitted twice
    execution.json  Execution   how it ended
    manifest.json   Manifest    what arrived of it
    restored.json   Restored    what was adopted from it: the next session's parent

The verdicts of validation (`report.json`) are `restore.validation.Report`; what a session itself reads and writes is in
`contract.documents.session`, since a session has no msgspec. What an earlier version wrote is read too: a field that
came later has a default.
"""

from __future__ import annotations

import enum
from typing import Any, Literal

import msgspec

from contract.documents.typed_json import Document, Value
from contract.states import State  # noqa: TC001 - msgspec evaluates the annotations


class Parent(Value, frozen=True, kw_only=True):
    """The checkpoint that a session goes on from.

    Args:
        session: the session that made it, as `0001`.
        timesteps: where it stands.
        sha256: of the file.
    """

    session: str
    timesteps: int
    sha256: str


class Request(Document, frozen=True, kw_only=True):
    """What a session is asked for; the session reads it as `contract.documents.session.Request`.

    Args:
        job: the job's name.
        lineage: 1 for the job's first lineage, one more after each `fresh`.
        session: the number, as `0001`.
        profile: `quick` or `full`: whether the job's `quick` block was applied.
        goal: timesteps at which the job is done.
        parent: the checkpoint to go on from, or None to start at zero.
        sources_changed: whether the job's sources mean something else than when the parent was made.
        changes: what else changed since then, in words; it is recorded, and makes nothing approximate.
        untried: why the job could not be tried where it was packaged, so that the session tries it first; else None.
    """

    job: str
    lineage: int
    session: str
    profile: Literal["quick", "full"]
    goal: int
    parent: Parent | None
    sources_changed: bool = False
    changes: tuple[str, ...] = ()
    untried: str | None = None


class Identity(Value, frozen=True, kw_only=True):
    """What some source files are: digests of their bytes and of their meaning, and the Python that took the latter."""

    content: str
    meaning: str
    python: str

    def means(self, other: Identity) -> bool:
        """Whether it is the same program; syntax trees of two versions of Python cannot be compared."""
        return self.content == other.content or (self.python == other.python and self.meaning == other.meaning)


class Inputs(Value, frozen=True, kw_only=True):
    """What a session's weights follow from, beside its parent.

    Args:
        training: the part of the job that decides them, as JSON.
        sources: of the job's own sources; until `code` was told apart, of kaggle-relay's too.
        code: of the parts of kaggle-relay that decide them; None in documents from before it was told apart.
    """

    training: dict[str, Any]
    sources: Identity
    code: Identity | None = None


class FileEntry(Value, frozen=True, kw_only=True):
    """Size in bytes and sha256 of a file."""

    bytes: int
    sha256: str


class Package(Document, frozen=True, kw_only=True):
    """A sealed package.

    Args:
        key: the sha256 of `files` as canonical JSON.
        job: the job with its profile applied, as JSON.
        inputs: what makes it stale when it changes, and what is recorded when it does.
        files: every file of the payload by its path with forward slashes.
    """

    key: str
    job: dict[str, Any]
    inputs: Inputs
    files: dict[str, FileEntry]


class Submission(enum.StrEnum):
    """SUBMITTING: perhaps it was, perhaps not; SUBMITTED: it was; ENDED: its outcome is known."""

    SUBMITTING = "SUBMITTING"
    SUBMITTED = "SUBMITTED"
    ENDED = "ENDED"


class Ledger(Document, frozen=True, kw_only=True):
    """What is known of a submission.

    Args:
        key: the session's.
        backend: the name of the backend that it went to.
        entry: how far it got.
        handle: the backend's reference, once submitted.
        cancel_requested: whether the user asked it to stop.
    """

    key: str
    backend: str
    entry: Submission = Submission.SUBMITTING
    handle: str | None = None
    cancel_requested: bool = False

    def submitted(self, handle: str) -> Ledger:
        """The ledger once the backend has given `handle`."""
        return msgspec.structs.replace(self, entry=Submission.SUBMITTED, handle=handle)

    def ended(self) -> Ledger:
        """The ledger once the session has ended."""
        return msgspec.structs.replace(self, entry=Submission.ENDED)

    def asked_to_stop(self, *, asked: bool = True) -> Ledger:
        """The ledger once the user has asked the session to stop, or the backend has refused that."""
        return msgspec.structs.replace(self, cancel_requested=asked)


class Execution(Document, frozen=True, kw_only=True):
    """How a session ended.

    Args:
        key: the session's.
        backend: where it ran.
        handle: the backend's reference.
        state: a terminal one.
        exit_code: of its process, where the backend knows it.
        reason: why it failed or was cancelled, in half a sentence.
        cancel_requested: whether the user asked it to stop.
    """

    key: str
    backend: str
    handle: str
    state: State
    exit_code: int | None = None
    reason: str | None = None
    cancel_requested: bool = False


class Manifest(Document, frozen=True, kw_only=True):
    """Every file that arrived of a session, by its path with forward slashes."""

    key: str
    files: dict[str, FileEntry]


class ResumeVerdict(Value, frozen=True, kw_only=True):
    """Whether going on gives the same bits as never having stopped; why not, and what else is to be known."""

    exact: bool
    reasons: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


class SegmentReference(Value, frozen=True, kw_only=True):
    """A file of a replay buffer; its name is its digest."""

    sha256: str
    bytes: int


class ReplayReference(Value, frozen=True, kw_only=True):
    """The files that a checkpoint's replay buffer lies in.

    Args:
        folder: where, from the job's folder.
        bytes: of all of them.
        segments: each of them once.
    """

    folder: str
    bytes: int
    segments: tuple[SegmentReference, ...]


class CheckpointReference(Value, frozen=True, kw_only=True):
    """An adopted checkpoint: where it lies, and what it says of itself.

    Args:
        session: the session that made it, as `0001`.
        file: its path from the job's folder, with forward slashes.
        timesteps: where it stands.
        bytes, sha256: of the file.
        training, libraries, observation_space, action_space, parameters, resume, mean_reward,
            best_mean_reward: as in its record, `contract.documents.session.CheckpointRecord`.
        replay: its replay buffer, or None.
        stopped_by: the callback that has ended the job there, as met; None where none has.
    """

    session: str
    file: str
    timesteps: int
    bytes: int
    sha256: str
    training: dict[str, Any]
    libraries: dict[str, str]
    resume: ResumeVerdict
    observation_space: dict[str, Any] | None = None
    action_space: dict[str, Any] | None = None
    parameters: dict[str, tuple[int, ...]] | None = None
    mean_reward: float | None = None
    best_mean_reward: float | None = None
    replay: ReplayReference | None = None
    stopped_by: str | None = None

    def described(self) -> dict[str, Any]:
        """What a job is compared with, as JSON; what it does not say of itself is left out."""
        described: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in described.items() if value is not None}


class Rules(Value, frozen=True, kw_only=True):
    """What decides the verdicts on artifacts: the job's rules, and the code that applies them."""

    job: dict[str, Any] = msgspec.field(default_factory=dict)
    code: dict[str, str] = msgspec.field(default_factory=dict)


class Outcome(Value, frozen=True, kw_only=True):
    """What a session says of its end; nothing where it left no metadata."""

    timesteps: int | None = None
    goal_met: bool | None = None
    interrupted_by: str | None = None
    error: str | None = None
    episodes: int | None = None
    steps_per_second: float | None = None


class Restored(Document, frozen=True, kw_only=True):
    """What was adopted from a session: the next one's parent.

    Args:
        session: the number, as `0001`.
        key: the session's.
        rules: by which its artifacts were judged.
        checkpoint: the newest sound one, or what its own parent handed on.
        fallbacks: the ones behind it, newest first.
        best_model: the best model so far.
        outcome: what the session says of its end.
        refused: each checkpoint that was refused, with the reason.
    """

    session: str
    key: str
    checkpoint: CheckpointReference | None
    fallbacks: tuple[CheckpointReference, ...]
    best_model: CheckpointReference | None
    outcome: Outcome
    rules: Rules = Rules()
    refused: tuple[str, ...] = ()

    @property
    def candidates(self) -> tuple[CheckpointReference, ...]:
        """Every checkpoint that may be gone on from, newest first."""
        return (self.checkpoint, *self.fallbacks) if self.checkpoint else ()
