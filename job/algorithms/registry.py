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


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """An algorithm that a job can name.

    Args:
        name: how a job names it, and the name of its class.
        module: where its class lives; imported only inside a session, since torch takes seconds.
        hyperparameters: the model of what a job may set.
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
    module: str
    hyperparameters: type[Hyperparameters]
    policies: tuple[str, ...]
    actions: tuple[str, ...]
    schedules: tuple[str, ...]
    state: tuple[str, ...]
    optimizers: tuple[str, ...]
    explorer: str
    evaluation: str = "stable_baselines3.common.evaluation"

    def load_class(self) -> type[BaseAlgorithm]:
        """Import the class (and with it torch)."""
        algorithm: type[BaseAlgorithm] = getattr(importlib.import_module(self.module), self.name)
        return algorithm


_POLICIES = ("MlpPolicy", "CnnPolicy", "MultiInputPolicy")

_DISCRETE = ("Discrete",)
_CONTINUOUS = ("Box",)
_SEVERAL_DISCRETE = ("Discrete", "MultiDiscrete", "MultiBinary")
_ALL_ACTIONS = ("Box", *_SEVERAL_DISCRETE)

_CLIPPED = ("learning_rate", "clip_range", "clip_range_vf")

_COUNTERS = ("_episode_num", "_n_updates", "num_timesteps", "ep_info_buffer", "ep_success_buffer")
_STATE = (*_COUNTERS, "_current_progress_remaining", "_last_episode_starts", "_last_obs", "_last_original_obs")
_NOISY_STATE = (*_STATE, "action_noise")
_EPSILON_GREEDY_STATE = (*_STATE, "_n_calls", "exploration_rate")

_OF_POLICY = ("policy.optimizer",)
_OF_ACTOR_AND_CRITIC = ("actor.optimizer", "critic.optimizer")

ALGORITHMS: dict[str, Algorithm] = {
    entry.name: entry
    for entry in (
        Algorithm(
            name="PPO",
            module="stable_baselines3",
            hyperparameters=PPOHyperparameters,
            policies=_POLICIES,
            actions=_ALL_ACTIONS,
            schedules=_CLIPPED,
            state=_STATE,
            optimizers=_OF_POLICY,
            explorer="policy",
        ),
        Algorithm(
            name="A2C",
            module="stable_baselines3",
            hyperparameters=A2CHyperparameters,
            policies=_POLICIES,
            actions=_ALL_ACTIONS,
            schedules=("learning_rate",),
            state=_STATE,
            optimizers=_OF_POLICY,
            explorer="policy",
        ),
        Algorithm(
            name="DQN",
            module="stable_baselines3",
            hyperparameters=DQNHyperparameters,
            policies=_POLICIES,
            actions=_DISCRETE,
            schedules=("learning_rate",),
            state=_EPSILON_GREEDY_STATE,
            optimizers=_OF_POLICY,
            explorer="policy",
        ),
        Algorithm(
            name="SAC",
            module="stable_baselines3",
            hyperparameters=SACHyperparameters,
            policies=_POLICIES,
            actions=_CONTINUOUS,
            schedules=("learning_rate",),
            state=_NOISY_STATE,
            optimizers=_OF_ACTOR_AND_CRITIC,
            explorer="actor",
        ),
        Algorithm(
            name="TD3",
            module="stable_baselines3",
            hyperparameters=TD3Hyperparameters,
            policies=_POLICIES,
            actions=_CONTINUOUS,
            schedules=("learning_rate",),
            state=_NOISY_STATE,
            optimizers=_OF_ACTOR_AND_CRITIC,
            explorer="actor",
        ),
        Algorithm(
            name="DDPG",
            module="stable_baselines3",
            hyperparameters=DDPGHyperparameters,
            policies=_POLICIES,
            actions=_CONTINUOUS,
            schedules=("learning_rate",),
            state=_NOISY_STATE,
            optimizers=_OF_ACTOR_AND_CRITIC,
            explorer="actor",
        ),
        Algorithm(
            name="RecurrentPPO",
            module="sb3_contrib",
            hyperparameters=RecurrentPPOHyperparameters,
            policies=("MlpLstmPolicy", "CnnLstmPolicy", "MultiInputLstmPolicy"),
            actions=_ALL_ACTIONS,
            schedules=_CLIPPED,
            state=(*_STATE, "_last_lstm_states"),
            optimizers=_OF_POLICY,
            explorer="policy",
        ),
        Algorithm(
            name="MaskablePPO",
            module="sb3_contrib",
            hyperparameters=MaskablePPOHyperparameters,
            policies=_POLICIES,
            actions=_SEVERAL_DISCRETE,
            schedules=_CLIPPED,
            state=_STATE,
            optimizers=_OF_POLICY,
            explorer="policy",
            evaluation="sb3_contrib.common.maskable.evaluation",
        ),
        Algorithm(
            name="QRDQN",
            module="sb3_contrib",
            hyperparameters=QRDQNHyperparameters,
            policies=_POLICIES,
            actions=_DISCRETE,
            schedules=("learning_rate",),
            state=_EPSILON_GREEDY_STATE,
            optimizers=_OF_POLICY,
            explorer="policy",
        ),
        Algorithm(
            name="TQC",
            module="sb3_contrib",
            hyperparameters=TQCHyperparameters,
            policies=_POLICIES,
            actions=_CONTINUOUS,
            schedules=("learning_rate",),
            state=_NOISY_STATE,
            optimizers=_OF_ACTOR_AND_CRITIC,
            explorer="actor",
        ),
        Algorithm(
            name="TRPO",
            module="sb3_contrib",
            hyperparameters=TRPOHyperparameters,
            policies=_POLICIES,
            actions=_ALL_ACTIONS,
            schedules=("learning_rate",),
            state=_STATE,
            optimizers=_OF_POLICY,
            explorer="policy",
        ),
        Algorithm(
            name="ARS",
            module="trainer.algorithms.ars",
            hyperparameters=ARSHyperparameters,
            policies=("MlpPolicy", LINEAR_POLICY),
            actions=("Box", "Discrete"),
            schedules=("learning_rate", "delta_std"),
            state=(*_COUNTERS, "weights", "old_count"),
            optimizers=(),
            explorer="policy",
        ),
        Algorithm(
            name="CrossQ",
            module="sb3_contrib",
            hyperparameters=CrossQHyperparameters,
            policies=("MlpPolicy",),
            actions=_CONTINUOUS,
            schedules=("learning_rate",),
            state=_NOISY_STATE,
            optimizers=_OF_ACTOR_AND_CRITIC,
            explorer="actor",
        ),
    )
}
