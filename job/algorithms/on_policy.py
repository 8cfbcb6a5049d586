"""The hyperparameters of the algorithms that learn from each rollout once: PPO and its kin, A2C, TRPO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator

from job.algorithms.hyperparameters import (
    Conflict,
    Count,
    CountOrMinusOne,
    Fraction,
    Hyperparameters,
    NotNegative,
    Positive,
    Schedule,
)
from job.algorithms.policy_kwargs import ActorCriticPolicyKwargs, MaskablePolicyKwargs, RecurrentPolicyKwargs

if TYPE_CHECKING:
    from collections.abc import Iterator


def _positive_schedule(value: Any) -> Any:
    # Stable-Baselines3 asserts this; null is how clipping is switched off.
    if value == 0:
        raise ValueError("must be above 0, or null to leave the value function unclipped")
    return value


class OnPolicyHyperparameters(Hyperparameters):
    """What the algorithms that train on each rollout once share."""

    default_n_steps: ClassVar[int]
    default_normalize_advantage: ClassVar[bool] = True

    policy_kwargs: MaskablePolicyKwargs | None = None
    gamma: Fraction | None = None
    gae_lambda: Fraction | None = None
    n_steps: Count | None = None
    normalize_advantage: bool | None = None
    stats_window_size: Count | None = None

    def rollout_timesteps(self, n_envs: int) -> int:
        """Timesteps of one rollout over `n_envs` parallel environments."""
        return (self.n_steps or self.default_n_steps) * n_envs

    def normalizes_advantage(self) -> bool:
        """Whether advantages are scaled by their standard deviation."""
        return self.default_normalize_advantage if self.normalize_advantage is None else self.normalize_advantage

    def conflicts(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """Those of every on-policy algorithm."""
        yield from super().conflicts(n_envs, policy)
        if self.normalizes_advantage() and self.rollout_timesteps(n_envs) == 1:
            message = "n_steps x n_envs is 1, and one sample has no spread to normalize the advantage by"
            yield ("n_steps",), f"{message}: raise n_steps, or set normalize_advantage to false"


class ExploringHyperparameters(OnPolicyHyperparameters):
    """Those with generalized State-Dependent Exploration (gSDE)."""

    policy_kwargs: ActorCriticPolicyKwargs | None = None
    use_sde: bool | None = None
    sde_sample_freq: CountOrMinusOne | None = None

    def conflicts(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """Those of every on-policy algorithm, and that of a squashed output."""
        yield from super().conflicts(n_envs, policy)
        if self.policy_kwargs and self.policy_kwargs.squash_output and not self.use_sde:
            yield ("policy_kwargs", "squash_output"), "works with gSDE only: set hyperparameters.use_sde to true"


class WeightedLossHyperparameters(OnPolicyHyperparameters):
    """Those whose loss is a weighted sum over actor, critic and entropy."""

    ent_coef: float | None = None
    vf_coef: float | None = None
    max_grad_norm: NotNegative | None = None


class ClippedHyperparameters(WeightedLossHyperparameters):
    """What PPO and the algorithms made from it share."""

    default_batch_size: ClassVar[int]
    trains_on_one_sample: ClassVar[bool] = True
    """Whether a last minibatch of one sample is left unnormalized; where not, it makes the weights NaN."""

    batch_size: Count | None = None
    n_epochs: Count | None = None
    clip_range: Schedule | None = None
    clip_range_vf: Annotated[Schedule, AfterValidator(_positive_schedule)] | None = None
    target_kl: NotNegative | None = None

    def conflicts(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """Those of every on-policy algorithm, and those of the minibatches."""
        yield from super().conflicts(n_envs, policy)
        rollout, batch_size = self.rollout_timesteps(n_envs), self.batch_size or self.default_batch_size
        if self.batch_size is not None and self.batch_size > rollout:
            message = f"{self.batch_size} is more than a rollout holds: n_steps x n_envs is {rollout}"
            yield ("batch_size",), f"{message}, so write at most that"
        if not self.normalizes_advantage():
            return
        if self.batch_size == 1:
            message = "1 leaves no spread to normalize the advantage by"
            yield ("batch_size",), f"{message}: write at least 2, or set normalize_advantage to false"
        elif rollout > 1 and rollout % batch_size == 1 and not self.trains_on_one_sample:
            message = f"{batch_size} leaves a last minibatch of one sample, n_steps x n_envs being {rollout}"
            remedy = "choose another size, or set normalize_advantage to false"
            yield ("batch_size",), f"{message}, and one has no spread to normalize the advantage by: {remedy}"


class PPOHyperparameters(ExploringHyperparameters, ClippedHyperparameters):
    """Arguments of `stable_baselines3.PPO`."""

    default_n_steps = 2048
    default_batch_size = 64


class MaskablePPOHyperparameters(ClippedHyperparameters):
    """Arguments of `sb3_contrib.MaskablePPO`."""

    default_n_steps = 2048
    default_batch_size = 64
    trains_on_one_sample = False


class RecurrentPPOHyperparameters(ExploringHyperparameters, ClippedHyperparameters):
    """Arguments of `sb3_contrib.RecurrentPPO`."""

    default_n_steps = 128
    default_batch_size = 128
    trains_on_one_sample = False

    policy_kwargs: RecurrentPolicyKwargs | None = None

    def conflicts(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """Those of PPO, and those of an LSTM that actor and critic share."""
        yield from super().conflicts(n_envs, policy)
        if self.policy_kwargs is None or not self.policy_kwargs.shared_lstm:
            return
        path = ("policy_kwargs", "shared_lstm")
        if self.policy_kwargs.enable_critic_lstm is not False:
            yield path, "leaves the critic no LSTM of its own: set enable_critic_lstm to false beside it"
        if self.policy_kwargs.share_features_extractor is False:
            yield path, "needs a features extractor that is shared too: set share_features_extractor to true beside it"


class A2CHyperparameters(ExploringHyperparameters, WeightedLossHyperparameters):
    """Arguments of `stable_baselines3.A2C`."""

    default_n_steps = 5
    default_normalize_advantage = False

    rms_prop_eps: NotNegative | None = None
    use_rms_prop: bool | None = None

    def conflicts(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """Those of every on-policy algorithm, and that of the optimizer that A2C chooses."""
        yield from super().conflicts(n_envs, policy)
        chosen = self.policy_kwargs is not None and self.policy_kwargs.optimizer_class is not None
        if self.policy_kwargs and self.policy_kwargs.optimizer_kwargs and not chosen and self.use_rms_prop is not False:
            message = "is ignored: A2C sets arguments of its own for its RMSprop"
            yield ("policy_kwargs", "optimizer_kwargs"), f"{message}: set optimizer_class beside it"


class TRPOHyperparameters(ExploringHyperparameters):
    """Arguments of `sb3_contrib.TRPO`."""

    default_n_steps = 2048

    batch_size: Count | None = None
    cg_max_steps: Count | None = None
    cg_damping: NotNegative | None = None
    line_search_shrinking_factor: Fraction | None = None
    line_search_max_iter: Count | None = None
    n_critic_updates: Count | None = None
    target_kl: Positive | None = None
    sub_sampling_factor: Count | None = None

    def conflicts(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """Those of every on-policy algorithm, and those of sub-sampling."""
        yield from super().conflicts(n_envs, policy)
        factor, rollout = self.sub_sampling_factor or 1, self.rollout_timesteps(n_envs)
        if self.batch_size is not None and self.batch_size > rollout:
            message = f"{self.batch_size} is more than a rollout holds: n_steps x n_envs is {rollout}"
            yield ("batch_size",), f"{message}, so write at most that"
        if factor > 1 and policy == "MultiInputPolicy":
            yield ("sub_sampling_factor",), "cannot take a sample of dictionary observations: remove it"
        elif self.normalizes_advantage() and 1 < rollout <= factor:
            message = f"{factor} leaves one sample of a rollout, n_steps x n_envs being {rollout}"
            yield ("sub_sampling_factor",), f"{message}: write less, or set normalize_advantage to false"
