"""What a report tells, as values: of one job, and of jobs that form a group."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from runner.curve.measurements import Curve

TRAINING_RETURN = "rollout/ep_rew_mean"
EVALUATED_RETURN = "eval/mean_reward"
THROUGHPUT = "time/fps"


class End(enum.StrEnum):
    """How a session stands, as it is drawn."""

    MET = "met"
    CUT = "cut"
    FAILED = "failed"
    UNDER_WAY = "running"


class SessionRow(NamedTuple):
    """One session.

    Args:
        number: 1 and so on.
        profile: `quick` or `full`.
        parent: the session that made the checkpoint that it went on from; None where it began at zero.
        begins: the timesteps of that checkpoint.
        reached: where its newest checkpoint stands; None where none was adopted.
        kept_to: how far the training went on from what it did; None where nothing of it was kept.
        goal: the timesteps that it was asked for.
        backend: where it ran.
        end: how it is drawn.
        words: how it stands, in words.
        reason: what it or its backend says of its end; empty where there is nothing to say.
        started_at: UTC; empty where it is not known.
        hours: from its first line to its last save; None where it is not known.
        machine: what it computed on, as far as is known.
        has_gpu: whether its hours count as hours of a GPU.
        steps_per_second: of this session; None where it does not say.
        resume: `exact`, or why it is not.
        refused: each checkpoint that was refused, with the reason.
    """

    number: int
    profile: str
    parent: int | None
    begins: int
    reached: int | None
    kept_to: int | None
    goal: int
    backend: str
    end: End
    words: str
    reason: str = ""
    started_at: str = ""
    hours: float | None = None
    machine: str = ""
    has_gpu: bool = False
    steps_per_second: float | None = None
    resume: str = ""
    refused: tuple[str, ...] = ()


class CheckpointRow(NamedTuple):
    """An adopted checkpoint.

    Args:
        session: the session that made it.
        kind: `latest` or `earlier` of its session, or `best`.
        timesteps: where it stands.
        bytes: of the file, and of its replay buffer.
        sha256: of the file.
        file: its path from the job's folder.
        mean_reward: of the latest episodes.
        best_mean_reward: of the best evaluation so far.
        is_there: whether the file still is.
    """

    session: int
    kind: str
    timesteps: int
    bytes: int
    sha256: str
    file: str
    mean_reward: float | None
    best_mean_reward: float | None
    is_there: bool


class Change(NamedTuple):
    """What was other in a session than in the one that it went on from, in words."""

    session: int
    timesteps: int
    what: str


class Setting(NamedTuple):
    """A key of the job's configuration, nested ones joined by dots, and its value as text."""

    key: str
    value: str


class Versions(NamedTuple):
    """The versions that sessions computed with, from one session to another, both included."""

    first: int
    last: int
    versions: tuple[tuple[str, str], ...]


class Baseline(NamedTuple):
    """How something that does not learn does in the same episodes: its name, and the mean return."""

    name: str
    mean_return: float


class Picture(NamedTuple):
    """A video or an image of the best agent.

    Args:
        file: its name, beside the page.
        kind: as browsers call it: `image/gif`, `video/mp4`.
        data: the content in base64; empty where the page only names the file.
    """

    file: str
    kind: str
    data: str


@dataclass(frozen=True)
class JobReport:
    """What the page of a job tells.

    Args:
        job: its name.
        lineage: 1 for its first lineage, one more after each `fresh`.
        group: the name of the jobs that it is compared with; empty where there are none.
        environment, algorithm, seed: what it is.
        kind: what decides the training but for the seed, as text: jobs with the same are repetitions.
        goal: the timesteps at which it is done.
        curve: what was measured.
        sessions: oldest first.
        checkpoints: newest first.
        changes: oldest first.
        settings: the configuration of the newest session, or of jobs.yaml before the first.
        versions: oldest first.
        baselines: as the environment names them.
        notes: what is to be known of the figures, a sentence each.
        picture: of the best agent, where there is one.
    """

    job: str
    lineage: int
    group: str
    environment: str
    algorithm: str
    seed: int
    kind: str
    goal: int
    curve: Curve
    sessions: tuple[SessionRow, ...] = ()
    checkpoints: tuple[CheckpointRow, ...] = ()
    changes: tuple[Change, ...] = ()
    settings: tuple[Setting, ...] = ()
    versions: tuple[Versions, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    notes: tuple[str, ...] = ()
    picture: Picture | None = None

    @property
    def reached(self) -> int:
        """The timesteps of the training as it stands."""
        return max((each.kept_to for each in self.sessions if each.kept_to is not None), default=0)

    @property
    def best(self) -> float | None:
        """The mean return of the best evaluation."""
        measured = [each.value for each in self.curve.series(EVALUATED_RETURN)]
        recorded = [each.best_mean_reward for each in self.checkpoints if each.best_mean_reward is not None]
        return max(measured + recorded, default=None)

    @property
    def hours(self) -> float:
        """Of all its sessions, as far as they are known."""
        return sum(each.hours or 0.0 for each in self.sessions)

    @property
    def gpu_hours(self) -> float:
        """Of those that had a GPU."""
        return sum(each.hours or 0.0 for each in self.sessions if each.has_gpu)
