"""Numbers that change over a training, such as `linear_0.0003`: written as in rl-baselines3-zoo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIXES = ("linear", "lin", "constant")
"""`lin` is how rl-baselines3-zoo abbreviates `linear`."""


@dataclass(frozen=True)
class LinearSchedule:
    """From `initial` at the start of training down to zero at the goal."""

    initial: float

    def __call__(self, progress_remaining: float) -> float:
        """The value where `progress_remaining` (1 at the start, 0 at the goal) is left."""
        return progress_remaining * self.initial


@dataclass(frozen=True)
class ConstantSchedule:
    """`initial` throughout."""

    initial: float

    def __call__(self, progress_remaining: float) -> float:  # noqa: ARG002 - the protocol of a schedule
        """`initial`, whatever is left."""
        return self.initial


def parse_schedule(text: str) -> Callable[[float], float]:
    """The schedule that `text` names.

    Raises:
        ValueError: `text` is not `<linear|lin|constant>_<number>`, or its number is negative or not finite.
    """
    prefix, _, number = text.partition("_")
    try:
        initial = float(number)
    except ValueError:
        initial = -1.0
    if prefix not in PREFIXES or not 0 <= initial < float("inf"):
        raise ValueError("must be a number, or a schedule such as linear_0.0003")
    return ConstantSchedule(initial) if prefix == "constant" else LinearSchedule(initial)
