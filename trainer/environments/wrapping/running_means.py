"""What gymnasium's normalizing wrappers have learned of an environment, by which another one is measured.

Stable-Baselines3 hands on that of VecNormalize; each of these stands around one environment, and knows of no other.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stable_baselines3.common.vec_env import VecEnv

_LEARNS = "update_running_mean"
_LEARNED = ("obs_rms", "return_rms")


def take_running_means(layers: Sequence[Any]) -> list[dict[str, Any]]:
    """What each layer has learned; nothing of one that learns nothing."""
    return [_learned(layer) if hasattr(type(layer), _LEARNS) else {} for layer in layers]


def put_running_means(layers: Sequence[Any], taken: Sequence[dict[str, Any]]) -> None:
    """Let layers of the same kinds go by what was taken, and learn nothing more."""
    for layer, learned in zip(layers, taken, strict=True):
        if learned:
            vars(layer).update(copy.deepcopy(learned))
            setattr(layer, _LEARNS, False)


def hand_on_running_means(source: VecEnv, target: VecEnv) -> None:
    """Let environments go by what the first one of others has learned."""
    (taken,) = source.env_method("running_means", indices=[0])
    if any(taken):
        target.env_method("go_by_running_means", taken)


def _learned(layer: Any) -> dict[str, Any]:
    return {name: copy.deepcopy(vars(layer)[name]) for name in _LEARNED if name in vars(layer)}
