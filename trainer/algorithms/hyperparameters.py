"""What a job may say under `hyperparameters`, checked before any algorithm is imported.

The fields are the arguments of the Stable-Baselines3 constructors
(https://stable-baselines3.readthedocs.io/en/master/modules/ppo.html and .../a2c.html); a test
compares them with the installed version. Defaults stay with Stable-Baselines3: a field that a job
leaves out, or sets to null, is not passed.

A validator's sentence begins with what the value must be; `trainer.job` adds what was found.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from trainer.schedules import parse_schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTIVATIONS = (
    *("CELU", "ELU", "GELU", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid", "Mish", "PReLU"),
    *("ReLU", "ReLU6", "SELU", "Sigmoid", "SiLU", "Softplus", "Softsign", "Tanh"),
)
"""The names in `torch.nn` that make a layer without arguments; listed, since importing torch takes seconds."""
OPTIMIZERS = ("Adadelta", "Adagrad", "Adam", "Adamax", "AdamW", "ASGD", "NAdam", "RAdam", "RMSprop", "SGD")
FEATURES_EXTRACTORS = ("CombinedExtractor", "FlattenExtractor", "NatureCNN")

_CLASS_REFERENCE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*")
_WIDTHS = "a list of layer widths such as [64, 64]"


def whole_number(value: object) -> object:
    """Let `1e6` stand for 1,000,000, which YAML reads as a float; anything else stays as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, BeforeValidator(whole_number), Field(gt=0, le=10**15)]
"""A whole number above zero; the upper bound keeps it exact as a float."""

Fraction = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _schedule_or_number(value: Any) -> Any:
    if isinstance(value, str):
        parse_schedule(value)
    elif not _is_number(value) or not 0 <= value < float("inf"):
        raise ValueError("must be a number that is not negative, or a schedule such as linear_0.0003")
    return value


def _positive_schedule(value: Any) -> Any:
    # Stable-Baselines3 asserts this; null is how clipping is switched off.
    if value == 0:
        raise ValueError("must be above 0, or null to leave the value function unclipped")
    return value


Schedule = Annotated[float | str, BeforeValidator(_schedule_or_number)]
"""A number, or a schedule over the training run such as `linear_0.0003`."""


def _net_arch(value: Any) -> Any:
    if isinstance(value, dict):
        if not value.keys() <= {"pi", "vf"}:
            raise ValueError("may have the keys pi and vf only")
        return {key: _widths(widths) for key, widths in value.items()}
    return _widths(value)


def _widths(value: Any) -> list[Any]:
    widths = [whole_number(width) for width in value] if isinstance(value, list) else None
    if widths is None or not all(isinstance(width, int) and _is_number(width) and width > 0 for width in widths):
        raise ValueError(f"must be {_WIDTHS}, or one for each of pi and vf")
    return widths


