"""A job: what it means, what is wrong with it, and that the reference says the same."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.algorithms.off_policy import OffPolicyHyperparameters, ReplayBufferKwargs
from job.algorithms.policy_kwargs import ACTIVATIONS, FEATURES_EXTRACTORS, OPTIMIZERS, LstmKwargs
from job.algorithms.registry import ALGORITHMS
from job.model import (
    DEFAULT_PATIENCE,
    DEFAULT_SESSION_LIMIT,
    DEFAULT_TRIAL_LIMIT,
    SAVE_FREQUENCIES,
    SAVE_FREQUENCY_OF_LONG_RUNS,
    parse_job,
)
from job.problems import InvalidJobError, Problem, as_json
from runner.backends.registry import sections
from runner.jobs.sections import job_with

if TYPE_CHECKING:
    from pydantic import BaseModel

LSTM_POLICIES = ("MlpLstmPolicy", "CnnLstmPolicy", "MultiInputLstmPolicy")
REFERENCE = (Path(__file__).resolve().parents[2] / "docs" / "jobs.md").read_text(encoding="utf-8")


def values(**changes: Any) -> dict[str, Any]:
    return {"name": "cartpole", "env": {"id": "CartPole-v1"}, "algorithm": "PPO", "total_timesteps": 5000, **changes}


def problems(found: Any) -> list[Problem]:
    with pytest.raises(InvalidJobError) as caught:
        parse_job(found)
    assert caught.value.problems
    return caught.value.problems


def test_auto_is_as_many_as_kaggles_machines_have_cores_wherever_the_job_runs() -> None:
    left_open = parse_job(values(threads="auto", env={"id": "X", "n_envs": "auto"}))
    assert (left_open.threads, left_open.env.n_envs) == (4, 4)
    assert left_open.training_inputs() == parse_job(values(threads=4, env={"id": "X", "n_envs": 4})).training_inputs()


def test_determinism_decides_weights_and_a_job_without_it_is_what_it_was_before_there_was_such_a_key() -> None:
    without = parse_job(values()).model_dump(mode="json")
    assert "deterministic" not in without
    assert parse_job(values(deterministic="auto")).model_dump(mode="json") == without
    for stated in (True, False):
        job = parse_job(values(deterministic=stated))
        assert job.training_inputs() == {**parse_job(values()).training_inputs(), "deterministic": stated}
        assert parse_job(job.model_dump(mode="json")) == job


def test_everything_but_environment_algorithm_and_goal_has_a_default() -> None:
    job = parse_job(values())
    assert (job.policy, job.seed, job.backend, job.device, job.threads) == ("MlpPolicy", 0, "local", "auto", 1)
    assert job.session_limit == 8 * 3600 + 45 * 60
    assert job.rollout_timesteps == 2048
    assert {problem.path for problem in problems({"name": "cartpole"})} == {
        ("env",),
        ("algorithm",),
        ("total_timesteps",),
    }


@pytest.mark.parametrize(
    ("goal", "save_freq", "frequency"),
    [
        (1, "auto", 100),
        (4_999, "auto", 100),
        (5_000, "auto", 500),
        (19_999, "auto", 500),
        (20_000, "auto", 1_000),
        (99_999, "auto", 1_000),
        (100_000, "auto", 10_000),
        (10**9, "auto", 10_000),
        (5_000, 123, 123),
        (5_000, 1e3, 1_000),
    ],
)
def test_the_save_frequency_follows_the_goal_unless_it_is_set(goal: int, save_freq: Any, frequency: int) -> None:
    assert parse_job(values(total_timesteps=goal, save_freq=save_freq)).save_frequency == frequency


@pytest.mark.parametrize(
    ("changes", "rollout"),
    [
        ({"algorithm": "A2C"}, 5),
        ({"hyperparameters": {"n_steps": 128}}, 128),
        ({"hyperparameters": {"n_steps": 128}, "env": {"id": "X", "n_envs": 4}}, 512),
        ({"algorithm": "DQN", "env": {"id": "X", "n_envs": 3}}, 12),
        ({"algorithm": "SAC", "hyperparameters": {"train_freq": [5, "episode"]}}, 1),
    ],
)
def test_a_rollout_counts_all_environments(changes: dict[str, Any], rollout: int) -> None:
    assert parse_job(values(**changes)).rollout_timesteps == rollout


def test_one_number_written_in_two_ways_is_one_job() -> None:
    one = parse_job(values(total_timesteps=5e3, hyperparameters={"n_steps": 1e3, "gamma": 1, "target_kl": None}))
    other = parse_job(values(total_timesteps=5000, hyperparameters={"n_steps": 1000, "gamma": 1.0}))
    assert json.dumps(one.model_dump(mode="json")) == json.dumps(other.model_dump(mode="json"))


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"total_timesteps": 9}, True),
        ({"save_freq": 7, "eval": {"frequency": 3}, "backend": "kaggle", "session_limit": "1h"}, True),
        ({"env": {"id": "CartPole-v1", "check": False}}, True),
        ({"seed": 1}, False),
        ({"hyperparameters": {"gamma": 0.5}}, False),
        ({"env": {"id": "CartPole-v1", "kwargs": {"x": 1}}}, False),
    ],
)
def test_only_what_decides_the_weights_is_a_training_input(change: dict[str, Any], *, same: bool) -> None:
    assert (parse_job(values(**change)).training_inputs() == parse_job(values()).training_inputs()) is same


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (values(sede=1), Problem(("sede",), "unknown key", "sede")),
        (values(eval={"episode": 1}), Problem(("eval", "episode"), "unknown key", "episode")),
        (values(algorithm="PP0"), Problem(("algorithm",), 'unknown algorithm "PP0"', "PP0", tuple(ALGORITHMS))),
        (
            values(algorithm="RecurrentPPO"),
            Problem(("policy",), 'RecurrentPPO has no policy "MlpPolicy"', "MlpPolicy", LSTM_POLICIES),
        ),
        (
            values(algorithm="RecurrentPPO", policy=None),
            Problem(("policy",), 'RecurrentPPO has no policy "MlpPolicy"', "MlpPolicy", LSTM_POLICIES),
        ),
        (
            values(algorithm="SAC", hyperparameters={"replay_buffer_class": "HerReplayBuffer"}),
            Problem(
                ("hyperparameters", "replay_buffer_class"),
                "needs the goals of dictionary observations, and the policy is MlpPolicy: "
                "set policy to MultiInputPolicy",
            ),
        ),
        (
            values(algorithm="SAC", hyperparameters={"noise_type": "gaussian", "noise_std": 0.1}),
            Problem(
                ("hyperparameters", "noise_type"),
                'unknown name "gaussian"',
                "gaussian",
                ("normal", "ornstein-uhlenbeck"),
            ),
        ),
        (
            values(algorithm="DQN", hyperparameters={"train_freq": "episode"}),
            Problem(
                ("hyperparameters", "train_freq"),
                'must be a whole number of steps above 0, or a list such as [1, episode], found "episode"',
            ),
        ),
        (values(device="gpu"), Problem(("device",), 'unknown name "gpu"', "gpu", ("auto", "cpu", "cuda"))),
        (
            values(hyperparameters={"policy_kwargs": {"activation_fn": "relu"}}),
            Problem(("hyperparameters", "policy_kwargs", "activation_fn"), 'unknown name "relu"', "relu", ACTIVATIONS),
        ),
        (
            values(threads="2"),
            Problem(("threads",), 'must be a whole number, found "2"', remedy="write it without quotes"),
        ),
        (values(deterministic="yes"), Problem(("deterministic",), 'must be auto, true or false, found "yes"')),
        (values(threads="two"), Problem(("threads",), 'must be a whole number, found "two"')),
        (values(threads=True), Problem(("threads",), "must be a whole number, found true")),
        (values(total_timesteps=None), Problem(("total_timesteps",), "is missing", remedy="add it")),
        (values(total_timesteps=math.nan), Problem(("total_timesteps",), "must be a whole number, found NaN")),
        (
            values(hyperparameters={"gamma": math.inf}),
            Problem(("hyperparameters", "gamma"), "must be a finite number, found Infinity"),
        ),
        (values(sources=["/abs"]), None),
        (3, Problem((), "must be a mapping, lines of `key: value`, found 3")),
        ([], Problem((), "must be a mapping, lines of `key: value`, found []")),
    ],
)
def test_a_problem_names_the_key_and_what_was_found(found: Any, problem: Problem | None) -> None:
    reported = problems(found)
    assert len(reported) == 1
    assert problem is None or reported == [problem]


def test_every_problem_is_reported_at_once() -> None:
    found = values(sede=1, seed=-1, backend=3, policy="Mlp", hyperparameters={"gama": 1, "n_steps": 0})
    assert {problem.path[-1] for problem in problems(found)} == {"sede", "seed", "backend", "policy", "gama", "n_steps"}


def test_the_error_without_a_file_still_says_what_is_wrong() -> None:
    assert str(InvalidJobError(problems(values(seed=-1)))) == "seed: must be at least 0, found -1"
    assert str(InvalidJobError(problems(3))).startswith("job: must be a mapping")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), (True, "true"), ("a", '"a"'), (math.nan, "NaN"), ({"a": [1]}, '{"a": [1]}'), ("é\n", '"é\\n"')],
)
def test_values_are_shown_as_in_the_file(value: object, text: str) -> None:
    assert as_json(value) == text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_what_is_shown_is_short_and_one_line(value: object) -> None:
    assert len(as_json(value)) <= 40
    assert "\n" not in as_json(value)


DURATIONS = {
    "session_limit": DEFAULT_SESSION_LIMIT,
    "patience": DEFAULT_PATIENCE,
    "trial_limit": DEFAULT_TRIAL_LIMIT,
}


def keys_of(model: type[BaseModel], prefix: str = "") -> dict[str, str]:
    """Every key of a job with its default as the reference writes it."""
    keys: dict[str, str] = {}
    for name, field in model.model_fields.items():
        inner = [each for each in (field.annotation, *get_args(field.annotation)) if hasattr(each, "model_fields")]
        if inner:
            keys |= keys_of(inner[0], f"{prefix}{name}.")
        elif f"{prefix}{name}" in DURATIONS:
            keys[name] = f"`{DURATIONS[name]}`"
        else:
            default = field.get_default(call_default_factory=True, validated_data={})
            keys[prefix + name] = "required" if field.is_required() else f"`{json.dumps(default)}`"
    return keys


def test_the_reference_lists_every_key_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (\S+) \| ", section("Keys"), re.MULTILINE))
    expected = keys_of(job_with(sections()))
    del expected["name"]
    assert rows == expected


def section(title: str) -> str:
    return REFERENCE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def of_whom(cell: str) -> set[str]:
    """The algorithms that a cell names: `A`, `B`; or all; or all but `A`."""
    named = set(names_in(cell))
    assert named <= set(ALGORITHMS)
    assert cell.startswith("all") or named
    return set(ALGORITHMS) - named if cell.startswith("all") else named


def test_the_reference_lists_every_algorithm() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section("Algorithms"), re.MULTILINE)
    expected = []
    for name, entry in ALGORITHMS.items():
        source = "[Stable-Baselines3]" if entry.module == "stable_baselines3" else "[sb3-contrib]"
        has_buffer = issubclass(entry.hyperparameters, OffPolicyHyperparameters)
        memory = "a replay buffer" if has_buffer else "whole episodes" if name == "ARS" else "its latest rollout"
        policies = ", ".join(f"`{policy}`" for policy in entry.policies)
        expected.append((name, f"{source} | {policies} | {', '.join(entry.actions)} | {memory}"))
    assert rows == expected


def test_the_reference_lists_the_hyperparameters_of_every_algorithm() -> None:
    table = section("Hyperparameters").partition("\n\nSome are written")[0]
    stated: dict[str, list[str]] = {name: [] for name in ALGORITHMS}
    for algorithms, keys in re.findall(r"^\| ((?:all|`).*?) \| (.+) \|$", table, re.MULTILINE):
        for name in of_whom(algorithms):
            stated[name] += names_in(keys)
        for key in names_in(keys):
            schedules = {key in ALGORITHMS[name].schedules for name in of_whom(algorithms)}
            assert schedules == {f"`{key}` (schedule)" in keys}
    for name, entry in ALGORITHMS.items():
        assert sorted(stated[name]) == sorted(entry.hyperparameters.model_fields)


def test_the_reference_lists_the_policy_kwargs_of_every_algorithm() -> None:
    table = section("Hyperparameters").partition("\n### Policies\n")[2]
    stated: dict[str, list[str]] = {name: [] for name in ALGORITHMS}
    for keys, algorithms in re.findall(r"^\| (`.+?) \| ((?:all|`).*?) \| .+ \|$", table, re.MULTILINE):
        for name in of_whom(algorithms):
            stated[name] += names_in(keys)
    for name, entry in ALGORITHMS.items():
        policy_kwargs = get_args(entry.hyperparameters.model_fields["policy_kwargs"].annotation)[0]
        assert sorted(stated[name]) == sorted(policy_kwargs.model_fields)


def test_the_reference_names_every_class_and_every_key_of_the_nested_mappings() -> None:
    words = set(re.findall(r"\w+", section("Hyperparameters")))
    assert {*ACTIVATIONS, *OPTIMIZERS, *FEATURES_EXTRACTORS} <= words
    assert {*ReplayBufferKwargs.model_fields, *LstmKwargs.model_fields} <= words


def test_the_reference_states_the_save_frequencies() -> None:
    first, *others = (f"{frequency:,} under {below:,}" for below, frequency in SAVE_FREQUENCIES)
    stated = ", ".join(
        [first.replace("under", "for goals under"), *others, f"{SAVE_FREQUENCY_OF_LONG_RUNS:,} from there"]
    )
    assert stated in REFERENCE


@pytest.mark.parametrize(
    ("stated", "read"),
    [("minigrid", "minigrid"), ("ale-py == 0.11.*", "ale-py==0.11.*"), ("a[b,c] >=1, <2", "a[b,c]>=1,<2")],
)
def test_a_package_is_a_name_and_its_versions(stated: str, read: str) -> None:
    job = parse_job(values(packages=[stated, stated]))
    assert job.packages == (read,)
    assert job.training_inputs()["packages"] == [read]


@pytest.mark.parametrize(
    "stated", ["--index-url=x", "-e .", "lab @ https://a.example/lab.whl", "./lab", "a;b", "", "a=1"]
)
def test_a_package_is_no_option_path_or_address(stated: str) -> None:
    with pytest.raises(InvalidJobError, match="must be the name of a package and its versions"):
        parse_job(values(packages=[stated]))


def test_a_job_without_packages_is_the_job_that_it_was_before_there_were_any() -> None:
    job = parse_job(values())
    assert "packages" not in job.model_dump(mode="json")
    assert "packages" not in job.training_inputs()
