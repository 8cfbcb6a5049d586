"""The hyperparameters of the algorithms that explore by random actions: DQN and QRDQN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from job.algorithms.hyperparameters import Conflict, Count, Fraction, Positive
from job.algorithms.off_policy import OffPolicyHyperparameters
from job.algorithms.policy_kwargs import DQNPolicyKwargs, QRDQNPolicyKwargs

if TYPE_CHECKING:
    from collections.abc import Iterator


class EpsilonGreedyHyperparameters(OffPolicyHyperparameters):
    """Those that explore by random actions: DQN and its kin."""

    default_batch_size = 32
    default_train_freq = 4

    policy_kwargs: DQNPolicyKwargs | None = None
    tau: Fraction | None = None
    target_update_interval: Count | None = None
    exploration_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    exploration_initial_eps: Fraction | None = None
    exploration_final_eps: Fraction | None = None
    max_grad_norm: Positive | None = None
    stats_window_size: Count | None = None


class DQNHyperparameters(EpsilonGreedyHyperparameters):
    """Arguments of `stable_baselines3.DQN`."""


class QRDQNHyperparameters(EpsilonGreedyHyperparameters):
    """Arguments of `sb3_contrib.QRDQN`."""

    policy_kwargs: QRDQNPolicyKwargs | None = None

    def conflicts(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """Those of the replay buffer, and that of the optimizer that QRDQN chooses."""
        yield from super().conflicts(n_envs, policy)
        kwargs = self.policy_kwargs
        if kwargs is not None and kwargs.optimizer_kwargs and kwargs.optimizer_class is None:
            message = "is ignored: QRDQN sets arguments of its own for its Adam"
            yield ("policy_kwargs", "optimizer_kwargs"), f"{message}: set optimizer_class beside it"
