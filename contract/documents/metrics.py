"""What a session measures as it trains (`training_metrics.jsonl`): one JSON object to a line, appended as it happens.

A line that a kill has cut is none: whoever reads takes whole lines only. Each is written once it is measured, so a file
holds more than the checkpoints beside it stand for; which of its rows belong to a training is for the reader to say.
"""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

STARTED = "started"
WENT_ON = "went on"
ENDED = "ended"

MEAN_REWARD = "rollout/ep_rew_mean"
MEAN_LENGTH = "rollout/ep_len_mean"
EVALUATION_MEAN = "eval/mean_reward"
EVALUATION_STD = "eval/std_reward"
EVALUATION_LENGTH = "eval/mean_ep_length"
"""As stable-baselines3's own EvalCallback names them."""
EPISODE_REWARD = "episode/reward"
EPISODE_LENGTH = "episode/length"
STEPS_PER_SECOND = "time/steps_per_second"
"""Since the row before, evaluations and saves included; `time/fps` is the mean since the session began."""

MOST_EPISODES = 1_000
"""Of one row: of an evaluation of more, the first ones are told apart, and all of them count in its values."""
MOST_BYTES = 128 << 20
"""Of a file, which writers keep below by thinning out, and beyond which readers do not read."""
LONGEST_LINE = 1 << 20
MOST_KEYS = 1_000
"""Of one row."""
LONGEST_KEY = 200
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Row:
    """Something that was measured.

    Args:
        kind: `session` for its beginning and its end; `log` for what stable-baselines3's logger dumps, `pending` for
            what it held back at a checkpoint, for its next dump; `episodes` for those that ended in one step;
            `evaluation`.
        timesteps: of the training, over all sessions.
        at: when, in seconds since 1970, by the clock of the machine that the session runs on.
        values: numbers by the logger's keys; all finite.
        rewards, lengths: of single episodes.
        event: of a `session`: `started`, `went on` or `ended`.
        why: why it ended before its goal.
        key: the session's.
    """

    kind: Literal["session", "log", "pending", "episodes", "evaluation"]
    timesteps: int
    at: float
    values: dict[str, float] = field(default_factory=dict)
    rewards: tuple[float, ...] = ()
    lengths: tuple[int, ...] = ()
    event: Literal["started", "went on", "ended"] | None = None
    why: str | None = None
    key: str | None = None

    def line(self) -> bytes:
        """As it stands in the file."""
        if self.kind == "episodes":  # of which there are the most
            rewards, lengths = ",".join(map(repr, self.rewards)), ",".join(map(repr, self.lengths))
            begin = f'{{"kind":"episodes","timesteps":{self.timesteps},"at":{self.at:.3f}'
            return f'{begin},"rewards":[{rewards}],"lengths":[{lengths}]}}\n'.encode()
        stated: dict[str, Any] = {"kind": self.kind, "timesteps": self.timesteps, "at": round(self.at, 3)}
        if self.values:
            stated["values"] = self.values
        if self.rewards:
            stated |= {"rewards": self.rewards, "lengths": self.lengths}
        if self.event:
            stated |= {"event": self.event, "why": self.why, "key": self.key}
        return f"{_ENCODER.encode(stated)}\n".encode()


def finite_numbers(logged: Mapping[str, Any]) -> dict[str, float]:
    """What of a logger's values is a number, by name: no text, no image, no infinity."""
    found: dict[str, float] = {}
    for name, value in logged.items():
        number = value if type(value) is float else _number(value)
        if number is not None and math.isfinite(number) and is_key(name) and len(found) < MOST_KEYS:
            found[name] = number
    return found


def _number(value: Any) -> float | None:
    """A number as such, also one that is alone in an array or a tensor; None for anything else."""
    try:
        if isinstance(value, Real):
            return float(value)
        return float(value.item())
    except (AttributeError, TypeError, ValueError, OverflowError, RuntimeError):
        return None


@functools.lru_cache(maxsize=4 * MOST_KEYS)
def is_key(name: str) -> bool:
    """Whether something that is measured may be called so: it becomes the head of a column."""
    return 0 < len(name) <= LONGEST_KEY and name.isprintable()
