"""What a session is told and what it tells: the JSON documents inside its input and its artifacts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT: Literal[1] = 1

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=0, strict=True)]
Steps = Annotated[int, Field(ge=0, strict=True)]


def _is_none(value: object) -> bool:
    """Whether a field that came later says nothing: what has none reads as it did before there was such a field."""
    return value is None


class Record(BaseModel):
    """A document of a known format: an unknown field means that a later version wrote it."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    format: Literal[1] = FORMAT


class Parent(BaseModel):
    """The checkpoint that a session goes on from."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    session: str
    timesteps: Steps
    sha256: Digest


class Request(Record):
    """What a session is asked for.

    Args:
        job: the job's name.
        lineage: 1 for the job's first lineage, one more after each `fresh`.
        session: the number, as `0001`.
        profile: `quick` or `full`: whether the job's `quick` block was applied.
        goal: timesteps at which the job is done.
        parent: the checkpoint to go on from, or None to start at zero.
        sources_changed: whether the job's sources mean something else than when the parent was made.
        changes: what else changed since then, in words, which makes nothing approximate.
        untried: why the job could not be tried where it was packaged, so that the session tries it first; else None.
    """

    job: str
    lineage: Annotated[int, Field(ge=1, strict=True)]
    session: Annotated[str, Field(pattern=r"^\d{4,}$")]
    profile: Literal["quick", "full"]
    goal: Steps
    parent: Parent | None
    sources_changed: bool = False
    changes: tuple[str, ...] = ()
    untried: str | None = None


class FileEntry(BaseModel):
    """Size in bytes and sha256 of one file or zip member."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    bytes: Size
    sha256: Digest


class ResumeVerdict(BaseModel):
    """Whether going on from here gives the same bits as never having stopped, and if not, why.

    `changes` says what of kaggle-relay's own code changed on the way: each session went on exactly, and the run as a
    whole was computed by more than one version.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    exact: bool
    reasons: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


class ReplayField(BaseModel):
    """One array of a replay buffer: its name, numpy's name of its type, and the shape of a row (environments first)."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    name: str
    dtype: str
    shape: tuple[Size, ...]


class ReplaySegment(FileEntry):
    """Some consecutive rows of a replay buffer, in a file named by its digest.

    The file holds, field by field in the buffer's order, the bytes of those rows; `zlib` says that
    they are compressed. `bytes` and `sha256` are those of the file.
    """

    first_row: Size
    rows: Annotated[int, Field(ge=1, strict=True)]
    compression: Literal["none", "zlib"]


class Replay(BaseModel):
    """The replay buffer of a checkpoint.

    Args:
        kind: the name of the buffer's class.
        capacity: rows that it can hold; a row is one transition of each parallel environment.
        fields: its arrays.
        segments: the rows that are filled, in order and without a gap, from row 0.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    kind: str
    capacity: Annotated[int, Field(ge=1, strict=True)]
    fields: tuple[ReplayField, ...]
    segments: tuple[ReplaySegment, ...]


class CheckpointRecord(Record):
    """What a checkpoint says of itself (`relay/checkpoint.json` inside its zip).

    Args:
        job, session, key: where it was made; `key` is the session's.
        kind: which of the three levels it belongs to.
        timesteps: environment steps taken so far, over all parallel environments.
        goal: timesteps at which the session's job is done.
        training: the job's `training_inputs()`.
        observation_space, action_space: as `trainer.environments.spaces.describe_space` gives them.
        parameters: the shape of every tensor of the policy, by name.
        libraries: versions by distribution name, and `python`.
        resume: whether going on from it is exact.
        mean_reward: of the latest episodes, None before the first has ended.
        best_mean_reward: of the best evaluation so far.
        parent: what the session went on from.
        members: every other member of the zip.
        replay: the replay buffer, whose segments lie in `replay/` beside it; None without one.
        stopped_by: the callback that has ended the job here, as met; None where none has.
    """

    job: str
    session: str
    key: Digest
    kind: Literal["checkpoint", "best", "final"]
    timesteps: Steps
    goal: Steps
    training: dict[str, Any]
    observation_space: dict[str, Any]
    action_space: dict[str, Any]
    parameters: dict[str, tuple[Size, ...]]
    libraries: dict[str, str]
    resume: ResumeVerdict
    mean_reward: float | None
    best_mean_reward: float | None
    parent: Parent | None
    members: dict[str, FileEntry]
    replay: Replay | None = None
    stopped_by: str | None = Field(default=None, exclude_if=_is_none)


class Resumed(BaseModel):
    """The proof that a session went on from its parent, and did not begin anew.

    Args:
        parent: the checkpoint that was loaded, whose digest was checked.
        mean_reward: of the parent's latest episodes, None before the first has ended.
        first_rollout_mean_reward: of the episodes that ended in the first rollout after it; where none
            did, in the first rollout in which one did; None before that.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    parent: Parent
    mean_reward: float | None
    first_rollout_mean_reward: float | None = None


class TrainingMetadata(Record):
    """What a session was and how it went (`training_metadata.json`).

    Args:
        job: the whole job as the session ran it.
        request: what it was asked for.
        key: the session's key.
        started_at, updated_at: UTC, ISO 8601.
        timesteps_at_start, timesteps: where it began and how far it got.
        goal_met: whether `timesteps` is at or past the goal, or a callback of the job has ended it.
        stopped_by: that callback; None where none has.
        interrupted_by: why it ended before the goal, as docs/resume.md lists it: a signal's name,
            `session limit`, `NaN loss`, an error's name; None while it runs and when the goal was met.
        error: the error in one sentence, where there was one.
        resume: whether a resume from its checkpoints is exact.
        resumed: what it went on from, once that was loaded; None where it began at zero.
        mean_reward, best_mean_reward: as in the checkpoints.
        episodes: finished in this lineage.
        steps_per_second: of this session, process start excluded.
        libraries: versions by distribution name, and `python`.
    """

    job: dict[str, Any]
    request: Request
    key: Digest
    started_at: str
    updated_at: str
    timesteps_at_start: Steps
    timesteps: Steps
    goal_met: bool
    interrupted_by: str | None
    error: str | None
    resume: ResumeVerdict
    resumed: Resumed | None = None
    mean_reward: float | None
    best_mean_reward: float | None
    episodes: Steps
    steps_per_second: float | None
    libraries: dict[str, str]
    stopped_by: str | None = Field(default=None, exclude_if=_is_none)


class Memory(BaseModel):
    """Bytes that a training takes once its buffers are full: of the replay buffer, of a rollout, of the networks."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    replay: Size
    rollout: Size
    networks: Size


class Tried(Record):
    """What came of making a job's environment and model, stepping, saving and loading them.

    Args:
        observation_space, action_space, parameters: as in a checkpoint's record.
        memory: what a session of the job needs.
        notes: what is to be known, and stops nothing, a sentence each.
    """

    observation_space: dict[str, Any]
    action_space: dict[str, Any]
    parameters: dict[str, tuple[Size, ...]]
    memory: Memory
    notes: tuple[str, ...] = ()


class Manifest(Record):
    """Every artifact of a session by its path with forward slashes, and the session's key.

    `complete` says that the session ended in good order. Until then an artifact may be newer than
    its entry, since no two files change at the same instant.
    """

    key: Digest
    complete: bool
    files: dict[str, FileEntry]


class Payload(Record):
    """Every file of a session's input by name; `key` is the sha256 of `files` as canonical JSON."""

    key: Digest
    files: dict[str, FileEntry]
