"""What was measured in the course of one training, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Measurement(NamedTuple):
    """One number that was measured.

    Args:
        timesteps: of the training, over all sessions.
        key: what it is, as stable-baselines3's logger calls it: `rollout/ep_rew_mean`, `eval/mean_reward`, `time/fps`.
        value: finite.
        session: the number of the session that measured it.
        at: when, in seconds since 1970.
    """

    timesteps: int
    key: str
    value: float
    session: int
    at: float


class Evaluation(NamedTuple):
    """What the episodes of one evaluation came to, one by one; what their mean is, is measured as `eval/mean_reward`.

    Args:
        timesteps: of the training, over all sessions.
        rewards: of each episode, the first thousand where there were more.
        lengths: likewise.
        session: the number of the session that measured it.
        at: when, in seconds since 1970.
    """

    timesteps: int
    rewards: tuple[float, ...]
    lengths: tuple[int, ...]
    session: int
    at: float


class Stretch(NamedTuple):
    """What one session added to the training.

    Args:
        session: its number.
        begins: the timesteps that it went on from.
        ends: the timesteps that the training went on from later, or where it stands now; never more than it reached.
        started_at: in seconds since 1970.
        ended_at: in seconds since 1970.
        ending: why it ended, in words; empty where it met its goal.
    """

    session: int
    begins: int
    ends: int
    started_at: float
    ended_at: float
    ending: str


@dataclass(frozen=True)
class Curve:
    """One training without a gap or a timestep twice, whatever was cut off, redone or fell back to an older checkpoint.

    Args:
        job: the job's name.
        lineage: 1 for the job's first lineage, one more after each `fresh`.
        measurements: by timesteps, then key; no key twice at the same timesteps.
        stretches: the sessions that its state stems from, oldest first; each begins where the one before ends.
        evaluations: by timesteps, none twice.
        notes: what could not be read of what sessions measured, in words, a sentence each.
    """

    job: str
    lineage: int
    measurements: tuple[Measurement, ...]
    stretches: tuple[Stretch, ...]
    evaluations: tuple[Evaluation, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """What was measured, in the order of the alphabet."""
        return tuple(sorted({each.key for each in self.measurements}))

    def series(self, key: str) -> tuple[Measurement, ...]:
        """What was measured of `key`, by timesteps."""
        return tuple(each for each in self.measurements if each.key == key)
