"""The hyperparameters are those of the installed Stable-Baselines3 and sb3-contrib, no more and no fewer."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, get_args

import pytest
from pydantic import ValidationError

from job.algorithms.continuous import DDPGHyperparameters, SACHyperparameters
from job.algorithms.epsilon_greedy import DQNHyperparameters
from job.algorithms.off_policy import ReplayBufferKwargs
from job.algorithms.on_policy import PPOHyperparameters, RecurrentPPOHyperparameters
from job.algorithms.policy_kwargs import ACTIVATIONS, FEATURES_EXTRACTORS, OPTIMIZERS, PolicyKwargs
from job.algorithms.random_search import LINEAR_POLICY, ARSHyperparameters
from job.algorithms.registry import ALGORITHMS, Algorithm

if TYPE_CHECKING:
    from job.algorithms.hyperparameters import Hyperparameters

OURS = {
    *("policy", "env", "seed", "device", "verbose", "tensorboard_log"),
    *("_init_setup_model", "rollout_buffer_class", "rollout_buffer_kwargs"),
}
NOISE = {"noise_type", "noise_std"}
OF_THE_ALGORITHM = {"observation_space", "action_space", "lr_schedule", "use_sde"}
"""What the algorithm itself passes to its policy; a second one of these is a TypeError."""
OF_THE_BUFFER = {
    *("buffer_size", "observation_space", "action_space", "env", "device", "n_envs", "optimize_memory_usage"),
}
POLICIES = [(name, policy) for name, entry in ALGORITHMS.items() for policy in entry.policies]
each_algorithm = pytest.mark.parametrize("entry", ALGORITHMS.values(), ids=ALGORITHMS)


def arguments_of(function: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


def policy_kwargs_of(entry: Algorithm) -> type[PolicyKwargs]:
    model: type[PolicyKwargs] = get_args(entry.hyperparameters.model_fields["policy_kwargs"].annotation)[0]
    return model


@each_algorithm
def test_fields_are_the_arguments_of_the_constructor(entry: Algorithm) -> None:
    expected = set(arguments_of(entry.load_class())) - OURS
    if "action_noise" in expected:
        expected = expected - {"action_noise"} | NOISE
    assert set(entry.hyperparameters.model_fields) == expected


@each_algorithm
def test_defaults_that_are_repeated_here_are_those_of_the_constructor(entry: Algorithm) -> None:
    arguments = arguments_of(entry.load_class())
    of_policy = arguments_of(entry.load_class().policy_aliases[entry.policies[0]])
    repeated = [name for name in dir(entry.hyperparameters) if name.startswith("default_")]
    assert repeated
    for name in repeated:
        key = name.removeprefix("default_")
        assert getattr(entry.hyperparameters, name) == (arguments.get(key) or of_policy[key]).default, name


@each_algorithm
def test_schedules_are_the_arguments_that_may_be_functions(entry: Algorithm) -> None:
    arguments = arguments_of(entry.load_class())
    assert {name for name, each in arguments.items() if "Callable" in str(each.annotation)} == set(entry.schedules)


@pytest.mark.parametrize(("name", "policy"), POLICIES)
def test_policy_kwargs_are_the_arguments_of_the_policies(name: str, policy: str) -> None:
    entry = ALGORITHMS[name]
    expected = set(policy_kwargs_of(entry).model_fields)
    if policy == LINEAR_POLICY:
        of_layers = {"net_arch": [1], "activation_fn": "Tanh"}
        conflicts = ARSHyperparameters.model_validate({"policy_kwargs": of_layers}).conflicts(1, policy)
        expected -= {path[-1] for path, _ in conflicts}
    assert expected == set(arguments_of(entry.load_class().policy_aliases[policy])) - OF_THE_ALGORITHM


def test_arguments_of_the_replay_buffer_are_those_of_the_hindsight_buffer() -> None:
    buffer = importlib.import_module("stable_baselines3.her.her_replay_buffer").HerReplayBuffer
    plain = importlib.import_module("stable_baselines3.common.buffers").ReplayBuffer
    everything = {key: value for key, (value, _) in EXAMPLES_OF_REPLAY.items()}
    assert set(ReplayBufferKwargs.model_fields) == set(arguments_of(buffer)) - OF_THE_BUFFER
    only_hindsight = set(arguments_of(buffer)) - set(arguments_of(plain)) - OF_THE_BUFFER
    assert set(ReplayBufferKwargs.model_validate(everything).of_hindsight()) == only_hindsight


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
    ("model", "written"),
    [
        (PPOHyperparameters, {"net_arch": [64, 64]}),
        (PPOHyperparameters, {"net_arch": []}),
        (PPOHyperparameters, {"net_arch": {"pi": [8], "vf": []}}),
        (PPOHyperparameters, {"net_arch": {"pi": [8]}}),
        (PPOHyperparameters, {"activation_fn": "ReLU"}),
        (PPOHyperparameters, {"activation_fn": "my_package.layers:Swish"}),
        (PPOHyperparameters, {"optimizer_class": "stable_baselines3.common.sb2_compat.rmsprop_tf_like:RMSpropTFLike"}),
        (PPOHyperparameters, {"optimizer_kwargs": {"eps": 1e-5, "foreach": None}}),
        (
            PPOHyperparameters,
            {"features_extractor_class": "NatureCNN", "features_extractor_kwargs": {"features_dim": 64}},
        ),
        (PPOHyperparameters, {"log_std_init": -2.0, "ortho_init": False}),
        (SACHyperparameters, {"net_arch": {"pi": [8], "qf": []}, "n_critics": 1}),
        (DQNHyperparameters, {"net_arch": [8]}),
        (ARSHyperparameters, {"net_arch": [8], "with_bias": False}),
        (RecurrentPPOHyperparameters, {"lstm_hidden_size": 8, "lstm_kwargs": {"dropout": 0.1}}),
    ],
)
def test_policy_kwargs_are_passed_on_as_they_were_written(
    model: type[Hyperparameters], written: dict[str, Any]
) -> None:
    assert model.model_validate({"policy_kwargs": written}).arguments() == {"policy_kwargs": written}


@pytest.mark.parametrize(
    ("model", "written", "sentence"),
    [
        (PPOHyperparameters, {"net_arch": "64"}, "one for each of pi and vf"),
        (PPOHyperparameters, {"net_arch": [64, 0]}, "must be a list of layer widths"),
        (PPOHyperparameters, {"net_arch": [True]}, "must be a list of layer widths"),
        (PPOHyperparameters, {"net_arch": [64, {"pi": [64]}]}, "must be a list of layer widths"),
        (PPOHyperparameters, {"net_arch": {"q": [64]}}, "may have the keys pi and vf only"),
        (PPOHyperparameters, {"net_arch": {"pi": 64}}, "one for each of pi and vf"),
        (SACHyperparameters, {"net_arch": {"pi": [64]}}, "must have both keys, pi and qf"),
        (SACHyperparameters, {"net_arch": {"pi": [64], "vf": [64]}}, "may have the keys pi and qf only"),
        (DQNHyperparameters, {"net_arch": {"pi": [64]}}, "must be a list of layer widths such as"),
        (DQNHyperparameters, {"ortho_init": True}, "Extra inputs"),
        (ARSHyperparameters, {"net_arch": [0]}, "must be a list of layer widths such as"),
        (ARSHyperparameters, {"optimizer_class": "Adam"}, "Extra inputs"),
        (RecurrentPPOHyperparameters, {"lstm_kwargs": {"bidirectional": True}}, "Extra inputs"),
        (PPOHyperparameters, {"activation_fn": "torch.nn.ReLU"}, "unknown name"),
        (PPOHyperparameters, {"activation_fn": 3}, "must be the name of a class"),
        (PPOHyperparameters, {"activation_fn": ":ReLU"}, "unknown name"),
        (PPOHyperparameters, {"optimizer_class": "a..b:C"}, "unknown name"),
        (PPOHyperparameters, {"optimizer_kwargs": {"lr": 1.0}}, "lr is what learning_rate sets"),
        (PPOHyperparameters, {"log_std_init": float("nan")}, "finite number"),
        (PPOHyperparameters, {"ortho_init": "yes"}, "boolean"),
        (PPOHyperparameters, {"use_sde": True}, "Extra inputs"),
    ],
)
def test_policy_kwargs_that_would_fail_in_the_session_fail_here(
    model: type[Hyperparameters], written: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({"policy_kwargs": written})
    assert caught.value.error_count() == 1
    assert sentence in caught.value.errors()[0]["msg"]


EXAMPLES_OF_REPLAY: dict[str, tuple[Any, list[Any]]] = {
    "handle_timeout_termination": (False, ["no"]),
    "n_sampled_goal": (4, [0, 1.5]),
    "goal_selection_strategy": ("final", ["past"]),
    "copy_info_dict": (True, [1]),
}
EXAMPLES: dict[str, tuple[list[Any], list[Any]]] = {
    "train_freq": (
        [4, [1, "episode"], [3, "episode"]],
        [0, 1.5, True, "4", [1], [1, "epoch"], [0, "episode"], [], 10**16],
    ),
    "ent_coef": (
        ["auto", "auto_0.1", "auto_1e-3", 0.0, 0.5],
        ["automatic", "auto_0", "auto_x", "auto_", "auto_1e999", -0.1, True, 10**400],
    ),
    "target_entropy": (["auto", -2.0], ["auto_1", True, 10**400, float("nan")]),
    "learning_rate": ([0.1, "linear_0.1"], ["fast", -0.1, True, 10**400]),
    "gradient_steps": ([-1, 0, 3], [-2, 0.5]),
    "noise_type": (["normal", "ornstein-uhlenbeck"], ["uniform"]),
    "noise_std": ([0.0, 0.1], [-0.1, "0.1"]),
    "learning_starts": ([0, 10_000], [-1]),
    "replay_buffer_class": (["HerReplayBuffer"], ["ReplayBuffer", True]),
    "replay_buffer_kwargs": (
        [{key: right} for key, (right, _) in EXAMPLES_OF_REPLAY.items()],
        [{key: each} for key, (_, wrong) in EXAMPLES_OF_REPLAY.items() for each in wrong],
    ),
}


@pytest.mark.parametrize(("key", "value"), [(key, each) for key, (right, _) in EXAMPLES.items() for each in right])
def test_notations_are_passed_on_as_they_were_written(key: str, value: Any) -> None:
    arguments = SACHyperparameters.model_validate({key: value}).arguments()
    assert arguments == {key: value}
    assert json.loads(json.dumps(arguments)) == arguments


@pytest.mark.parametrize(("key", "value"), [(key, each) for key, (_, wrong) in EXAMPLES.items() for each in wrong])
def test_notations_that_mean_nothing_are_refused(key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        SACHyperparameters.model_validate({key: value})
    assert caught.value.error_count() == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"train_freq": [4, "step"]}, {"train_freq": 4}),
        ({"train_freq": [1e1, "episode"]}, {"train_freq": [10, "episode"]}),
        ({"buffer_size": 1e4}, {"buffer_size": 10_000}),
        ({"ent_coef": 1}, {"ent_coef": 1.0}),
        ({"target_entropy": -1}, {"target_entropy": -1.0}),
    ],
)
def test_one_value_written_in_two_ways_gives_the_same_arguments(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert json.dumps(SACHyperparameters.model_validate(one).arguments()) == json.dumps(
        SACHyperparameters.model_validate(other).arguments()
    )


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
    ("model", "values", "timesteps"),
    [
        (PPOHyperparameters, {}, 3 * 2048),
        (RecurrentPPOHyperparameters, {"n_steps": 5}, 15),
        (DQNHyperparameters, {}, 12),
        (SACHyperparameters, {}, 3),
        (DDPGHyperparameters, {"train_freq": 10}, 30),
        (DDPGHyperparameters, {"train_freq": [10, "episode"]}, 3),
        (ARSHyperparameters, {}, 3),
    ],
)
def test_a_rollout_counts_the_timesteps_of_all_environments(
    model: type[Hyperparameters], values: dict[str, Any], timesteps: int
) -> None:
    assert model.model_validate(values).rollout_timesteps(3) == timesteps


def test_checking_a_job_imports_no_learning_library() -> None:
    heavy = "torch", "stable_baselines3", "sb3_contrib", "gymnasium", "numpy"
    program = f"import sys, job.model, runner.jobs.file; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
