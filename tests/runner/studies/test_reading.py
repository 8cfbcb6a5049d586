"""The studies of jobs.yaml: what they may search, and one sentence for each mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contract.errors import InputError
from runner.jobs.cache import JobsReader
from runner.layout import RunsFolder
from runner.studies.records import write_trial
from runner.studies.values import Choices, Pruner, Range, Sampler, Trial

if TYPE_CHECKING:
    from pathlib import Path

    from runner.studies.values import Study

JOBS = """
jobs:
  cart:
    env: {id: CartPole-v1, n_envs: 2}
    algorithm: PPO
    hyperparameters: {n_steps: 32, batch_size: 32}
    total_timesteps: 256
    eval: {frequency: 64, episodes: 2}
    quick: {total_timesteps: 64}
  seeds:
    env: {id: CartPole-v1}
    algorithm: A2C
    total_timesteps: 100
    matrix: {seed: [0, 1]}
defaults:
  save_freq: 64
studies:
  lr:
    job: cart
    trials: 4
"""
A_SEARCH = "    search: {hyperparameters.gamma: {low: 0.9, high: 0.99}}\n"


def read(root: Path, text: str) -> Study:
    (root / "jobs.yaml").write_text(JOBS + text, encoding="utf-8")
    return JobsReader(RunsFolder(root)).study("lr")


def test_a_study_says_what_to_try_of_which_job(tmp_path: Path) -> None:
    study = read(
        tmp_path,
        """
    search:
      hyperparameters.learning_rate: {low: 1e-4, high: 1e-2, log: true}
      hyperparameters.n_epochs: {low: 1, high: 9, step: 2}
      hyperparameters.policy_kwargs.net_arch: {choices: [[8], {pi: [8], vf: [16]}]}
      env.n_envs: {choices: [1, 2]}
    with: {total_timesteps: 128}
    sampler: random
    pruner: {kind: halving, warmup: 64}
    at_once: 2
    metric: last
