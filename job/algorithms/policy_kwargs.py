"""What a job may say under `hyperparameters.policy_kwargs`: one model for each family of policies.

A class is named as `Name` (looked up in torch.nn, torch.optim or Stable-Baselines3's torch_layers)
or as `package.module:Name`; the trainer resolves it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

from job.algorithms.hyperparameters import Count, CountOrZero, Fraction, Positive, is_count, whole_number
from job.components import CLASS_REFERENCE

ACTIVATIONS = (
    *("CELU", "ELU", "GELU", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid", "Mish", "PReLU"),
    *("ReLU", "ReLU6", "SELU", "Sigmoid", "SiLU", "Softplus", "Softsign", "Tanh"),
)
"""The names in `torch.nn` that make a layer without arguments; listed, since importing torch takes seconds."""
OPTIMIZERS = ("Adadelta", "Adagrad", "Adam", "Adamax", "AdamW", "ASGD", "NAdam", "RAdam", "RMSprop", "SGD")
FEATURES_EXTRACTORS = ("CombinedExtractor", "FlattenExtractor", "NatureCNN")

_WIDTHS = "a list of layer widths such as [64, 64]"


def _are_widths(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_count, value))


def _whole_widths(value: Any) -> Any:
    return [whole_number(each) for each in value] if isinstance(value, list) else value


def _widths(value: Any) -> Any:
    value = _whole_widths(value)
    if not _are_widths(value):
        raise ValueError(f"must be {_WIDTHS}")
    return value


def _network_widths(*networks: str, all_of_them: bool) -> BeforeValidator:
    either = f"must be {_WIDTHS}, or one for each of {' and '.join(networks)}"

    def check(value: Any) -> Any:
        if not isinstance(value, dict):
            value = _whole_widths(value)
            if not _are_widths(value):
                raise ValueError(either)
            return value
        if not value.keys() <= set(networks):
            raise ValueError(f"may have the keys {' and '.join(networks)} only")
        if all_of_them and len(value) < len(networks):
            raise ValueError(f"must have both keys, {' and '.join(networks)}")
        value = {key: _whole_widths(widths) for key, widths in value.items()}
        if not all(_are_widths(widths) for widths in value.values()):
            raise ValueError(either)
        return value

    return BeforeValidator(check)


Widths = Annotated[list[int], BeforeValidator(_widths)]
WidthsOfActorAndValue = Annotated[
    list[int] | dict[str, list[int]],
    _network_widths("pi", "vf", all_of_them=False),
]
WidthsOfActorAndCritic = Annotated[list[int] | dict[str, list[int]], _network_widths("pi", "qf", all_of_them=True)]


def _class_among(*known: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError("must be the name of a class, as Name or package.module:Name")  # noqa: TRY004 - pydantic catches ValueError
        if value not in known and not CLASS_REFERENCE.fullmatch(value):
            raise PydanticCustomError("unknown_name", "unknown name", {"known": known})
        return value

    return BeforeValidator(check)


def _without_learning_rate(value: dict[str, Any]) -> dict[str, Any]:
    if "lr" in value:
        raise PydanticCustomError("conflict", "lr is what learning_rate sets: remove it here")
    return value


class PolicyKwargs(BaseModel):
    """Arguments of every policy."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    activation_fn: Annotated[str, _class_among(*ACTIVATIONS)] | None = None


class ARSPolicyKwargs(PolicyKwargs):
    """Arguments of `sb3_contrib.ars.policies.ARSPolicy`."""

    net_arch: Widths | None = None
    with_bias: bool | None = None
    squash_output: bool | None = None


class TrainedPolicyKwargs(PolicyKwargs):
    """Arguments of every policy that an optimizer trains."""

    features_extractor_class: Annotated[str, _class_among(*FEATURES_EXTRACTORS)] | None = None
    features_extractor_kwargs: dict[str, Any] | None = None
    normalize_images: bool | None = None
    optimizer_class: Annotated[str, _class_among(*OPTIMIZERS)] | None = None
    optimizer_kwargs: Annotated[dict[str, Any], AfterValidator(_without_learning_rate)] | None = None


class DQNPolicyKwargs(TrainedPolicyKwargs):
    """Arguments of `stable_baselines3.dqn.policies.DQNPolicy`."""

    net_arch: Widths | None = None


class QRDQNPolicyKwargs(DQNPolicyKwargs):
    """Arguments of `sb3_contrib.qrdqn.policies.QRDQNPolicy`."""

    n_quantiles: Count | None = None


class TD3PolicyKwargs(TrainedPolicyKwargs):
    """Arguments of `stable_baselines3.td3.policies.TD3Policy`."""

    net_arch: WidthsOfActorAndCritic | None = None
    n_critics: Count | None = None
    share_features_extractor: bool | None = None


class SACPolicyKwargs(TD3PolicyKwargs):
    """Arguments of `stable_baselines3.sac.policies.SACPolicy`."""

    log_std_init: float | None = None
    use_expln: bool | None = None
    clip_mean: Positive | None = None


class TQCPolicyKwargs(SACPolicyKwargs):
    """Arguments of `sb3_contrib.tqc.policies.TQCPolicy`."""

    n_quantiles: Count | None = None


class CrossQPolicyKwargs(SACPolicyKwargs):
    """Arguments of `sb3_contrib.crossq.policies.CrossQPolicy`."""

    batch_norm: bool | None = None
    batch_norm_momentum: Fraction | None = None
    batch_norm_eps: Positive | None = None
    renorm_warmup_steps: CountOrZero | None = None


class MaskablePolicyKwargs(TrainedPolicyKwargs):
    """Arguments of `sb3_contrib.common.maskable.policies.MaskableActorCriticPolicy`."""

    net_arch: WidthsOfActorAndValue | None = None
    ortho_init: bool | None = None
    share_features_extractor: bool | None = None


class ActorCriticPolicyKwargs(MaskablePolicyKwargs):
    """Arguments of `stable_baselines3.common.policies.ActorCriticPolicy`."""

    log_std_init: float | None = None
    full_std: bool | None = None
    use_expln: bool | None = None
    squash_output: bool | None = None


class LstmKwargs(BaseModel):
    """Arguments of `torch.nn.LSTM` that leave the shape of its states alone."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    bias: bool | None = None
    dropout: Fraction | None = None


class RecurrentPolicyKwargs(ActorCriticPolicyKwargs):
    """Arguments of `sb3_contrib.common.recurrent.policies.RecurrentActorCriticPolicy`."""

    lstm_hidden_size: Count | None = None
    n_lstm_layers: Count | None = None
    shared_lstm: bool | None = None
    enable_critic_lstm: bool | None = None
    lstm_kwargs: LstmKwargs | None = None
