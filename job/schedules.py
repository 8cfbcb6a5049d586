"""Notations of time in a job: schedules such as `linear_0.0003` and durations such as `8h45m`.

Schedules are written as in rl-baselines3-zoo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIXES = ("linear", "lin", "constant")
"""`lin` is how rl-baselines3-zoo abbreviates `linear`."""
LONGEST_DURATION = 366 * 24 * 3600

_DURATION = re.compile(r"(?:(?P<h>[0-9]{1,9})h)?(?:(?P<m>[0-9]{1,9})m)?(?:(?P<s>[0-9]{1,9})s)?")


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


def parse_duration(value: object) -> float:
    """Seconds of a duration such as `8h45m`, `90s` or a plain number of seconds.

    Raises:
        ValueError: it is not a duration, or not a positive one, or more than a year.
    """
    if isinstance(value, str) and value and (match := _DURATION.fullmatch(value.replace(" ", ""))):
        hours, minutes, seconds = (int(part or 0) for part in match.group("h", "m", "s"))
        value = 3600 * hours + 60 * minutes + seconds
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_DURATION:
        raise ValueError("must be a duration such as 8h45m, 90s or a number of seconds above 0")
    return float(value)
