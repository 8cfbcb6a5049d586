"""Where a session stands, and the documents that say so."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from contract.documents.session import CheckpointRecord, Resumed, ResumeVerdict, TrainingMetadata
from contract.libraries import library_versions
from trainer.algorithms.model import parameter_shapes
from trainer.environments.spaces import describe_space

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from trainer.session_input import SessionInput


def utc_now() -> str:
    """The time as UTC, ISO 8601, to the second."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


@dataclass
class Milestones:
    """What a session hands on to the next through its checkpoints, as plain data.

    Timesteps of the latest checkpoint and of the latest evaluation, episodes finished in this
    lineage, and the best evaluation's mean return.
    """

    saved_at: int = 0
    evaluated_at: int = 0
    episodes: int = 0
    best_mean_reward: float | None = None

    def to_plain(self) -> dict[str, Any]:
        """As a checkpoint keeps them."""
        return asdict(self)


@dataclass
class Progress:
    """How far a session has come, as of the latest rollout boundary.

    Args:
        session_input: what the session was given.
        started_at: when it began, UTC, ISO 8601.
        timesteps: reached.
        milestones: handed on from session to session.
        inexact: why going on from here is not exact; empty when it is.
        changes: what of kaggle-relay's own code changed on the way.
        mean_reward: mean return of the latest episodes, None before the first has ended.
        steps_per_second: of this session, process start excluded.
        resumed: what it went on from, once that is loaded.
        stopped_by: the callback of the job that has ended it, as met.
        machine: the GPU and its software, by name; empty on the CPU.
    """

    session_input: SessionInput
    started_at: str = field(default_factory=utc_now)
    timesteps: int = 0
    milestones: Milestones = field(default_factory=Milestones)
    inexact: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    mean_reward: float | None = None
    steps_per_second: float | None = None
    resumed: Resumed | None = None
    stopped_by: str | None = None
    machine: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin where the parent ended."""
        self.timesteps = self.timesteps_at_start

    @property
    def timesteps_at_start(self) -> int:
        """Where the session began."""
        parent = self.session_input.request.parent
        return parent.timesteps if parent else 0

    @property
    def goal_met(self) -> bool:
        """Whether the job is done."""
        return self.timesteps >= self.session_input.job.total_timesteps or self.stopped_by is not None

    def stop(self, callback: str) -> None:
        """Note that a callback of the job has ended it; the first one that does."""
        self.stopped_by = self.stopped_by or callback

    @property
    def libraries(self) -> dict[str, str]:
        """What the session computes with: versions by name, and on a GPU the machine."""
        return library_versions(self.session_input.job.packages) | self.machine

    @property
    def verdict(self) -> ResumeVerdict:
        """Whether going on from here is exact."""
        return ResumeVerdict(exact=not self.inexact, reasons=self.inexact, changes=self.changes)

    def add_inexact(self, reasons: tuple[str, ...]) -> None:
        """Note further reasons why going on is not exact, each once."""
        self.inexact = tuple(dict.fromkeys((*self.inexact, *reasons)))

    def add_changes(self, changes: tuple[str, ...]) -> None:
        """Note what of kaggle-relay's own code changed, each once."""
        self.changes = tuple(dict.fromkeys((*self.changes, *changes)))

    def metadata(self, interrupted_by: str | None = None, error: str | None = None) -> TrainingMetadata:
        """The session's metadata as of now."""
        return TrainingMetadata(
            job=self.session_input.job.model_dump(mode="json"),
            request=self.session_input.request,
            key=self.session_input.key,
            started_at=self.started_at,
            updated_at=utc_now(),
            timesteps_at_start=self.timesteps_at_start,
            timesteps=self.timesteps,
            goal_met=self.goal_met,
            stopped_by=self.stopped_by,
            interrupted_by=interrupted_by,
            error=error,
            resume=self.verdict,
            resumed=self.resumed,
            mean_reward=self.mean_reward,
            best_mean_reward=self.milestones.best_mean_reward,
            episodes=self.milestones.episodes,
            steps_per_second=self.steps_per_second,
            libraries=self.libraries,
        )

    def record(self, model: BaseAlgorithm, kind: Literal["checkpoint", "best", "final"]) -> CheckpointRecord:
        """The record of a checkpoint that is taken now; its members and replay buffer are named when it is written."""
        job, request = self.session_input.job, self.session_input.request
        return CheckpointRecord(
            job=job.name,
            session=request.session,
            key=self.session_input.key,
            kind=kind,
            timesteps=self.timesteps,
            goal=job.total_timesteps,
            training=job.training_inputs(),
            observation_space=describe_space(model.observation_space),
            action_space=describe_space(model.action_space),
            parameters=parameter_shapes(model),
            libraries=self.libraries,
            resume=self.verdict,
            mean_reward=self.mean_reward,
            best_mean_reward=self.milestones.best_mean_reward,
            parent=request.parent,
            stopped_by=self.stopped_by,
            members={},
        )
