"""What one environment gives, looked at as it comes: before anything casts, reshapes or copies it.

The usual takes some hundred nanoseconds: values of the plain types, arrays of the space's shape and
type. Only what is not so is looked at closely, and only what would be taken for something else is a
fault: NumPy makes NaN of None, an array of equal numbers of a single one, and 255 of -1.

What stands in for a step with a fault has a reward that is no number, so that nobody needs to look
into the infos of all the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from trainer.environments.checks.faults import Fault, beginning
from trainer.environments.checks.numbers import batch_check, find_fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FAULT = "kaggle-relay: fault"
"""Where an info says what was wrong, so that it comes out of a worker process."""

NO_REWARD = float("nan")
"""Of a step with a fault."""

OBSERVATION, FINAL_OBSERVATION = "the observation", "the final observation"

NUMBERS = frozenset({float, int, np.float64, np.float32})
TRUTHS = frozenset({bool, np.bool_})
"""The types of rewards, and of ends of episodes, that need no closer look."""


class StepCheck:
    """Looks at what an environment gives.

    Args:
        space: of its observations.
    """

    def __init__(self, space: gym.Space[Any]) -> None:
        self._space = space
        self._fits = _fitting(space)
        self._holds = None if isinstance(space, gym.spaces.Dict) else batch_check(space)
        self.shape = None if isinstance(space, gym.spaces.Dict | gym.spaces.Discrete) else space.shape
        self.dtype = space.dtype
        """Of arrays that need no closer look; a shape of None is that of no array."""

    def fault_in_step(self, step: tuple[Any, Any, Any, Any, Any]) -> Fault | None:
        """What is wrong with what `step` gave, if anything; not yet whether the numbers are finite."""
        observation, reward, terminated, truncated, info = step
        return (
            _fault_in_number("the reward", reward)
            or _fault_in_truth("`terminated`", terminated)
            or _fault_in_truth("`truncated`", truncated)
            or _fault_in_info(info)
            or self.fault_in_observation(observation)
        )

    def fault_in_observation(self, observation: Any) -> Fault | None:
        """What is wrong with the kind, the shape and the type of an observation, if anything."""
        if self._fits(observation):
            return None
        return _fault_in_shape(OBSERVATION, self._space, observation)

    def fault_in_final(self, observation: Any) -> Fault | None:
        """What is wrong with the numbers of an episode's last observation, which no array of all holds."""
        if self._holds is not None and type(observation) is np.ndarray and self._holds(observation):
            return None
        return _fault_in_numbers(FINAL_OBSERVATION, self._space, observation)


def _fitting(space: gym.Space[Any]) -> Callable[[Any], bool]:
    """Tells quickly of most observations that they are what `space` says."""
    if isinstance(space, gym.spaces.Dict):
        parts = {name: _fitting(part) for name, part in space.spaces.items()}
        return lambda given: (
            type(given) is dict
            and given.keys() >= parts.keys()
            and all(fits(given[key]) for key, fits in parts.items())
        )
    if isinstance(space, gym.spaces.Discrete):
        return lambda given: type(given) in (int, np.int64)
    shape, dtype = space.shape, np.dtype(space.dtype)
    if dtype.kind == "f":
        return lambda given: type(given) is np.ndarray and given.shape == shape and given.dtype.kind == "f"
    return lambda given: type(given) is np.ndarray and given.shape == shape and given.dtype == dtype


def _fault_in_shape(what: str, space: gym.Space[Any], given: Any) -> Fault | None:
    if isinstance(space, gym.spaces.Dict):
        if not isinstance(given, Mapping):
            return Fault(what, "is no dictionary", beginning(given))
        if missing := [name for name in space.spaces if name not in given]:
            return Fault(what, f"lacks {missing[0]!r}", f"it has {sorted(map(str, given))}")
        faults = (_fault_in_shape(f"{name!r} in {what}", part, given[name]) for name, part in space.spaces.items())
        return next((fault for fault in faults if fault), None)
    array = _as_numbers(given)
    if array is None:
        return Fault(what, "is not an array of numbers", beginning(given))
    if array.shape != space.shape:
        return Fault(what, f"has the shape {array.shape} instead of {space.shape}", beginning(given))
    return _fault_in_cast(what, array, np.dtype(space.dtype))


def _fault_in_cast(what: str, array: NDArray[Any], wanted: np.dtype[Any]) -> Fault | None:
    if wanted.kind == "f" or array.dtype == wanted:
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        lost = np.atleast_1d(array.astype(wanted) != array)
    if not lost.any():
        return None
    value = np.atleast_1d(array)[lost][0]
    return Fault(what, f"holds what {wanted} cannot", f"{value} would become something else")


def _fault_in_numbers(what: str, space: gym.Space[Any], given: Any) -> Fault | None:
    if isinstance(space, gym.spaces.Dict):
        faults = (_fault_in_numbers(f"{name!r} in {what}", part, given[name]) for name, part in space.spaces.items())
        return next((fault for fault in faults if fault), None)
    return find_fault(what, space, np.asarray(given))


def _fault_in_number(what: str, given: Any) -> Fault | None:
    array = _as_numbers(given)
    if array is None:
        return Fault(what, "is not a number", beginning(given))
    return Fault(what, "is an array instead of a number", beginning(given)) if array.ndim else None


def _fault_in_truth(what: str, given: Any) -> Fault | None:
    array = _as_numbers(given)
    if array is None or array.ndim or array not in (0, 1):
        return Fault(what, "is neither true nor false", beginning(given))
    return None


def _fault_in_info(given: Any) -> Fault | None:
    return None if isinstance(given, dict) else Fault("the info", "is no dictionary", beginning(given))


def _as_numbers(given: Any) -> NDArray[Any] | None:
    try:
        array = np.asarray(given)
    except (TypeError, ValueError, RuntimeError):  # of rows that are not equally long, of a tensor on a GPU
        return None
    return array if array.dtype.kind in "biuf" else None
