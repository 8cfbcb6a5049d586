"""What a job may say under `hyperparameters`, checked before any algorithm is imported.

The fields are the arguments of the Stable-Baselines3 constructors
(https://stable-baselines3.readthedocs.io/en/master/modules/ppo.html and .../a2c.html); a test
compares them with the installed version. Defaults stay with Stable-Baselines3: a field that a job
leaves out is not passed.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from trainer.schedules import parse_schedule


def _schedule_or_number(value: float | str) -> float | str:
    if isinstance(value, str):
        parse_schedule(value)
    elif value < 0:
        raise ValueError("must not be negative")
    return value


Schedule = Annotated[float | str, AfterValidator(_schedule_or_number)]
"""A number, or a schedule over the training run such as `linear_0.0003`."""

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Hyperparameters(BaseModel):
    """What every algorithm shares."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    learning_rate: Schedule | None = None
    gamma: Fraction | None = None
    policy_kwargs: dict[str, Any] | None = None
    stats_window_size: Positive | None = None


class OnPolicyHyperparameters(Hyperparameters):
    """What the algorithms that train on each rollout once share."""

    default_n_steps: ClassVar[int]

    n_steps: Positive | None = None
    gae_lambda: Fraction | None = None
    ent_coef: float | None = None
    vf_coef: float | None = None
    max_grad_norm: NotNegative | None = None
    normalize_advantage: bool | None = None
    use_sde: bool | None = None
    sde_sample_freq: Annotated[int, Field(ge=-1)] | None = None

    def rollout_timesteps(self, n_envs: int) -> int:
        """Timesteps of one rollout over `n_envs` parallel environments."""
        return (self.n_steps or self.default_n_steps) * n_envs


class PPOHyperparameters(OnPolicyHyperparameters):
    """Arguments of `stable_baselines3.PPO`."""

    default_n_steps = 2048

    batch_size: Annotated[int, Field(gt=1)] | None = None
    n_epochs: Positive | None = None
    clip_range: Schedule | None = None
    clip_range_vf: Schedule | None = None
    target_kl: NotNegative | None = None


class A2CHyperparameters(OnPolicyHyperparameters):
    """Arguments of `stable_baselines3.A2C`."""

    default_n_steps = 5

    rms_prop_eps: NotNegative | None = None
    use_rms_prop: bool | None = None
