"""The environments of a model: their states, or why they give none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.environments.state.layers import SnapshotError
from trainer.environments.state.states import restore_states, take_states

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv


def present(model: BaseAlgorithm) -> VecEnv:
    """The environments of `model`, wrapped.

    Raises:
        TypeError: it has none.
    """
    venv = model.get_env()
    if venv is None:
        raise TypeError("the model has no environments")
    return venv


def capture(model: BaseAlgorithm) -> tuple[Any, tuple[str, ...]]:
    """Their states; or None, and why they give none."""
    try:
        return take_states(present(model).unwrapped), ()
    except SnapshotError as error:
        return None, error.reasons


def put_back(model: BaseAlgorithm, taken: Any) -> tuple[str, ...]:
    """Put back what `capture` gave; why they do not take it, or nothing where they do.

    Where they do not, they stand anywhere: `begin_anew` before they are used.
    """
    try:
        restore_states(present(model).unwrapped, taken)
    except SnapshotError as error:
        return error.reasons
    return ()


def begin_anew(model: BaseAlgorithm) -> None:
    """Reset them, and let `model` learn on from there."""
    venv, learner = present(model), vars(model)
    learner["_last_obs"] = venv.reset()
    if "_last_episode_starts" in learner:
        learner["_last_episode_starts"] = np.ones(venv.num_envs, bool)
    normalizing = model.get_vec_normalize_env()
    if normalizing is not None:
        learner["_last_original_obs"] = normalizing.get_original_obs()
