"""The hyperparameters of Augmented Random Search."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from job.algorithms.hyperparameters import Conflict, Count, Hyperparameters, Schedule
from job.algorithms.policy_kwargs import ARSPolicyKwargs

if TYPE_CHECKING:
    from collections.abc import Iterator

LINEAR_POLICY = "LinearPolicy"
_OF_LAYERS = ("net_arch", "activation_fn")


class ARSHyperparameters(Hyperparameters):
    """Arguments of `sb3_contrib.ARS`."""

    default_n_delta: ClassVar[int] = 8

    policy_kwargs: ARSPolicyKwargs | None = None
    n_delta: Count | None = None
    n_top: Count | None = None
    delta_std: Schedule | None = None
    zero_policy: bool | None = None
    alive_bonus_offset: float | None = None
    n_eval_episodes: Count | None = None
    stats_window_size: Count | None = None

    def rollout_timesteps(self, n_envs: int) -> int:
        """The fewest timesteps between two updates.

        An update takes `2 * n_delta * n_eval_episodes` whole episodes, whose lengths nobody knows beforehand.
        """
        return n_envs

    def conflicts(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """Those of the directions, and those of a policy without hidden layers."""
        yield from super().conflicts(n_envs, policy)
        n_delta = self.n_delta or self.default_n_delta
        if self.n_top is not None and self.n_top > n_delta:
            yield ("n_top",), f"{self.n_top} is more than there are: n_delta is {n_delta}, so write at most that"
        if policy == LINEAR_POLICY and self.policy_kwargs is not None:
            for key in _OF_LAYERS:
                if getattr(self.policy_kwargs, key) is not None:
                    message = f"{LINEAR_POLICY} has no hidden layers"
                    yield ("policy_kwargs", key), f"{message}: remove it, or set policy to MlpPolicy"
