"""The environments of a session: made, vectorised and wrapped as its job says."""

from __future__ import annotations

import functools
import importlib
import random
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import (
    VecEnv,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)

from contract.errors import InputError, RelayError
from trainer.environments.failures import as_refusal, in_words
from trainer.environments.identifiers import registered_spec
from trainer.environments.state.recorded_actions import record_actions
from trainer.environments.state.snapshot import SnapshotWrapper
from trainer.environments.unreadable_spaces import refuse_unreadable
from trainer.environments.vectorized import InWorkers, OneAfterTheOther
from trainer.environments.workers import all_or_none
from trainer.environments.wrapping.around import FOR_EVALUATION, wrap_all, wrap_each
from trainer.envs.vector_adapter import SB3VectorAdapter
from trainer.stopping.stacks import show_stacks_when_asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from gymnasium.envs.registration import EnvSpec

    from job.model import Environment, Job

ResumeMethod = Literal["state", "actions", "none"]
"""How an environment gives its state: by the protocol and pickling, by its recorded actions, not at all."""

_LOST_PIPE = (EOFError, ConnectionError)
"""What comes of a worker process that has died."""

GIVES_NOTHING_BACK = "the environments do not give their state back"


@dataclass(frozen=True)
class _Construction:
    """How environments are made: what and how many; how they give their state, or why they do not.

    They run in worker processes only where these are given a seed. `checked` says whether what they give is looked at.
    """

    env: Environment
    count: int
    method: ResumeMethod = "state"
    refusal: tuple[str, ...] = ()
    worker_seed: int | None = None
    checked: bool = True

    @property
    def subject(self) -> str | None:
        """What the sentence of a faulty environment begins with; None where nothing is looked at."""
        return f"environment {self.env.id}" if self.checked and self.env.check else None


def make_training_envs(job: Job, method: ResumeMethod = "state", reasons: tuple[str, ...] = ()) -> VecEnv:
    """The environments that the agent learns in.

    Args:
        job: what to train.
        method: how they are to give their state, as `trainer.environments.self_check` has found.
        reasons: why they cannot, where the method is `none`.

    Raises:
        InputError: the environment cannot be made: the sentence names its id and why.
    """
    refusal = (reasons or (GIVES_NOTHING_BACK,)) if method == "none" else ()
    construction = _Construction(job.env, job.env.n_envs, method, refusal, worker_seed=job.seed)
    return _wrapped(VecMonitor(_vectorized(construction)), job.env, training=True)


def make_evaluation_envs(job: Job) -> VecEnv:
    """Environments of their own for measuring the policy, one for each evaluation episode.

    Raises:
        InputError: the environment cannot be made: the sentence names its id and why.
    """
    count = job.eval.episodes if is_native(job.env) else 1
    try:
        made = _vectorized(_Construction(job.env, count))
    except InputError as error:
        problem = f"evaluation makes a second one beside the training's, which {error.problem}"
        remedy = "set eval.frequency to 0, or, where each process may have one, vectorization to subproc"
        raise type(error)(error.subject, problem, remedy) from error
    return _wrapped(VecMonitor(made), job.env, training=False)


def make_acting_envs(env: Environment) -> VecEnv:
    """One environment for who only acts, wrapped as for evaluation; all that learn nothing there go by what they have.

    Raises:
        InputError: the environment cannot be made: the sentence names its id and why.
    """
    return _wrapped(VecMonitor(_vectorized(_Construction(env, 1))), env, training=False)


def make_envs_to_check(job: Job, method: ResumeMethod) -> VecEnv:
    """Environments made as those that the agent learns in, in this process, with the job's own wrappers only.

    All of them in their native form, else one.

    Raises:
        InputError: the environment cannot be made: the sentence names its id and why.
    """
    # Unchecked: what they give is to be compared, and the training meets a fault itself.
    venv = _vectorized(_Construction(job.env, job.env.n_envs if is_native(job.env) else 1, method, checked=False))
    return _closed_unless_wrapped(venv, lambda: wrap_all(venv, job.env.vec_wrappers, training=True))


def _closed_unless_wrapped(venv: VecEnv, wrap: Callable[[], VecEnv]) -> VecEnv:
    try:
        return wrap()
    except BaseException:
        venv.close()
        raise


def _wrapped(venv: VecEnv, env: Environment, *, training: bool) -> VecEnv:
    return _closed_unless_wrapped(venv, lambda: _wrapped_by_keys(venv, env, training=training))


