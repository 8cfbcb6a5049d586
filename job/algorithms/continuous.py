"""The hyperparameters of the algorithms for continuous actions: DDPG, TD3, SAC, TQC and CrossQ."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from job.algorithms.hyperparameters import (
    Conflict,
    Count,
    CountOrMinusOne,
    CountOrZero,
    Fraction,
    NotNegative,
    is_number,
)
from job.algorithms.off_policy import DICTIONARY_POLICY, OffPolicyHyperparameters
from job.algorithms.policy_kwargs import CrossQPolicyKwargs, SACPolicyKwargs, TD3PolicyKwargs, TQCPolicyKwargs

if TYPE_CHECKING:
    from collections.abc import Iterator

_AUTOMATIC = re.compile(r"auto(?:_(?P<initial>[0-9.eE+-]+))?")


def _entropy_coefficient(value: Any) -> Any:
    if isinstance(value, str) and (match := _AUTOMATIC.fullmatch(value)):
        value = match["initial"] or 1.0
        try:
            valid = 0 < float(value) < float("inf")
        except ValueError:
            valid = False
        if valid:
            return match.string
    elif is_number(value) and value >= 0:
        return float(value)
    raise ValueError("must be auto, auto_ with a number above 0 to begin with, or a number that is not negative")


def _target_entropy(value: Any) -> Any:
    if value != "auto" and not is_number(value):
        raise ValueError("must be auto or a number")
    return value


class ContinuousHyperparameters(OffPolicyHyperparameters):
    """Those of continuous actions, to which noise may be added.

    `noise_type` and `noise_std` are written as in rl-baselines3-zoo and stand for `action_noise`.
    """

    noise_type: Literal["normal", "ornstein-uhlenbeck"] | None = None
    noise_std: NotNegative | None = None

    def conflicts(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """Those of the replay buffer, and half a noise."""
        yield from super().conflicts(n_envs, policy)
        if self.noise_std is not None and self.noise_type is None:
            yield ("noise_std",), "has no noise to scale: set noise_type to normal or ornstein-uhlenbeck"
        if self.noise_type is not None and self.noise_std is None:
            yield ("noise_type",), "has no size: set noise_std, such as 0.1"


class DDPGHyperparameters(ContinuousHyperparameters):
    """Arguments of `stable_baselines3.DDPG`."""

    policy_kwargs: TD3PolicyKwargs | None = None
    tau: Fraction | None = None


class TD3Hyperparameters(ContinuousHyperparameters):
    """Arguments of `stable_baselines3.TD3`."""

    policy_kwargs: TD3PolicyKwargs | None = None
    tau: Fraction | None = None
    policy_delay: Count | None = None
    target_policy_noise: NotNegative | None = None
    target_noise_clip: NotNegative | None = None
    stats_window_size: Count | None = None


class MaximumEntropyHyperparameters(ContinuousHyperparameters):
    """Those that weigh the reward against the policy's entropy: SAC and its kin."""

    policy_kwargs: SACPolicyKwargs | None = None
    ent_coef: Annotated[float | str, BeforeValidator(_entropy_coefficient)] | None = None
    target_entropy: Annotated[float | Literal["auto"], BeforeValidator(_target_entropy)] | None = None
    use_sde: bool | None = None
    sde_sample_freq: CountOrMinusOne | None = None
    use_sde_at_warmup: bool | None = None
    stats_window_size: Count | None = None


class SACHyperparameters(MaximumEntropyHyperparameters):
    """Arguments of `stable_baselines3.SAC`."""

    tau: Fraction | None = None
    target_update_interval: Count | None = None


class TQCHyperparameters(SACHyperparameters):
    """Arguments of `sb3_contrib.TQC`."""

    default_n_quantiles: ClassVar[int] = 25
    default_top_quantiles_to_drop_per_net: ClassVar[int] = 2

    policy_kwargs: TQCPolicyKwargs | None = None
    top_quantiles_to_drop_per_net: CountOrZero | None = None

    def conflicts(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """Those of the replay buffer, and none of the quantiles left."""
        yield from super().conflicts(n_envs, policy)
        of_policy = self.policy_kwargs.n_quantiles if self.policy_kwargs else None
        n_quantiles, dropped = of_policy or self.default_n_quantiles, self.top_quantiles_to_drop_per_net
        dropped = self.default_top_quantiles_to_drop_per_net if dropped is None else dropped
        if dropped >= n_quantiles:
            message = f"{dropped} leaves nothing to learn from, policy_kwargs.n_quantiles being {n_quantiles}"
            yield ("top_quantiles_to_drop_per_net",), f"{message}: write less"


class CrossQHyperparameters(MaximumEntropyHyperparameters):
    """Arguments of `sb3_contrib.CrossQ`, which has no target networks."""

    policy_kwargs: CrossQPolicyKwargs | None = None
    policy_delay: Count | None = None

    def conflicts(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """Those of the replay buffer, and that of the normalization over a minibatch."""
        yield from super().conflicts(n_envs, policy)
        if self.batch_size == 1 and not (self.policy_kwargs and self.policy_kwargs.batch_norm is False):
            message = "1 leaves no spread for batch normalization"
            yield ("batch_size",), f"{message}: write at least 2, or set policy_kwargs.batch_norm to false"

    def _conflicts_of_hindsight(self, policy: str) -> Iterator[Conflict]:
        del policy
        if self.replay_buffer_class is not None:
            message = f"needs the policy {DICTIONARY_POLICY}, which CrossQ lacks"
            yield ("replay_buffer_class",), f"{message}: remove it, or choose another algorithm such as SAC"
        elif self.replay_buffer_kwargs is not None:
            for key in self.replay_buffer_kwargs.of_hindsight():
                yield ("replay_buffer_kwargs", key), "is a setting of hindsight replay, which CrossQ lacks: remove it"
