"""Measuring a policy without leaving a trace in its training."""

from __future__ import annotations

import importlib
import random
from typing import TYPE_CHECKING

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv, sync_envs_normalization

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
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 - SB3's
    training_envs = model.get_env()
    if training_envs is not None:
        sync_envs_normalization(training_envs, venv)
    venv.seed(seed + SEED_OFFSET)
    mean, _ = importlib.import_module(module).evaluate_policy(model, venv, n_eval_episodes=episodes, deterministic=True)
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002 - likewise
    torch.set_rng_state(cpu)
    return float(np.asarray(mean).item())
