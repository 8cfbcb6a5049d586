"""Spaces of actions that begin elsewhere than at zero, shown to Stable-Baselines3 as if they did not.

It numbers choices from zero and knows no `start` of Discrete and MultiDiscrete: an environment would
be given other actions than its space names.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np


def has_origin(space: gym.Space[Any]) -> bool:
    """Whether `space` begins elsewhere than at zero."""
    return isinstance(space, gym.spaces.Discrete | gym.spaces.MultiDiscrete) and bool(np.any(space.start))


def from_zero(space: gym.Space[Any]) -> gym.Space[Any]:
    """`space` beginning at zero; itself where it does already."""
    if not has_origin(space):
        return space
    if isinstance(space, gym.spaces.Discrete):
        return gym.spaces.Discrete(space.n)
    if isinstance(space, gym.spaces.MultiDiscrete):
        return gym.spaces.MultiDiscrete(space.nvec, dtype=space.dtype.type)
    raise TypeError(f"{space} has no origin")


def to_environment(space: gym.Space[Any], actions: Any) -> Any:
    """The action that the environment names, or those of several, for what is counted from zero."""
    return actions + space.start  # type: ignore[attr-defined] # asked only of spaces that have an origin