""",
    )
    assert study.search == {
        "hyperparameters.learning_rate": Range(low=1e-4, high=1e-2, log=True),
        "hyperparameters.n_epochs": Range(low=1, high=9, step=2, whole=True),
        "hyperparameters.policy_kwargs.net_arch": Choices(choices=[[8], {"pi": [8], "vf": [16]}]),
        "env.n_envs": Choices(choices=[1, 2]),
    }
    assert (study.job, study.trials, study.at_once, study.metric, study.goal) == ("cart", 4, 2, "last", 128)
    assert study.sampler == Sampler(kind="random")
    assert study.pruner == Pruner(kind="halving", warmup=64)
    assert study.defaults == {"save_freq": 64}
    assert "n_envs" not in study.training["env"]
    assert study.training["hyperparameters"] == {"n_steps": 32, "batch_size": 32}


def test_what_a_study_leaves_out_has_a_default(tmp_path: Path) -> None:
    study = read(tmp_path, A_SEARCH)
    assert (study.at_once, study.metric) == (1, "best")
    assert study.sampler == Sampler(kind="tpe", seed=0, startup=10)
    assert study.pruner == Pruner(kind="median", startup=5, warmup=0)


def test_values_that_may_not_go_together_are_no_mistake_by_themselves(tmp_path: Path) -> None:
    study = read(tmp_path, "    search: {hyperparameters.batch_size: {choices: [16, 128]}}\n")
    assert study.search == {"hyperparameters.batch_size": Choices(choices=[16, 128])}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "    search: {hyperparameters.learning_rat: {low: 1e-4, high: 1e-2}}\n",
            "studies.lr.search.'hyperparameters.learning_rat': 0.0001: unknown key; did you mean learning_rate?",
        ),
        (
            "    search: {hyperparameters.gamma: {low: 0.5, high: 1.5}}\n",
            "line 21, studies.lr.search.'hyperparameters.gamma': 1.5: must be at most 1, found 1.5",
        ),
        (
            "    search: {hyperparameters.gamma: {low: 0.9, high: 0.5}}\n",
            "studies.lr.search.'hyperparameters.gamma'.high: must be above low",
        ),
        (
            "    search: {hyperparameters.gamma: {low: 0.0, high: 0.5, log: true}}\n",
            "studies.lr.search.'hyperparameters.gamma'.low: must be above 0 where log is true",
        ),
        (
            "    search: {hyperparameters.n_epochs: {low: 1, high: 5, step: 9}}\n",
            "studies.lr.search.'hyperparameters.n_epochs'.step: is more than lies between low and high",
        ),
        (
            "    search: {hyperparameters.gamma: [0.5, 0.9]}\n",
            "must say which values to try, found [0.5, 0.9]; write `{low: ..., high: ...}` or `{choices: [...]}`",
        ),
        (
            "    search: {hyperparameters.gamma: {choices: [0.9, 0.9]}}\n",
            "studies.lr.search.'hyperparameters.gamma'.choices: 0.9 stands there twice; remove one",
        ),
        (
            "    search: {seed: {low: 0, high: 9}}\n",
            "studies.lr.search.seed: is not a key that can be searched; search",
        ),
        ("    search: {algorithm: {choices: [PPO, A3C]}}\n", 'studies.lr.search.algorithm: "A3C": unknown algorithm'),
        ("    search: {policy: {choices: [MlpPolicy, Mlp]}}\n", 'search.policy: "Mlp": PPO has no policy "Mlp"'),
        (f"{A_SEARCH}    trails: 3\n", "line 22, studies.lr.trails: unknown key; did you mean trials?"),
        (f"{A_SEARCH}    sampler: tpa\n", 'line 22, studies.lr.sampler.kind: unknown name "tpa"; write tpe or random'),
        (f"{A_SEARCH}    pruner: {{warmup: 300}}\n", "pruner.warmup: 300 timesteps are no fewer than a trial"),
        (f"{A_SEARCH}    pruner: {{warmpu: 3}}\n", "studies.lr.pruner.warmpu: unknown key; did you mean warmup?"),
        (f"{A_SEARCH}    with: {{evl: 3}}\n", "line 22, studies.lr.with.evl: unknown key; did you mean eval?"),
        (f"{A_SEARCH}    with: {{eval: {{frequency: 0}}}}\n", "its trials go by their evaluations, and the job"),
        (f"{A_SEARCH}    job: crt\n", "the key stands in line 19 and again in line 22"),
        ("    search: {}\n", "studies.lr.search: "),
        ("", "studies.lr.search: is missing; add it"),
        (f"{A_SEARCH}  cart: {{job: cart}}\n", "studies.cart: a job has this name too; rename one of the two"),
        (f"{A_SEARCH}  Big: {{job: cart}}\n", "studies.Big: not a study's name; begin with a letter"),
        (f"{A_SEARCH}  lr-0001: {{job: cart}}\n", "its trials are called lr-0000 and so on, and lr-0001 has"),
        (f"{A_SEARCH}  more: {{job: crt, trials: 1, search: {{policy: {{}}}}}}\n", 'no job "crt"; did you mean cart?'),
        (f"{A_SEARCH}  more: 3\n", "studies.more: must be a mapping"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError) as raised:
        read(tmp_path, text)
    assert sentence in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "jobs.yaml, line "))


def test_studies_that_are_no_mapping_are_a_sentence(tmp_path: Path) -> None:
    text = JOBS.replace("studies:\n  lr:\n    job: cart\n    trials: 4\n", "studies: [lr]\n")
    (tmp_path / "jobs.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r'line 17, studies: must be a mapping, found \["lr"\]'):
        JobsReader(RunsFolder(tmp_path)).studies  # noqa: B018 - reading it is what fails


def test_a_trial_is_a_job_by_name_unless_jobs_yaml_has_that_job(tmp_path: Path) -> None:
    read(tmp_path, A_SEARCH)
    runs = RunsFolder(tmp_path)
    form: dict[str, Any] = {"total_timesteps": 256}
    for study in ("lr", "seeds"):
        trial = Trial(study=study, number=0, parameters={}, job={"quick": form, "full": form})
        write_trial(runs.study(study), trial)
    reader = JobsReader(runs)
    assert reader.names == ["cart", "seeds-seed0", "seeds-seed1"]
    assert reader.trials == ["lr-0000", "seeds-0000"]
    assert reader.job("lr-0000")["full"] == form
    with pytest.raises(InputError, match=r"job lr-0001: is no longer in jobs.yaml"):
        reader.job("lr-0001")
    write_trial(runs.study("lr"), Trial(study="lr", number=1, parameters={}, job="batch_size: 128 is too much"))
    with pytest.raises(InputError, match="job lr-0001: batch_size: 128 is too much; it was a trial that could not run"):
        reader.job("lr-0001")
