"""The algorithms by name. Everything that is particular to one stands in its entry here."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.algorithms.hyperparameters import (
    A2CHyperparameters,
    OnPolicyHyperparameters,
    PPOHyperparameters,
)

if TYPE_CHECKING:
    from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm


@dataclass(frozen=True)
class Algorithm:
    """An algorithm that a job can name.

    Args:
        name: how a job names it.
        module: where its class lives; imported only inside a session, since torch takes seconds.
        hyperparameters: the model of what a job may set.
        policies: the names that a job may give as `policy`.
        schedules: the hyperparameters that may be a schedule.
        state: the attributes of the algorithm, beyond tensors and timesteps, that the next
            rollout depends on.
    """

    name: str
    module: str
    hyperparameters: type[OnPolicyHyperparameters]
    policies: tuple[str, ...]
    schedules: tuple[str, ...]
    state: tuple[str, ...]

    def load_class(self) -> type[OnPolicyAlgorithm]:
        """Import the class (and with it torch)."""
        algorithm: type[OnPolicyAlgorithm] = getattr(importlib.import_module(self.module), self.name)
        return algorithm


_ACTOR_CRITIC_POLICIES = ("MlpPolicy", "CnnPolicy", "MultiInputPolicy")
_ON_POLICY_STATE = (
    "_current_progress_remaining",
    "_episode_num",
    "_last_episode_starts",
    "_last_obs",
    "_last_original_obs",
    "_n_updates",
    "ep_info_buffer",
    "ep_success_buffer",
    "num_timesteps",
)

ALGORITHMS: dict[str, Algorithm] = {
    entry.name: entry
    for entry in (
        Algorithm(
            name="PPO",
            module="stable_baselines3",
            hyperparameters=PPOHyperparameters,
            policies=_ACTOR_CRITIC_POLICIES,
            schedules=("learning_rate", "clip_range", "clip_range_vf"),
            state=_ON_POLICY_STATE,
        ),
        Algorithm(
            name="A2C",
            module="stable_baselines3",
            hyperparameters=A2CHyperparameters,
            policies=_ACTOR_CRITIC_POLICIES,
            schedules=("learning_rate",),
            state=_ON_POLICY_STATE,
        ),
    )
}
