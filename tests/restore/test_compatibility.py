"""What becomes of each change, and that the table of rules says something of every field there is."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, get_args

import pytest

from contract.differences import ABSENT, Difference
from contract.identity import FREE_OF_ENV, OPTIONAL_INPUTS, TRAINING_INPUTS
from contract.libraries import DISTRIBUTIONS
from job.algorithms.registry import ALGORITHMS
from job.model import parse_job
from restore.compatibility import compare, find_rule
from restore.compatibility_rules import RULES, Rule
from runner.backends.registry import sections
from runner.jobs.sections import job_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

JOB = {
    "name": "balance",
    "env": {"id": "CartPole-v1", "kwargs": {"x": 1}, "wrapper": "VecNormalize"},
    "algorithm": "PPO",
    "hyperparameters": {"learning_rate": 0.001, "policy_kwargs": {"net_arch": [8]}},
    "total_timesteps": 100,
}
LIBRARIES = {
    "numpy": "2.4.6",
    "python": "3.11.7",
    "sb3-contrib": "2.9.0",
    "stable-baselines3": "2.9.2",
    "torch": "2.13.0+cpu",
}
REPLAY = {"folder": "0001/artifacts/checkpoints/replay", "bytes": 9, "segments": []}


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
        "libraries": dict(LIBRARIES),
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
        ("env.wrapper_kwargs.norm_obs", False, "env.wrapper_kwargs.norm_obs changed from True to False"),
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
        ("sb3-contrib", "2.0.0", True),
        ("sb3-contrib", "3.0.0", False),
        ("sb3-contrib", ABSENT, True),
        ("numpy", "1.26.4", True),
        ("python", "4.0.0", True),
    ],
)
def test_libraries_fit_within_a_major_version(library: str, version: str, *, fits: bool) -> None:
    before = described()
    before["libraries"] |= {library: version}
    if version == ABSENT:
        del before["libraries"][library]
    verdict = compare(before, described())
    assert bool(verdict.incompatible) is not fits
    changes = verdict.recorded if fits else verdict.incompatible
    assert [(change.path, change.before) for change in changes] == [(f"libraries.{library}", version)]
    assert len(verdict.recorded) + len(verdict.incompatible) == 1


def changed(path: str, before: object, now: object, algorithm: str = "SAC") -> tuple[dict[str, Any], dict[str, Any]]:
    """Two descriptions of one job of `algorithm` that differ in a hyperparameter."""
    descriptions = []
    for value in (before, now):
        description = described()
        training = {**description["training"], "algorithm": algorithm}
        training["hyperparameters"] = {} if value == ABSENT else {path.removeprefix("hyperparameters."): value}
        descriptions.append({**description, "training": training})
    return descriptions[0], descriptions[1]


def test_a_replay_buffer_ties_a_checkpoint_to_its_number_of_environments() -> None:
    now = described({"env.n_envs": 4})
    assert [change.path for change in compare(described() | {"replay": None}, now).recorded] == ["env.n_envs"]
    verdict = compare(described() | {"replay": REPLAY}, now)
    assert [str(change) for change in verdict.incompatible] == ["env.n_envs changed from 1 to 4"]
    assert compare(described() | {"replay": REPLAY}, described()).incompatible == ()


@pytest.mark.parametrize(
    ("name", "before", "now"),
    [
        ("buffer_size", 1000, 2000),
        ("buffer_size", ABSENT, 2000),
        ("replay_buffer_class", ABSENT, "HerReplayBuffer"),
        ("replay_buffer_kwargs", {"n_sampled_goal": 4}, {"n_sampled_goal": 8}),
        ("optimize_memory_usage", False, True),
    ],
)
def test_what_the_replay_buffer_is_made_of_is_incompatible(name: str, before: object, now: object) -> None:
    verdict = compare(*changed(f"hyperparameters.{name}", before, now))
    assert [change.path.split(".")[1] for change in verdict.incompatible] == [name]


@pytest.mark.parametrize("name", ["noise_type", "learning_starts", "batch_size", "tau", "train_freq", "target_entropy"])
def test_what_is_only_learned_with_is_recorded_with_a_replay_buffer_too(name: str) -> None:
    before, now = changed(f"hyperparameters.{name}", 1, 2)
    verdict = compare(before | {"replay": REPLAY}, now)
    assert (verdict.incompatible, len(verdict.recorded)) == ((), 1)


@pytest.mark.parametrize(("replay", "fits"), [(None, True), (REPLAY, False)])
def test_steps_of_a_return_choose_a_replay_buffer_and_else_only_the_length_of_a_rollout(
    replay: object, *, fits: bool
) -> None:
    before, now = changed("hyperparameters.n_steps", 1, 3)
    assert (compare(before | {"replay": replay}, now).incompatible == ()) is fits


@pytest.mark.parametrize(
    ("algorithm", "before", "now", "fits"),
    [
        ("SAC", "auto", 0.1, False),
        ("SAC", 0.1, "auto_0.1", False),
        ("SAC", ABSENT, 0.1, False),
        ("TQC", 0.1, ABSENT, False),
        ("SAC", ABSENT, "auto_0.1", True),
        ("SAC", "auto", "auto_0.1", True),
        ("SAC", 0.1, 0.2, True),
        ("PPO", ABSENT, 0.1, True),
        ("PPO", 0.1, ABSENT, True),
    ],
)
def test_an_entropy_coefficient_that_is_learned_has_tensors(
    algorithm: str, before: object, now: object, *, fits: bool
) -> None:
    verdict = compare(*changed("hyperparameters.ent_coef", before, now, algorithm))
    assert (verdict.incompatible == ()) is fits
    assert len(verdict.incompatible) + len(verdict.recorded) == 1


def test_another_optimizer_does_not_read_the_state_of_the_first() -> None:
    verdict = compare(*changed("hyperparameters.use_rms_prop", True, False, "A2C"))
    assert [change.path for change in verdict.incompatible] == ["hyperparameters.use_rms_prop"]


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


@pytest.mark.parametrize("block", ["env", "env.wrapper_kwargs", "hyperparameters"])
@pytest.mark.parametrize("instead", ["missing", None, "text"])
def test_a_block_of_another_kind_is_incompatible(block: str, instead: str | None) -> None:
    checkpoint = described()
    *above, last = block.split(".")
    inner = checkpoint["training"]
    for name in above:
        inner = inner[name]
    if instead == "missing":
        del inner[last]
    else:
        inner[last] = instead
    assert [change.path for change in compare(checkpoint, described()).incompatible] == [block]


@pytest.mark.parametrize("path", ["env.gravity", "curriculum.level"])
def test_a_field_inside_a_block_that_no_rule_names_is_incompatible(path: str) -> None:
    checkpoint, now = described(), described()
    block, name = path.split(".")
    checkpoint["training"].setdefault(block, {})[name] = 1
    now["training"].setdefault(block, {})[name] = 2
    assert [change.path for change in compare(checkpoint, now).incompatible] == [path]


def test_a_description_that_no_rule_names_is_incompatible() -> None:
    assert [change.path for change in compare({"mood": "good"}, {"mood": "bad"}).incompatible] == ["mood"]


# The table.


def replay_fields(model: type[BaseModel], below: str = "") -> Iterator[str]:
    """Every field of a model, by dotted path, those of a nested model in its place."""
    for name, field in model.model_fields.items():
        nested = [each for each in (field.annotation, *get_args(field.annotation)) if hasattr(each, "model_fields")]
        if nested:
            yield from replay_fields(nested[0], f"{below}{name}.")
        else:
            yield f"{below}{name}"


FIELDS = [path for path in replay_fields(job_with(sections())) if path != "hyperparameters"]
HYPERPARAMETERS = sorted({name for entry in ALGORITHMS.values() for name in entry.hyperparameters.model_fields})
COMPARED = ("observation_space", "action_space", "parameters", *(f"libraries.{name}" for name in DISTRIBUTIONS))
EVERYTHING = [*FIELDS, *(f"hyperparameters.{name}" for name in HYPERPARAMETERS), *COMPARED, "libraries.python"]


def outcomes(path: str) -> set[str]:
    """What the rules say of a change of `path`, whatever their conditions."""
    return {rule.outcome for rule in RULES if rule.covers(path)}


@pytest.mark.parametrize("path", EVERYTHING)
def test_every_field_has_a_rule_that_always_applies(path: str) -> None:
    assert find_rule(Difference(path, "1", "1"), {}), f"add a rule for {path} to restore/compatibility_rules.py"


@pytest.mark.parametrize("path", FIELDS)
def test_what_is_free_is_not_compared_and_what_is_compared_is_never_free(path: str) -> None:
    block = path.partition(".")[0]
    apart = block in {"name", "sources"}  # validation holds the one against the session, the plan compares the other
    compared = block in (*TRAINING_INPUTS, *OPTIONAL_INPUTS) and path not in {f"env.{each}" for each in FREE_OF_ENV}
    assert ("free" in outcomes(path)) is (not compared and not apart)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.path)
def test_every_rule_says_why_and_names_a_field_that_there_is(rule: Rule) -> None:
    assert rule.why
    whole = rule.path.removesuffix(".*")
    assert any(f"{path}.".startswith(f"{whole}.") for path in EVERYTHING)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.path)
def test_no_rule_stands_behind_one_that_decides_before_it(rule: Rule) -> None:
    before = RULES[: RULES.index(rule)]
    shadowing = [each for each in before if each.when is None and each.covers(rule.path)]
    assert shadowing == []


@pytest.mark.parametrize(
    ("rule", "path", "covered"),
    [
        ("seed", "seed", True),
        ("seed", "seeds", False),
        ("env.kwargs", "env.kwargs.x.y", True),
        ("env.kwargs", "env", False),
        ("libraries.*", "libraries.numpy", True),
        ("libraries.*", "libraries", False),
    ],
)
def test_a_path_that_ends_in_a_star_is_about_what_is_inside_only(rule: str, path: str, *, covered: bool) -> None:
    assert Rule(rule, "recorded", "").covers(path) is covered


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("policy", "policy"),
        ("hyperparameters.policy_kwargs.net_arch", "hyperparameters.policy_kwargs"),
        ("hyperparameters.gamma", "hyperparameters.*"),
        ("env.wrapper", "env.wrapper"),
        ("env.wrapper_kwargs.gamma", "env.wrapper_kwargs"),
        ("env.kwargs.x.y", "env.kwargs"),
        ("env", None),
        ("hyperparameters", None),
        ("libraries", None),
        ("", None),
        ("algorithms", None),
    ],
)
def test_a_rule_covers_its_path_and_all_below(path: str, rule: str | None) -> None:
    found = find_rule(Difference(path, 1, 2), {})
    assert (found.path if found else None) == rule


@pytest.mark.parametrize(
    ("before", "after"), [(None, ["maze==1"]), (["maze==1"], ["maze==2"]), (["maze==1", "grid==1"], None)]
)
def test_a_run_goes_on_with_other_packages_and_says_so(before: list[str] | None, after: list[str] | None) -> None:
    def stated(packages: list[str] | None) -> dict[str, Any]:
        return {"training": {"seed": 1, **({"packages": packages} if packages else {})}}

    verdict = compare(stated(before), stated(after))
    assert verdict.incompatible == ()
    assert [change.path for change in verdict.recorded] == ["packages"]
