"""Everything that the next rollout depends on beyond the tensors, taken and put back.

Taken at a rollout boundary (the start of a rollout, or the end of training, which differ in nothing
but gSDE's noise) and put back at the first rollout start of the resumed `learn()`, after
`_setup_learn` and gSDE's `reset_noise` have drawn random numbers of their own.
"""

from __future__ import annotations

import pickle
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from stable_baselines3.common.noise import VectorizedActionNoise
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecFrameStack, VecMonitor, VecNormalize

from trainer.checkpoint import replay_buffer
from trainer.checkpoint.devices import moved
from trainer.environments.snapshot import SnapshotError
from trainer.environments.spaces import random_states, set_random_states
from trainer.environments.states import restore_states, take_states

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stable_baselines3.common.base_class import BaseAlgorithm

    from job.algorithms.registry import Algorithm

Boundary = Literal["rollout_start", "training_end"]

_STATISTICS: dict[type[VecEnvWrapper], tuple[str, ...]] = {VecNormalize: ("obs_rms", "ret_rms")}
_EPISODE_STATE: dict[type[VecEnvWrapper], tuple[str, ...]] = {
    VecNormalize: ("returns", "old_obs", "old_reward"),
    VecMonitor: ("episode_returns", "episode_lengths", "episode_count"),
    VecFrameStack: ("stacked_obs",),
}
_BOUND_TO_EPISODES = ("_last_obs", "_last_original_obs", "_last_episode_starts", "_last_lstm_states", "action_noise")
_NOISE, _NOISE_STATE = "action_noise", "noise_prev"
"""Of the kinds of action noise only the random walk (Ornstein-Uhlenbeck) has a state."""


@dataclass(frozen=True)
class ResumeState:
    """What `capture` takes.

    `environments` is None where they cannot give their state, `replay` without a replay buffer.
    """

    boundary: Boundary
    attributes: dict[str, Any]
    generators: tuple[Any, ...]
    action_space: list[Mapping[str, Any] | None]
    statistics: list[dict[str, Any]]
    episodes: list[dict[str, Any]]
    environments: Any
    exploration: list[torch.Tensor] | None
    session: dict[str, Any]
    replay: dict[str, Any] | None = None
    inexact: tuple[str, ...] = field(default=())

    def to_bytes(self) -> bytes:
        """The state as the content of a checkpoint's state member."""
        return pickle.dumps(vars(self), protocol=5)

    @staticmethod
    def from_bytes(content: bytes) -> ResumeState:
        """The state that `to_bytes` gave. Only for content whose digest was checked."""
        return ResumeState(**pickle.loads(content))  # noqa: S301 - the session trusts its validated parent


def capture(model: BaseAlgorithm, algorithm: Algorithm, boundary: Boundary, session: dict[str, Any]) -> ResumeState:
    """Take the state of `model`, its environments and every generator.

    Args:
        model: the algorithm at a rollout boundary.
        algorithm: its registry entry.
        boundary: which boundary.
        session: what the session itself must remember, as plain data.
    """
    venv = _venv(model)
    buffer = getattr(model, "replay_buffer", None)
    inexact: tuple[str, ...] = ()
    try:
        environments = take_states(venv.unwrapped)
    except SnapshotError as error:
        environments, inexact = None, error.reasons
    return ResumeState(
        boundary=boundary,
        attributes={name: moved(getattr(model, name), "cpu") for name in algorithm.state if hasattr(model, name)},
        generators=_generators(),
        action_space=random_states(model.action_space),
        statistics=[_attributes(wrapper, _STATISTICS) for wrapper in _wrappers(venv)],
        episodes=[_attributes(wrapper, _EPISODE_STATE) for wrapper in _wrappers(venv)],
        environments=environments,
        exploration=_exploration(model, algorithm),
        session=session,
        replay=None if buffer is None else replay_buffer.take_state(buffer),
        inexact=inexact,
    )


