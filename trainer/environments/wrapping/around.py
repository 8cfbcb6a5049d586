"""Wrappers put around environments as a job says, the first innermost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gymnasium as gym
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecNormalize

from contract.errors import InputError
from trainer.named_classes import make_component

if TYPE_CHECKING:
    from collections.abc import Sequence

    from job.components import VecWrapper, Wrapper

_OF_GYMNASIUM = "gymnasium."
FOR_EVALUATION: dict[str, Any] = {"training": False, "norm_reward": False}
"""What VecNormalize is told where nothing is learned: to go by what it was given, and to tell real rewards."""


def wrap_each(env: gym.Env[Any, Any], wrappers: Sequence[Wrapper]) -> gym.Env[Any, Any]:
    """One environment with the job's wrappers around it.

    Raises:
        InputError: one of them cannot be made, or is none.
    """
    for index, each in enumerate(wrappers):
        subject = f"env.wrappers.{index}"
        if each.reference.startswith(_OF_GYMNASIUM):  # which asks for tuples, and a job holds lists
            arguments = {name: tuple(one) if isinstance(one, list) else one for name, one in each.kwargs.items()}
            env = make_component(subject, replace(each, kwargs=arguments), env)
        else:
            env = make_component(subject, each, env)
        if not isinstance(env, gym.Wrapper):
            raise InputError(
                subject, f"{each.name} does not give a gymnasium.Wrapper", "derive it from gymnasium.Wrapper"
            )
    return env


def wrap_all(venv: VecEnv, wrappers: Sequence[VecWrapper], *, training: bool) -> VecEnv:
    """All environments with the job's wrappers around them.

    Args:
        venv: the environments.
        wrappers: what to put around them.
        training: whether the agent learns in them; if not, VecNormalize learns nothing either.

    Raises:
        InputError: one of them cannot be made, or is none.
    """
    for index, each in enumerate(wrappers):
        subject = f"env.vec_wrappers.{index}"
        venv = make_component(subject, each, venv)
        if not isinstance(venv, VecEnvWrapper):
            problem = f"{each.name} does not give a VecEnvWrapper of Stable-Baselines3"
            raise InputError(subject, problem, "derive it from stable_baselines3.common.vec_env.VecEnvWrapper")
        if isinstance(venv, VecNormalize) and not training:
            vars(venv).update(FOR_EVALUATION)
    return venv
