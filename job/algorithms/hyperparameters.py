"""What a job may say under `hyperparameters`, checked before any algorithm is imported: what all share.

The models of the algorithms stand in `on_policy`, `epsilon_greedy`, `continuous` and `random_search`.
Their fields are the arguments of the constructors in Stable-Baselines3 and sb3-contrib
(https://stable-baselines3.readthedocs.io and https://sb3-contrib.readthedocs.io); a test compares
them with the installed versions. Defaults stay with the constructors: a field that a job leaves out,
or sets to null, is not passed.

A validator's sentence begins with what the value must be; `job.model` adds what was found.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from job.schedules import parse_schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = sys.float_info.max
LARGEST_COUNT = 10**15

Conflict = tuple[tuple[str, ...], str]
"""A key below `hyperparameters` whose value is fine alone but not where it stands, and what is wrong."""


def whole_number(value: object) -> object:
    """Let `1e6` stand for 1,000,000, which YAML reads as a float; anything else stays as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_number(value: object) -> bool:
    """Whether `value` is a finite number; true and false are none, though Python counts with them."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -LARGEST <= value <= LARGEST


def is_count(value: object) -> bool:
    """Whether `value` is a whole number above zero, as `Count` is."""
    return isinstance(value, int) and is_number(value) and 0 < value <= LARGEST_COUNT


Whole = Annotated[int, BeforeValidator(whole_number)]

Count = Annotated[Whole, Field(gt=0, le=LARGEST_COUNT)]
"""A whole number above zero; the upper bound keeps it exact as a float."""

CountOrZero = Annotated[Whole, Field(ge=0, le=LARGEST_COUNT)]
CountOrMinusOne = Annotated[Whole, Field(ge=-1, le=LARGEST_COUNT)]
"""A whole number where -1 has a meaning of its own."""

Fraction = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


def _schedule_or_number(value: Any) -> Any:
    if isinstance(value, str):
        parse_schedule(value)
    elif not is_number(value) or value < 0:
        raise ValueError("must be a number that is not negative, or a schedule such as linear_0.0003")
    return value


Schedule = Annotated[float | str, BeforeValidator(_schedule_or_number)]
"""A number, or a schedule over the training run such as `linear_0.0003`."""


class Hyperparameters(BaseModel):
    """What every algorithm shares."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    learning_rate: Schedule | None = None

    def arguments(self) -> dict[str, Any]:
        """What the job says, as plain JSON; `trainer.algorithms.model` makes the constructor's arguments of it."""
        return self.model_dump(mode="json", exclude_none=True)

    @abstractmethod
    def rollout_timesteps(self, n_envs: int) -> int:
        """Timesteps between two updates, over `n_envs` parallel environments."""

    def conflicts(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """What is fine alone but not together, over `n_envs` environments and for the policy of that name."""
        del n_envs, policy
        yield from ()