def _class_among(*known: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError("must be the name of a class, as Name or package.module:Name")  # noqa: TRY004 - pydantic catches ValueError
        if value not in known and not _CLASS_REFERENCE.fullmatch(value):
            raise PydanticCustomError("unknown_name", "unknown name", {"known": known})
        return value

    return BeforeValidator(check)


def _without_learning_rate(value: dict[str, Any]) -> dict[str, Any]:
    if "lr" in value:
        raise PydanticCustomError("conflict", "lr is what learning_rate sets: remove it here")
    return value


class PolicyKwargs(BaseModel):
    """Arguments of `stable_baselines3.common.policies.ActorCriticPolicy`.

    A class is named as `Name` (looked up in torch.nn, torch.optim or Stable-Baselines3's
    torch_layers) or as `package.module:Name`; the trainer resolves it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    net_arch: Annotated[list[int] | dict[str, list[int]], BeforeValidator(_net_arch)] | None = None
    activation_fn: Annotated[str, _class_among(*ACTIVATIONS)] | None = None
    ortho_init: bool | None = None
    log_std_init: float | None = None
    full_std: bool | None = None
    use_expln: bool | None = None
    squash_output: bool | None = None
    features_extractor_class: Annotated[str, _class_among(*FEATURES_EXTRACTORS)] | None = None
    features_extractor_kwargs: dict[str, Any] | None = None
    share_features_extractor: bool | None = None
    normalize_images: bool | None = None
    optimizer_class: Annotated[str, _class_among(*OPTIMIZERS)] | None = None
    optimizer_kwargs: Annotated[dict[str, Any], AfterValidator(_without_learning_rate)] | None = None


class Hyperparameters(BaseModel):
    """What every algorithm shares."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    learning_rate: Schedule | None = None
    gamma: Fraction | None = None
    policy_kwargs: PolicyKwargs | None = None
    stats_window_size: Count | None = None

    def arguments(self) -> dict[str, Any]:
        """What the constructor is passed, as plain JSON: only what the job says."""
        return self.model_dump(mode="json", exclude_none=True)


class OnPolicyHyperparameters(Hyperparameters):
    """What the algorithms that train on each rollout once share."""

    default_n_steps: ClassVar[int]
    default_normalize_advantage: ClassVar[bool]

    n_steps: Count | None = None
    gae_lambda: Fraction | None = None
    ent_coef: float | None = None
    vf_coef: float | None = None
    max_grad_norm: NotNegative | None = None
    normalize_advantage: bool | None = None
    use_sde: bool | None = None
    sde_sample_freq: Annotated[int, BeforeValidator(whole_number), Field(ge=-1)] | None = None

    def rollout_timesteps(self, n_envs: int) -> int:
        """Timesteps of one rollout over `n_envs` parallel environments."""
        return (self.n_steps or self.default_n_steps) * n_envs

    def normalizes_advantage(self) -> bool:
        """Whether advantages are scaled by their standard deviation."""
        return self.default_normalize_advantage if self.normalize_advantage is None else self.normalize_advantage

    def conflicts(self, n_envs: int) -> Iterator[tuple[tuple[str, ...], str]]:
        """The keys whose values are fine alone but not together, each with what is wrong."""
        if self.normalizes_advantage() and self.rollout_timesteps(n_envs) == 1:
            message = "n_steps x n_envs is 1, and one sample has no spread to normalize the advantage by"
            yield ("n_steps",), f"{message}: raise n_steps, or set normalize_advantage to false"
        if self.policy_kwargs and self.policy_kwargs.squash_output and not self.use_sde:
            yield ("policy_kwargs", "squash_output"), "works with gSDE only: set hyperparameters.use_sde to true"


class PPOHyperparameters(OnPolicyHyperparameters):
    """Arguments of `stable_baselines3.PPO`."""

    default_n_steps = 2048
    default_normalize_advantage = True

    batch_size: Count | None = None
    n_epochs: Count | None = None
    clip_range: Schedule | None = None
    clip_range_vf: Annotated[Schedule, AfterValidator(_positive_schedule)] | None = None
    target_kl: NotNegative | None = None

    def conflicts(self, n_envs: int) -> Iterator[tuple[tuple[str, ...], str]]:
        """Those of every on-policy algorithm, and those of the minibatches."""
        yield from super().conflicts(n_envs)
        rollout = self.rollout_timesteps(n_envs)
        if self.batch_size is not None and self.batch_size > rollout:
            message = f"{self.batch_size} is more than a rollout holds: n_steps x n_envs is {rollout}"
            yield ("batch_size",), f"{message}, so write at most that"
        if self.batch_size == 1 and self.normalizes_advantage():
            message = "1 leaves no spread to normalize the advantage by"
            yield ("batch_size",), f"{message}: write at least 2, or set normalize_advantage to false"


class A2CHyperparameters(OnPolicyHyperparameters):
    """Arguments of `stable_baselines3.A2C`."""

    default_n_steps = 5
    default_normalize_advantage = False

    rms_prop_eps: NotNegative | None = None
    use_rms_prop: bool | None = None
