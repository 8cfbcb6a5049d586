"""Numbers that change over a training, such as `linear_0.0003`: written as in rl-baselines3-zoo."""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIXES = ("linear", "lin", "constant")
"""`lin` is how rl-baselines3-zoo abbreviates `linear`."""


def parse_schedule(text: str) -> Callable[[float], float] | float:
    """The schedule that `text` names, as the constructor of an algorithm takes it.

    A linear one is the number times what is left of the training (1 at the start, 0 at the goal); a constant one is
    the number. Both are pickled without anything of ours, so that Stable-Baselines3 alone opens a checkpoint.

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
    return initial if prefix == "constant" else functools.partial(operator.mul, initial)
