"""Every row of the table of compatible changes (docs and restore.compatibility.RULES)."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from restore.compatibility import RULES, compare, rule_for
from trainer.identity import TRAINING_INPUTS
from trainer.job import parse_job

JOB = {
    "name": "balance",
    "env": {"id": "CartPole-v1", "kwargs": {"x": 1}, "wrapper": "VecNormalize"},
    "algorithm": "PPO",
    "hyperparameters": {"learning_rate": 0.001, "policy_kwargs": {"net_arch": [8]}},
    "total_timesteps": 100,
}


def described(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a checkpoint states of a job, with changes to the job by dotted key."""
    values: dict[str, Any] = copy.deepcopy(JOB)
    for path, value in (changes or {}).items():
        *blocks, last = path.split(".")
        inner = values
        for block in blocks:
            inner = inner.setdefault(block, {})
        inner[last] = value
    return {
        "training": parse_job(values).training_inputs(),
        "libraries": {"torch": "2.13.0+cpu", "stable-baselines3": "2.9.2", "numpy": "2.4.6", "python": "3.11.7"},
        "observation_space": {"kind": "Box", "text": "Box(-1.0, 1.0, (4,), float32)", "shape": [4]},
        "action_space": {"kind": "Discrete", "text": "Discrete(2)", "shape": []},
        "parameters": {"action_net.weight": (2, 8)},
    }


def test_nothing_changed_is_compatible_and_records_nothing() -> None:
    verdict = compare(described(), described())
    assert verdict.incompatible == verdict.recorded == ()


def test_json_of_a_record_compares_like_the_record() -> None:
    assert compare(json.loads(json.dumps(described())), described()).incompatible == ()


@pytest.mark.parametrize(
    "change",
    [
        {"total_timesteps": 10**6},
        {"save_freq": 7},
        {"eval.frequency": 10},
        {"eval.episodes": 1},
        {"session_limit": "1h"},
        {"backend": "kaggle"},
        {"max_sessions": 3},
        {"validation.max_artifact_files": 5},
    ],
)
def test_goal_saving_and_evaluation_are_no_change(change: dict[str, Any]) -> None:
    verdict = compare(described(), described(change))
    assert verdict.incompatible == verdict.recorded == ()


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("hyperparameters.learning_rate", 0.1, "hyperparameters.learning_rate changed from 0.001 to 0.1"),
        ("hyperparameters.gamma", 0.9, "hyperparameters.gamma changed from (unset) to 0.9"),
        ("hyperparameters.n_steps", 16, "hyperparameters.n_steps changed from (unset) to 16"),
        ("hyperparameters.ent_coef", 0.1, "hyperparameters.ent_coef changed from (unset) to 0.1"),
        ("env.kwargs.x", 2, "env.kwargs.x changed from 1 to 2"),
        ("env.n_envs", 4, "env.n_envs changed from 1 to 4"),
        ("env.wrapper_kwargs.clip_obs", 5.0, "env.wrapper_kwargs.clip_obs changed from 10.0 to 5.0"),
        ("seed", 9, "seed changed from 0 to 9"),
        ("threads", 2, "threads changed from 1 to 2"),
    ],
)
def test_what_leaves_the_tensors_alone_is_recorded(path: str, value: object, sentence: str) -> None:
    verdict = compare(described(), described({path: value}))
    assert verdict.incompatible == ()
    assert [str(change) for change in verdict.recorded] == [sentence]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("algorithm", "A2C", "algorithm changed from PPO to A2C"),
        ("policy", "CnnPolicy", "policy changed from MlpPolicy to CnnPolicy"),
        (
            "hyperparameters.policy_kwargs.net_arch",
            [9],
            "hyperparameters.policy_kwargs.net_arch changed from [8] to [9]",
        ),
        (
            "hyperparameters.policy_kwargs.activation_fn",
            "ReLU",
            "hyperparameters.policy_kwargs.activation_fn changed from (unset) to ReLU",
        ),
        ("hyperparameters.use_sde", True, "hyperparameters.use_sde changed from (unset) to True"),
        ("env.wrapper", None, "env.wrapper changed from VecNormalize to None"),
    ],
)
def test_what_the_tensors_depend_on_is_incompatible(path: str, value: object, sentence: str) -> None:

    before, now = described(), described({path: value})
    verdict = compare(before, now)
    assert [str(change) for change in verdict.incompatible] == [sentence]
    assert verdict.recorded == ()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "observation_space",
            {"kind": "Box", "text": "Box(-1.0, 1.0, (5,), float32)", "shape": [5]},
            "observation_space changed from Box(-1.0, 1.0, (5,), float32) to Box(-1.0, 1.0, (4,), float32)",
        ),
        (
            "action_space",
            {"kind": "Discrete", "text": "Discrete(3)", "shape": []},
            "action_space changed from Discrete(3) to Discrete(2)",
        ),
        (
            "parameters",
            {"action_net.weight": [3, 8]},
            "parameters.action_net.weight changed from [3, 8] to [2, 8]",
        ),
        ("parameters", {}, "parameters.action_net.weight changed from (unset) to [2, 8]"),
    ],
)
def test_other_spaces_and_shapes_are_incompatible(name: str, value: object, sentence: str) -> None:
    verdict = compare(described() | {name: value}, described())
    assert [str(change) for change in verdict.incompatible] == [sentence]


