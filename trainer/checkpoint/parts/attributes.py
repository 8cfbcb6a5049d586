"""The attributes of an algorithm, beyond tensors and transitions, that its next rollout depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stable_baselines3.common.noise import VectorizedActionNoise

from trainer.checkpoint.devices import moved

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

_BOUND_TO_EPISODES = ("_last_obs", "_last_original_obs", "_last_episode_starts", "_last_lstm_states", "action_noise")
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
        if name == _NOISE:
            _go_on_with_noise(getattr(model, name, None), value)
        else:
            setattr(model, name, moved(value, model.device))


def _go_on_with_noise(noise: Any, before: Any) -> None:
    """Let action noise go on from where it stood, as strong as the job says now.

    In place: `collect_rollouts` holds a reference to it by the time its start is announced.
    """
    if isinstance(noise, VectorizedActionNoise) and isinstance(before, VectorizedActionNoise):
        for ours, theirs in zip(noise.noises, before.noises, strict=True):
            _go_on_with_noise(ours, theirs)
    elif type(noise) is type(before) and hasattr(before, _NOISE_STATE):
        setattr(noise, _NOISE_STATE, getattr(before, _NOISE_STATE))
