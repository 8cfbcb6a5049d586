"""The attributes of an algorithm, beyond tensors and transitions, that its next rollout depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from stable_baselines3.common.noise import VectorizedActionNoise

from trainer.checkpoint.devices import moved

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

_BOUND_TO_EPISODES = ("_last_obs", "_last_original_obs", "_last_episode_starts", "_last_lstm_states", "action_noise")
_OBSERVATIONS = ("_last_obs", "_last_original_obs")
_NOISE, _NOISE_STATE = "action_noise", "noise_prev"
"""Of the kinds of action noise only the random walk (Ornstein-Uhlenbeck) has a state."""


def capture(model: BaseAlgorithm, names: tuple[str, ...]) -> dict[str, Any]:
    """Those of `names` that `model` has, tensors on the CPU."""
    return {name: moved(getattr(model, name), "cpu") for name in names if hasattr(model, name)}


def put_back(model: BaseAlgorithm, taken: dict[str, Any], *, keeps_episodes: bool) -> None:
    """Put back what `capture` gave.

    Args:
        model: the algorithm.
        taken: its attributes by name.
        keeps_episodes: whether the episodes go on that were running; if not, what belongs to them stays as it is.
    """
    for name, value in taken.items():
        if not keeps_episodes and name in _BOUND_TO_EPISODES:
            continue
        if name in _OBSERVATIONS:
            setattr(model, name, _laid_out_like(value, getattr(model, name, None)))
        elif name == _NOISE:
            _go_on_with_noise(getattr(model, name, None), value)
        else:
            setattr(model, name, moved(value, model.device))


def _laid_out_like(value: Any, fresh: Any) -> Any:
    """Observations in the memory layout of those that the environments have just given.

    Transposed images are views whose colours lie together, pickle lays them out anew, and convolutions round by it.
    """
    if isinstance(value, dict) and isinstance(fresh, dict):
        return {key: _laid_out_like(part, fresh.get(key)) for key, part in value.items()}
    if not (isinstance(value, np.ndarray) and isinstance(fresh, np.ndarray) and value.shape == fresh.shape):
        return value
    laid_out = _room_like(fresh) if fresh.dtype == value.dtype else np.empty_like(fresh, dtype=value.dtype)
    laid_out[...] = value
    return laid_out


def _room_like(fresh: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array of the same strides, also of axes of length 1: by those of a single colour convolutions round, too.

    `np.empty_like` keeps the order of the others alone.
    """
    sizes = list(zip(fresh.shape, fresh.strides, strict=True))
    if not fresh.size or any(stride < 0 or (stride == 0 and length > 1) for length, stride in sizes):
        return np.empty_like(fresh)
    extent = fresh.itemsize + sum((length - 1) * stride for length, stride in sizes)
    return np.ndarray(fresh.shape, fresh.dtype, np.empty(extent, np.uint8), strides=fresh.strides)


def _go_on_with_noise(noise: Any, before: Any) -> None:
    """Let action noise go on from where it stood, as strong as the job says now.

    In place: `collect_rollouts` holds a reference to it by the time its start is announced.
    """
    if isinstance(noise, VectorizedActionNoise) and isinstance(before, VectorizedActionNoise):
        for ours, theirs in zip(noise.noises, before.noises, strict=True):
            _go_on_with_noise(ours, theirs)
    elif type(noise) is type(before) and hasattr(before, _NOISE_STATE):
        setattr(noise, _NOISE_STATE, getattr(before, _NOISE_STATE))