@pytest.mark.parametrize(
    ("library", "version", "fits"),
    [
        ("torch", "2.0.0", True),
        ("torch", "3.0.0", False),
        ("torch", "1.13.1", False),
        ("stable-baselines3", "2.0.0a1", True),
        ("stable-baselines3", "3.0.0", False),
        ("numpy", "1.26.4", True),
        ("python", "4.0.0", True),
    ],
)
def test_libraries_fit_within_a_major_version(library: str, version: str, *, fits: bool) -> None:
    before = described()
    before["libraries"][library] = version
    verdict = compare(before, described())
    assert bool(verdict.incompatible) is not fits
    assert verdict.recorded == ()


# What is not known to fit does not.


@pytest.mark.parametrize("field", ["training", "libraries", "observation_space", "action_space", "parameters"])
@pytest.mark.parametrize("broken", ["missing", "null", "text"])
def test_a_field_that_is_missing_or_unreadable_is_incompatible(field: str, broken: str) -> None:
    checkpoint = described()
    if broken == "missing":
        del checkpoint[field]
    else:
        checkpoint[field] = None if broken == "null" else "PPO"
    assert compare(checkpoint, described()).incompatible


@pytest.mark.parametrize("field", TRAINING_INPUTS)
def test_a_training_input_that_is_missing_is_incompatible(field: str) -> None:
    checkpoint = described()
    del checkpoint["training"][field]
    assert [change.path for change in compare(checkpoint, described()).incompatible] == [field]


def test_a_training_input_that_is_unknown_is_incompatible() -> None:
    checkpoint = described()
    checkpoint["training"]["curriculum"] = "hard"
    verdict = compare(checkpoint, described())
    assert [str(change) for change in verdict.incompatible] == ["curriculum changed from hard to (unset)"]


def test_a_library_that_is_missing_is_incompatible() -> None:
    checkpoint = described()
    del checkpoint["libraries"]["torch"]
    assert [change.path for change in compare(checkpoint, described()).incompatible] == ["libraries.torch"]


def test_an_empty_description_fits_nothing() -> None:
    assert {change.after == change.before for change in compare({}, described()).incompatible} == {False}
    assert len(compare({}, described()).incompatible) == len(described())


def test_only_what_the_job_states_is_compared() -> None:
    training = {"training": described()["training"]}
    assert compare(described() | {"action_space": None}, training).incompatible == ()


# Rules.


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("policy", "policy"),
        ("hyperparameters.policy_kwargs.net_arch", "hyperparameters.policy_kwargs"),
        ("env.wrapper", "env.wrapper"),
        ("env.wrapper_kwargs.gamma", None),
        ("env.id", None),
        ("algorithms", None),
    ],
)
def test_a_rule_covers_its_path_and_all_below(path: str, rule: str | None) -> None:
    found = rule_for(path)
    assert (found.path if found else None) == rule


def test_every_rule_says_why() -> None:
    assert all(rule.why and rule_for(rule.path) == rule for rule in RULES)
