"""Whether arrays hold what a space says: finite numbers where these are fractions, numbers within it where whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from trainer.environments.checks.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_FEW = 64
"""Up to here Python adds them up quicker than NumPy begins."""
_QUICK_SIZE = 4096
"""Up to here a product with zeros is the quickest way to find what is not finite."""
_QUICK_TYPE = np.dtype(np.float32)
_LARGEST = {np.dtype(each): float(np.finfo(each).max) for each in (np.float16, np.float32, np.float64)}
_ZEROS = np.zeros(_QUICK_SIZE, _QUICK_TYPE)


def is_finite(values: NDArray[Any]) -> bool:
    """Whether every number is finite; in the microsecond that a step can spare."""
    size = values.size
    if values.dtype != _QUICK_TYPE or size > _QUICK_SIZE:
        return bool(np.isfinite(values).all())
    if size <= _FEW:  # in doubles, where no sum of so few is beyond their range
        return math.isfinite(sum(values.ravel().tolist()))
    try:
        return math.isfinite(values.ravel().dot(_ZEROS[:size]))
    except RuntimeWarning:  # where warnings are errors; infinity times zero is worth one
        return False


def fits_into(values: NDArray[Any], wanted: np.dtype[Any]) -> bool:
    """Whether every number is finite, in `wanted` too: beyond that type's range lies infinity for whoever casts."""
    if values.dtype == wanted:
        return is_finite(values)
    # Few numbers whose sum is within the range are so themselves; NaN compares with nothing.
    if values.size <= _FEW and sum(map(abs, values.ravel().tolist())) <= _LARGEST.get(wanted, -1.0):
        return True
    return is_finite(cast(values, wanted))


def find_fault(what: str, space: gym.Space[Any], values: NDArray[Any]) -> Fault | None:
    """What is wrong with the numbers of one environment, if anything.

    Args:
        what: which value it is, for the sentence.
        space: not a Dict.
        values: an array of the shape of `space`.
    """
    bad = _bad(space, values)
    if not bad.any():
        return None
    place = tuple(int(each[0]) for each in np.nonzero(np.atleast_1d(bad)))
    value = np.atleast_1d(values)[place]
    where = f" at {list(place)}" if values.ndim else ""
    if isinstance(space, gym.spaces.Box):
        beyond = f", beyond what {space.dtype} can hold" if np.isfinite(value) else ""
        return Fault(what, "is not finite", f"{value}{where}{beyond}")
    return Fault(what, f"is outside of {space}", f"{value}{where}")


def batch_check(space: gym.Space[Any]) -> Callable[[NDArray[Any]], bool] | None:
    """Tells whether a batch holds what `space` (not a Dict) says; None where every array does."""
    if isinstance(space, gym.spaces.Box):
        if space.dtype.kind != "f":
            return None
        wanted = space.dtype
        return lambda values: fits_into(values, wanted)
    if isinstance(space, gym.spaces.Discrete | gym.spaces.MultiDiscrete | gym.spaces.MultiBinary):
        return lambda values: not _bad(space, values).any()
    return None


def _bad(space: gym.Space[Any], values: NDArray[Any]) -> NDArray[np.bool_]:
    if isinstance(space, gym.spaces.Box):
        if space.dtype.kind != "f":
            return np.zeros(values.shape, bool)
        return np.asarray(np.logical_not(np.isfinite(cast(values, space.dtype))))
    if isinstance(space, gym.spaces.MultiBinary):
        return np.asarray((values != 0) & (values != 1))
    least = space.start  # type: ignore[attr-defined] # Discrete and MultiDiscrete are left
    count = space.n if isinstance(space, gym.spaces.Discrete) else space.nvec  # type: ignore[attr-defined]
    return np.asarray((values < least) | (values >= least + count))


def cast(values: NDArray[Any], wanted: np.dtype[Any]) -> NDArray[Any]:
    """`values` in another type, with infinity where that does not reach as far."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(values, wanted)
