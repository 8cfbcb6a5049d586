"""Everything that the next rollout depends on beyond the tensors, taken and put back.

Taken at a rollout boundary (the start of a rollout, or the end of training, which differ in nothing
but gSDE's noise) and put back at the first rollout start of the resumed `learn()`, after
`_setup_learn` and gSDE's `reset_noise` have drawn random numbers of their own. Here stands what there
is and in which order; how each kind of state is captured and put back stands in `trainer.checkpoint.parts`.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from trainer.checkpoint import replay_buffer
from trainer.checkpoint.parts import attributes, environments, exploration
from trainer.environments.spaces import random_states, set_random_states
from trainer.environments.wrapping import states as wrappers
from trainer.generators import GeneratorStates, capture_generators, put_back_generators

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from stable_baselines3.common.base_class import BaseAlgorithm

    from job.algorithms.registry import Algorithm

_LATEST = ("_last_obs", "_last_original_obs")
"""Attributes of an algorithm that hold observations, which the next rollout begins with."""

Boundary = Literal["rollout_start", "training_end"]


@dataclass(frozen=True)
class ResumeState:
    """What `capture` takes.

    `environments` is None where they cannot give their state, `replay` without a replay buffer. `callbacks` are
    those of the job, which `trainer.own_callbacks` captures and puts back.
    """

    boundary: Boundary
    attributes: dict[str, Any]
    generators: GeneratorStates
    action_space: list[Mapping[str, Any] | None]
    statistics: list[dict[str, Any]]
    episodes: list[dict[str, Any]]
    environments: Any
    exploration: list[torch.Tensor] | None
    session: dict[str, Any]
    replay: dict[str, Any] | None = None
    inexact: tuple[str, ...] = field(default=())
    callbacks: list[Any] = field(default_factory=list)

    @property
    def judged(self) -> list[Mapping[str, Any]]:
        """What must be finite numbers, wherever it came from."""
        latest = {name: self.attributes[name] for name in _LATEST if name in self.attributes}
        return [*self.statistics, *self.episodes, latest]

    def to_bytes(self) -> bytes:
        """The state as the content of a checkpoint's state member; without callbacks as before there were any."""
        parts = dict(vars(self))
        if not self.callbacks:
            del parts["callbacks"]
        return pickle.dumps(parts, protocol=5)

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
    venv = environments.present(model)
    buffer = getattr(model, "replay_buffer", None)
    states, inexact = environments.capture(model)
    episodes, untold = wrappers.capture_episodes(venv)
    return ResumeState(
        boundary=boundary,
        attributes=attributes.capture(model, algorithm.state),
        generators=capture_generators(),
        action_space=random_states(model.action_space),
        statistics=wrappers.capture_statistics(venv),
        episodes=episodes,
        environments=states,
        exploration=exploration.capture(model, algorithm.explorer),
        session=session,
        replay=None if buffer is None else replay_buffer.take_state(buffer),
        inexact=(*inexact, *untold),
    )


def put_back(
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
    venv = environments.present(model)
    reasons = list(state.inexact)
    if not same_environments:
        reasons.append("the environments changed: their episodes start anew")
    keeps_episodes = same_environments and state.environments is not None
    refusals = environments.put_back(model, state.environments) if keeps_episodes else ()
    reasons += refusals
    keeps_episodes = keeps_episodes and not refusals
    wrappers.put_back(venv, state.statistics)
    if keeps_episodes:
        reasons += wrappers.put_back(venv, state.episodes)
    attributes.put_back(model, state.attributes, keeps_episodes=keeps_episodes)
    if refusals:
        environments.begin_anew(model)
    if state.replay is not None and not keeps_episodes:
        replay_buffer.end_running_episodes(model.replay_buffer)  # type: ignore[attr-defined] # its state was taken
    set_random_states(model.action_space, state.action_space)
    put_back_generators(state.generators)
    drawn_later = state.boundary == "training_end"
    exploration.put_back(model, algorithm.explorer, state.exploration, drawn_later=drawn_later)
    return tuple(reasons)