def restore(
    model: BaseAlgorithm, algorithm: Algorithm, state: ResumeState, *, same_environments: bool
) -> tuple[str, ...]:
    """Put `state` back into a model made from the same job, in place.

    Args:
        model: the algorithm, in the first rollout start of `learn()`; its replay buffer is full again already.
        algorithm: its registry entry.
        state: what `capture` took.
        same_environments: whether the job's environments are those of the state; if not, their
            episodes start anew and only running statistics are kept.

    Returns:
        Why going on is not exact; empty when it is.
    """
    venv = _venv(model)
    reasons = list(state.inexact)
    if not same_environments:
        reasons.append("the environments changed: their episodes start anew")
    keeps_episodes = same_environments and state.environments is not None
    refusals = _refusals(venv, state) if keeps_episodes else ()
    reasons += refusals
    keeps_episodes = keeps_episodes and not refusals
    for wrapper, statistics, episodes in zip(_wrappers(venv), state.statistics, state.episodes, strict=True):
        vars(wrapper).update(statistics)
        if keeps_episodes:
            vars(wrapper).update(episodes)
    for name, value in state.attributes.items():
        if keeps_episodes or name not in _BOUND_TO_EPISODES:
            _set_attribute(model, name, value)
    if refusals:
        _begin_anew(model)
    if state.replay is not None and not keeps_episodes:
        replay_buffer.end_running_episodes(model.replay_buffer)  # type: ignore[attr-defined] # its state was taken
    set_random_states(model.action_space, state.action_space)
    _set_generators(state.generators)
    if getattr(model, "use_sde", False):
        _set_exploration(model, algorithm, state)
    return tuple(reasons)


def _venv(model: BaseAlgorithm) -> VecEnv:
    venv = model.get_env()
    if venv is None:
        raise TypeError("the model has no environments")
    return venv


def _wrappers(venv: VecEnv) -> list[VecEnvWrapper]:
    wrappers = []
    while isinstance(venv, VecEnvWrapper):
        wrappers.append(venv)
        venv = venv.venv
    return wrappers


def _attributes(wrapper: VecEnvWrapper, names: dict[type[VecEnvWrapper], tuple[str, ...]]) -> dict[str, Any]:
    return {name: vars(wrapper)[name] for name in names.get(type(wrapper), ()) if name in vars(wrapper)}


def _refusals(venv: VecEnv, state: ResumeState) -> tuple[str, ...]:
    """Put the environments' states back; why they do not take them, or nothing where they do."""
    try:
        restore_states(venv.unwrapped, state.environments)
    except SnapshotError as error:
        return error.reasons
    return ()


def _begin_anew(model: BaseAlgorithm) -> None:
    """Reset environments that stand anywhere, since they did not take their state back."""
    venv, learner = _venv(model), vars(model)
    learner["_last_obs"] = venv.reset()
    if "_last_episode_starts" in learner:
        learner["_last_episode_starts"] = np.ones(venv.num_envs, bool)
    normalizing = model.get_vec_normalize_env()
    if normalizing is not None:
        learner["_last_original_obs"] = normalizing.get_original_obs()


def _generators() -> tuple[Any, ...]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda  # noqa: NPY002 - SB3 draws from it


def _set_generators(generators: tuple[Any, ...]) -> None:
    python, numpy, cpu, cuda = generators
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002 - likewise
    torch.set_rng_state(cpu)
    if cuda and len(cuda) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(cuda)


def _set_attribute(model: BaseAlgorithm, name: str, value: Any) -> None:
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


def _exploration(model: BaseAlgorithm, algorithm: Algorithm) -> list[torch.Tensor] | None:
    distribution = getattr(getattr(model, algorithm.explorer, None), "action_dist", None)
    if not getattr(model, "use_sde", False) or distribution is None:
        return None
    return [moved(each, "cpu") for each in (distribution.exploration_mat, distribution.exploration_matrices)]


def _set_exploration(model: BaseAlgorithm, algorithm: Algorithm, state: ResumeState) -> None:
    explorer: Any = getattr(model, algorithm.explorer)
    if state.boundary == "training_end":
        # The uninterrupted run draws this rollout's noise after the boundary, so draw it here.
        explorer.reset_noise(model.n_envs)
    elif state.exploration is not None:
        distribution = explorer.action_dist
        distribution.exploration_mat, distribution.exploration_matrices = moved(state.exploration, model.device)
