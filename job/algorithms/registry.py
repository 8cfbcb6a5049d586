"""The algorithms by name. Everything that is particular to one stands in its entry here."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from job.algorithms.continuous import (
    CrossQHyperparameters,
    DDPGHyperparameters,
    SACHyperparameters,
    TD3Hyperparameters,
    TQCHyperparameters,
)
from job.algorithms.epsilon_greedy import DQNHyperparameters, QRDQNHyperparameters
from job.algorithms.on_policy import (
    A2CHyperparameters,
    MaskablePPOHyperparameters,
    PPOHyperparameters,
    RecurrentPPOHyperparameters,
    TRPOHyperparameters,
)
from job.algorithms.random_search import LINEAR_POLICY, ARSHyperparameters

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from job.algorithms.hyperparameters import Hyperparameters


_SEVERAL_DISCRETE = ("Discrete", "MultiDiscrete", "MultiBinary")
_ALL_ACTIONS = ("Box", *_SEVERAL_DISCRETE)
_COUNTERS = ("_episode_num", "_n_updates", "num_timesteps", "ep_info_buffer", "ep_success_buffer")
_STATE = (*_COUNTERS, "_current_progress_remaining", "_last_episode_starts", "_last_obs", "_last_original_obs")


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """An algorithm that a job can name; the defaults are those of PPO and its kin.

    Args:
        name: how a job names it, and the name of its class.
        hyperparameters: the model of what a job may set.
        module: where its class lives; imported only inside a session, since torch takes seconds.
        policies: the names that a job may give as `policy`.
        actions: the classes of `gymnasium.spaces` that an environment's action space may have.
        schedules: the hyperparameters that may be a schedule.
        state: the attributes of the algorithm, beyond tensors and timesteps, that the next
            rollout depends on.
        optimizers: the state dicts of optimizers that every checkpoint of it holds as `<name>.pth`.
        explorer: the attribute whose module draws gSDE's noise: "policy" or "actor".
        evaluation: the module whose `evaluate_policy` measures it.
    """

    name: str
    hyperparameters: type[Hyperparameters]
    module: str = "stable_baselines3"
    policies: tuple[str, ...] = ("MlpPolicy", "CnnPolicy", "MultiInputPolicy")
    actions: tuple[str, ...] = _ALL_ACTIONS
    schedules: tuple[str, ...] = ("learning_rate",)
    state: tuple[str, ...] = _STATE
    optimizers: tuple[str, ...] = ("policy.optimizer",)
    explorer: str = "policy"
    evaluation: str = "stable_baselines3.common.evaluation"

    def load_class(self) -> type[BaseAlgorithm]:
        """Import the class (and with it torch)."""
        algorithm: type[BaseAlgorithm] = getattr(importlib.import_module(self.module), self.name)
        return algorithm


@dataclass(frozen=True, kw_only=True)
class EpsilonGreedy(Algorithm):
    """One that explores by random choices: DQN and its kin."""

    actions: tuple[str, ...] = ("Discrete",)
    state: tuple[str, ...] = (*_STATE, "_n_calls", "exploration_rate")


@dataclass(frozen=True, kw_only=True)
class Continuous(Algorithm):
    """One for continuous actions, to which noise may be added: SAC, TD3 and their kin."""

    actions: tuple[str, ...] = ("Box",)
    state: tuple[str, ...] = (*_STATE, "action_noise")
    optimizers: tuple[str, ...] = ("actor.optimizer", "critic.optimizer")
    explorer: str = "actor"


_CONTRIB = "sb3_contrib"
_CLIPPED = ("learning_rate", "clip_range", "clip_range_vf")

_ENTRIES = (
    Algorithm(name="PPO", hyperparameters=PPOHyperparameters, schedules=_CLIPPED),
    Algorithm(name="A2C", hyperparameters=A2CHyperparameters),
    EpsilonGreedy(name="DQN", hyperparameters=DQNHyperparameters),
    Continuous(name="SAC", hyperparameters=SACHyperparameters),
    Continuous(name="TD3", hyperparameters=TD3Hyperparameters),
    Continuous(name="DDPG", hyperparameters=DDPGHyperparameters),
    Algorithm(
        name="RecurrentPPO",
        hyperparameters=RecurrentPPOHyperparameters,
        module=_CONTRIB,
        policies=("MlpLstmPolicy", "CnnLstmPolicy", "MultiInputLstmPolicy"),
        schedules=_CLIPPED,
        state=(*_STATE, "_last_lstm_states"),
    ),
    Algorithm(
        name="MaskablePPO",
        hyperparameters=MaskablePPOHyperparameters,
        module=_CONTRIB,
        actions=_SEVERAL_DISCRETE,
        schedules=_CLIPPED,
        evaluation="sb3_contrib.common.maskable.evaluation",
    ),
    EpsilonGreedy(name="QRDQN", hyperparameters=QRDQNHyperparameters, module=_CONTRIB),
    Continuous(name="TQC", hyperparameters=TQCHyperparameters, module=_CONTRIB),
    Algorithm(name="TRPO", hyperparameters=TRPOHyperparameters, module=_CONTRIB),
    Algorithm(
        name="ARS",
        hyperparameters=ARSHyperparameters,
        module="trainer.algorithms.ars",
        policies=("MlpPolicy", LINEAR_POLICY),
        actions=("Box", "Discrete"),
        schedules=("learning_rate", "delta_std"),
        state=(*_COUNTERS, "weights", "old_count"),
        optimizers=(),
    ),
    Continuous(name="CrossQ", hyperparameters=CrossQHyperparameters, module=_CONTRIB, policies=("MlpPolicy",)),
)

ALGORITHMS: dict[str, Algorithm] = {entry.name: entry for entry in _ENTRIES}
