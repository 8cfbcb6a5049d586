"""The hyperparameters are those of the installed Stable-Baselines3, no more and no fewer."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from trainer.algorithms.hyperparameters import (
    ACTIVATIONS,
    FEATURES_EXTRACTORS,
    OPTIMIZERS,
    A2CHyperparameters,
    PolicyKwargs,
    PPOHyperparameters,
)
from trainer.algorithms.registry import ALGORITHMS, Algorithm

OURS = {
    *("policy", "env", "seed", "device", "verbose", "tensorboard_log"),
    *("_init_setup_model", "rollout_buffer_class", "rollout_buffer_kwargs"),
}
OF_THE_ALGORITHM = {"observation_space", "action_space", "lr_schedule", "use_sde"}
"""What the algorithm itself passes to its policy; a second one of these is a TypeError."""


def arguments_of(function: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


@pytest.mark.parametrize("entry", ALGORITHMS.values(), ids=ALGORITHMS)
def test_fields_are_the_arguments_of_the_constructor(entry: Algorithm) -> None:
    assert set(entry.hyperparameters.model_fields) == set(arguments_of(entry.load_class())) - OURS


@pytest.mark.parametrize("entry", ALGORITHMS.values(), ids=ALGORITHMS)
def test_defaults_that_are_repeated_here_are_those_of_the_constructor(entry: Algorithm) -> None:
    arguments = arguments_of(entry.load_class())
    assert entry.hyperparameters.default_n_steps == arguments["n_steps"].default
    assert entry.hyperparameters.default_normalize_advantage == arguments["normalize_advantage"].default


@pytest.mark.parametrize("entry", ALGORITHMS.values(), ids=ALGORITHMS)
def test_schedules_are_the_arguments_that_may_be_functions(entry: Algorithm) -> None:
    arguments = arguments_of(entry.load_class())
    assert {name for name, each in arguments.items() if "Callable" in str(each.annotation)} == set(entry.schedules)


@pytest.mark.parametrize("policy", ["ActorCriticPolicy", "ActorCriticCnnPolicy", "MultiInputActorCriticPolicy"])
def test_policy_kwargs_are_the_arguments_of_the_policies(policy: str) -> None:
    policies = importlib.import_module("stable_baselines3.common.policies")
    assert set(PolicyKwargs.model_fields) == set(arguments_of(getattr(policies, policy))) - OF_THE_ALGORITHM


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("torch.nn", ACTIVATIONS),
        ("torch.optim", OPTIMIZERS),
        ("stable_baselines3.common.torch_layers", FEATURES_EXTRACTORS),
    ],
)
def test_short_names_are_classes(module: str, names: tuple[str, ...]) -> None:
    home = importlib.import_module(module)
    assert [name for name in names if not inspect.isclass(getattr(home, name, None))] == []


def test_activations_need_no_arguments() -> None:
    layers = importlib.import_module("torch.nn")
    for name in ACTIVATIONS:
        getattr(layers, name)()


@pytest.mark.parametrize(
    "written",
    [
        {"net_arch": [64, 64]},
        {"net_arch": []},
        {"net_arch": {"pi": [8], "vf": []}},
        {"net_arch": {"pi": [8]}},
        {"activation_fn": "ReLU"},
        {"activation_fn": "my_package.layers:Swish"},
        {"optimizer_class": "stable_baselines3.common.sb2_compat.rmsprop_tf_like:RMSpropTFLike"},
        {"optimizer_kwargs": {"eps": 1e-5, "foreach": None}},
        {"features_extractor_class": "NatureCNN", "features_extractor_kwargs": {"features_dim": 64}},
        {"log_std_init": -2.0, "ortho_init": False},
    ],
)
def test_policy_kwargs_are_passed_on_as_they_were_written(written: dict[str, Any]) -> None:
    assert PPOHyperparameters.model_validate({"policy_kwargs": written}).arguments() == {"policy_kwargs": written}


@pytest.mark.parametrize(
    "written",
    [
        {"net_arch": "64"},
        {"net_arch": [64, 0]},
        {"net_arch": [True]},
        {"net_arch": [64, {"pi": [64]}]},
        {"net_arch": {"q": [64]}},
        {"net_arch": {"pi": 64}},
        {"activation_fn": "torch.nn.ReLU"},
        {"activation_fn": 3},
        {"activation_fn": ":ReLU"},
        {"optimizer_class": "a..b:C"},
        {"optimizer_kwargs": {"lr": 1.0}},
        {"log_std_init": float("nan")},
        {"ortho_init": "yes"},
        {"use_sde": True},
    ],
)
def test_policy_kwargs_that_would_fail_in_the_session_fail_here(written: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        PPOHyperparameters.model_validate({"policy_kwargs": written})
    assert caught.value.error_count() == 1


def test_arguments_are_what_was_set_in_the_type_that_is_wanted() -> None:
    set_by_user: dict[str, Any] = {
        "n_steps": 1e3,
        "gamma": 1,
        "clip_range_vf": None,
        "learning_rate": "lin_0.1",
        "policy_kwargs": {},
    }
    arguments = PPOHyperparameters.model_validate(set_by_user).arguments()
    assert arguments == {"n_steps": 1000, "gamma": 1.0, "learning_rate": "lin_0.1", "policy_kwargs": {}}
    assert isinstance(arguments["n_steps"], int)


@pytest.mark.parametrize(
    ("model", "values", "n_envs", "keys"),
    [
        (PPOHyperparameters, {}, 1, []),
        (PPOHyperparameters, {"n_steps": 1}, 1, ["n_steps"]),
        (PPOHyperparameters, {"n_steps": 1}, 2, []),
        (PPOHyperparameters, {"n_steps": 1, "normalize_advantage": False}, 1, []),
        (PPOHyperparameters, {"n_steps": 16, "batch_size": 64}, 2, ["batch_size"]),
        (PPOHyperparameters, {"n_steps": 16, "batch_size": 64}, 4, []),
        (PPOHyperparameters, {"n_steps": 16}, 1, []),
        (PPOHyperparameters, {"batch_size": 1}, 1, ["batch_size"]),
        (PPOHyperparameters, {"batch_size": 1, "normalize_advantage": False}, 1, []),
        (PPOHyperparameters, {"policy_kwargs": {"squash_output": True}}, 1, ["squash_output"]),
        (PPOHyperparameters, {"policy_kwargs": {"squash_output": True}, "use_sde": True}, 1, []),
        (A2CHyperparameters, {"n_steps": 1}, 1, []),
        (A2CHyperparameters, {"n_steps": 1, "normalize_advantage": True}, 1, ["n_steps"]),
    ],
)
def test_values_that_do_not_go_together_are_named(
    model: type[PPOHyperparameters | A2CHyperparameters],
    values: dict[str, Any],
    n_envs: int,
    keys: list[str],
) -> None:
    assert [path[-1] for path, _ in model.model_validate(values).conflicts(n_envs)] == keys


def test_checking_a_job_imports_no_learning_library() -> None:
    heavy = "torch", "stable_baselines3", "gymnasium", "numpy"
    program = f"import sys, trainer.job, runner.jobs_file; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