def _wrapped_by_keys(venv: VecEnv, env: Environment, *, training: bool) -> VecEnv:
    try:
        if env.wrapper is not None:
            venv = VecNormalize(venv, **env.wrapper_kwargs.model_dump() | ({} if training else FOR_EVALUATION))
        if env.frame_stack is not None:
            venv = VecFrameStack(venv, env.frame_stack)
        venv = wrap_all(venv, env.vec_wrappers, training=training)
        # As the model does itself: so that evaluation's environments are wrapped like the training's.
        return BaseAlgorithm._wrap_env(venv)  # noqa: SLF001 - the rule is Stable-Baselines3's
    except (AssertionError, TypeError, ValueError, NotImplementedError) as error:
        problem = f"Stable-Baselines3 cannot take its observations: {in_words(error)}"
        raise InputError(f"environment {env.id}", problem, "correct the job's env block") from error


def _vectorized(wanted: _Construction) -> VecEnv:
    env, count = wanted.env, wanted.count
    made: list[gym.Env[Any, Any]] = []
    try:
        if is_native(env):
            several = gym.make_vec(env.id, num_envs=count, vectorization_mode="vector_entry_point", **env.kwargs)
            return SB3VectorAdapter(several, wanted.refusal, wanted.subject)
        registered_spec(env.id)
        make = functools.partial(_make_one, env, wanted.method, wanted.refusal)
        if env.vectorization == "subproc" and wanted.worker_seed is not None:
            seeds = range(wanted.worker_seed, wanted.worker_seed + count)
            with all_or_none():
                return InWorkers([functools.partial(_make_in_worker, make, seed) for seed in seeds], wanted.subject)
        return OneAfterTheOther([functools.partial(_noted, make, made)] * count, wanted.subject)
    except RelayError:
        raise
    except Exception as error:  # anything may come out of a user's constructor
        if wanted.worker_seed is not None and env.vectorization == "subproc" and isinstance(error, _LOST_PIPE):
            problem = "cannot be made: its worker process has died; the log shows what it printed last"
            raise InputError(f"environment {env.id}", problem, "correct the job's env block") from error
        if made and len(made) < count:
            problem = "cannot be made a second time in one process, which n_envs above 1 needs"
            raise as_refusal(env.id, problem, error, "set n_envs to 1, or vectorization to subproc") from error
        raise as_refusal(env.id, "cannot be made", error, "correct the environment, or the job's env block") from error


def _noted(make: Callable[[], gym.Env[Any, Any]], made: list[gym.Env[Any, Any]]) -> gym.Env[Any, Any]:
    """What `make` gives, once it is among those that were made."""
    made.append(make())
    return made[-1]


def _make_one(wanted: Environment, method: ResumeMethod, refusal: tuple[str, ...]) -> gym.Env[Any, Any]:
    env = wrap_each(gym.make(wanted.id, **wanted.kwargs), wanted.wrappers)
    refuse_unreadable(wanted.id, env.observation_space)
    wrapper = SnapshotWrapper(env, refusal)
    return record_actions(wrapper) if method == "actions" else wrapper


def _make_in_worker(make: Callable[[], gym.Env[Any, Any]], seed: int) -> gym.Env[Any, Any]:
    """What `make` gives, in a process whose generators nobody has seeded yet."""
    # Ctrl-C and a stop of the whole group reach all; the session ends its workers after its last checkpoint.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    show_stacks_when_asked()
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - environments may use it
    torch.manual_seed(seed)
    return make()


def is_native(env: Environment) -> bool:
    """Whether the environment runs in a vectorised form of its own.

    Raises:
        InputError: it is not known, or the job asks for a form that it has not.
    """
    if env.vectorization in ("dummy", "subproc") or env.wrappers:
        return False
    native = _has_native_form(registered_spec(env.id))
    if env.vectorization == "native" and not native:
        problem = "has no vectorised form of its own that gives its state"
        raise InputError(f"environment {env.id}", problem, "write `vectorization: auto` in the job's env block")
    return native


def _has_native_form(spec: EnvSpec) -> bool:
    entry = spec.vector_entry_point
    if isinstance(entry, str):
        module, _, name = entry.partition(":")
        entry = getattr(importlib.import_module(module), name)
    return hasattr(entry, "get_state") and hasattr(entry, "set_state")
