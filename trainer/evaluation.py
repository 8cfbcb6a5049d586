"""Measuring a policy without leaving a trace in its training."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, sync_envs_normalization

from trainer.generators import preserved_generators

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

SEED_OFFSET = 1_000_003
"""Keeps the evaluation's episodes apart from those that the agent trains on."""


def evaluate(model: BaseAlgorithm, venv: VecEnv, module: str, *, episodes: int, seed: int) -> float:
    """The mean return of `episodes` episodes with deterministic actions.

    Every evaluation plays the same episodes, and every generator is left as it was found: training
    goes on as if nothing had been measured.

    Args:
        model: the policy to measure.
        venv: environments that nothing else uses.
        module: where the `evaluate_policy` of this algorithm lives.
        episodes: how many.
        seed: the job's.
    """
    with preserved_generators():
        training_envs = model.get_env()
        if training_envs is not None:
            sync_envs_normalization(training_envs, venv)
        venv.seed(seed + SEED_OFFSET)
        evaluate_policy = importlib.import_module(module).evaluate_policy
        mean, _ = evaluate_policy(model, venv, n_eval_episodes=episodes, deterministic=True)
    return float(np.asarray(mean).item())
