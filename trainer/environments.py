"""The environments of a session: made, vectorised and wrapped as its job says."""

from __future__ import annotations

import functools
import importlib
import random
import signal
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecMonitor, VecNormalize

from trainer.envs.vector_adapter import SB3VectorAdapter
from trainer.errors import InputError
from trainer.snapshot import SnapshotWrapper

if TYPE_CHECKING:
    from collections.abc import Callable

    from gymnasium.envs.registration import EnvSpec

    from trainer.job import Environment, Job


def make_training_envs(job: Job) -> VecEnv:
    """The environments that the agent learns in.

    Raises:
        InputError: the environment cannot be made: the sentence names its id and why.
    """
    return _normalized(VecMonitor(_vectorized(job.env, job.env.n_envs, worker_seed=job.seed)), job.env, training=True)


def make_evaluation_envs(job: Job) -> VecEnv:
    """Environments of their own for measuring the policy, one for each evaluation episode."""
    count = job.eval.episodes if _is_native(job.env) else 1
    return _normalized(VecMonitor(_vectorized(job.env, count)), job.env, training=False)


def _normalized(venv: VecEnv, env: Environment, *, training: bool) -> VecEnv:
    if env.wrapper is None:
        return venv
    arguments = env.wrapper_kwargs.model_dump()
    if not training:
        arguments["norm_reward"] = False
    return VecNormalize(venv, training=training, **arguments)


def _vectorized(env: Environment, count: int, *, worker_seed: int | None = None) -> VecEnv:
    """`count` environments, in worker processes only where these are given a seed."""
    try:
        if _is_native(env):
            return SB3VectorAdapter(
                gym.make_vec(env.id, num_envs=count, vectorization_mode="vector_entry_point", **env.kwargs)
            )
        make: Callable[[], gym.Env[Any, Any]] = functools.partial(_make_one, env.id, env.kwargs)
        if env.vectorization == "subproc" and worker_seed is not None:
            return SubprocVecEnv([functools.partial(_make_in_worker, make, worker_seed + i) for i in range(count)])
        return DummyVecEnv([make] * count)
    except (EOFError, ConnectionError) as error:
        problem = "cannot be made: its worker process has died, and its last words stand in the log"
        raise InputError(f"environment {env.id}", problem, "correct the job's env block") from error
    except (gym.error.Error, TypeError, ValueError, ImportError) as error:
        raise InputError(f"environment {env.id}", f"cannot be made: {error}", "correct the job's env block") from error


def _make_one(env_id: str, kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    return SnapshotWrapper(gym.make(env_id, **kwargs))


def _make_in_worker(make: Callable[[], gym.Env[Any, Any]], seed: int) -> gym.Env[Any, Any]:
    """What `make` gives, in a process whose generators nobody has seeded yet."""
    # Ctrl-C and a stop of the whole group reach all; the session ends its workers after its last checkpoint.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - environments may use it
    return make()


def _is_native(env: Environment) -> bool:
    if env.vectorization in ("dummy", "subproc"):
        return False
    native = _has_native_form(_spec(env.id))
    if env.vectorization == "native" and not native:
        problem = "has no vectorised form of its own that gives its state"
        raise InputError(f"environment {env.id}", problem, "write `vectorization: auto` in the job's env block")
    return native


def _spec(env_id: str) -> EnvSpec:
    module, _, name = env_id.rpartition(":")
    try:
        if module:
            importlib.import_module(module)
        return gym.spec(name)
    except (gym.error.Error, ImportError) as error:
        problem = f"is not known: {error}"
        remedy = "correct env.id, or list the folder of its package under `sources`"
        raise InputError(f"environment {env_id}", problem, remedy) from error


def _has_native_form(spec: EnvSpec) -> bool:
    entry = spec.vector_entry_point
    if isinstance(entry, str):
        module, _, name = entry.partition(":")
        entry = getattr(importlib.import_module(module), name)
    return hasattr(entry, "get_state") and hasattr(entry, "set_state")
