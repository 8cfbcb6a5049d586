"""One entry of jobs.yaml that stands for many jobs: which they are, their names, and what is said of mistakes."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from contract.errors import InputError
from runner.backends.registry import sections
from runner.jobs.file import JobProfiles, load_jobs
from runner.jobs.matrix import MOST_JOBS

if TYPE_CHECKING:
    from pathlib import Path

    from job.model import Job

BACKENDS = sections()
ENTRY = """\
jobs:
  lights:
    env: {id: CartPole-v1}
    algorithm: PPO
    total_timesteps: 5000
    hyperparameters: {gamma: 0.9}
    matrix:
"""
"""Seven lines, the last of which begins the matrix."""


def jobs(folder: Path, matrix: str, before: str = ENTRY) -> dict[str, Job]:
    path = folder / "jobs.yaml"
    lines = (f"      {line}\n" if line else "\n" for line in dedent(matrix).strip("\n").splitlines())
    path.write_text(before + "".join(lines), encoding="utf-8")
    loaded = load_jobs(path, BACKENDS)
    assert all(isinstance(each, JobProfiles) for each in loaded.values())
    return {name: each.full for name, each in loaded.items() if isinstance(each, JobProfiles)}


def complaint(folder: Path, matrix: str, before: str = ENTRY) -> str:
    with pytest.raises(InputError) as caught:
        jobs(folder, matrix, before)
    return str(caught.value).replace(f"{folder}/", "")


def test_each_value_is_combined_with_each_of_the_other_keys(tmp_path: Path) -> None:
    found = jobs(tmp_path, "seed: [0, 1, 2]\nalgorithm: [PPO, A2C]")
    assert list(found) == [
        *("lights-ppo-seed0", "lights-a2c-seed0", "lights-ppo-seed1"),
        *("lights-a2c-seed1", "lights-ppo-seed2", "lights-a2c-seed2"),
    ]
    job = found["lights-a2c-seed1"]
    assert (job.name, job.seed, job.algorithm, job.total_timesteps) == ("lights-a2c-seed1", 1, "A2C", 5000)
    assert job.hyperparameters["gamma"] == 0.9


def test_a_name_follows_from_the_values_and_not_from_where_they_stand(tmp_path: Path) -> None:
    first = jobs(tmp_path, "seed: [0, 1]\nhyperparameters.gamma: [0.9, 0.99]")
    second = jobs(tmp_path, "hyperparameters.gamma: [0.99, 0.9, 0.999]\nseed: [1, 0]")
    assert all(second[name].model_dump() == job.model_dump() for name, job in first.items())


@pytest.mark.parametrize(
    ("axis", "names"),
    [
        ("hyperparameters.ent_coef: [3e-4, 0.001, 1e-5]", ["ent_coef3e-4", "ent_coef1e-3", "ent_coef1e-5"]),
        ("hyperparameters.learning_rate: [linear_3e-4]", ["linear_3e-4"]),
        ("hyperparameters.gamma: [0.9, 1.0]", ["gamma0_9", "gamma1"]),
        ("hyperparameters.policy_kwargs.net_arch: [[64, 64], [8]]", ["net_arch64_64", "net_arch8"]),
        ("env.id: [CartPole-v1, 'gymnasium:Acrobot-v1']", ["cartpole-v1", "gymnasium_acrobot-v1"]),
        ("hyperparameters.normalize_advantage: [true, false]", ["normalize_advantagetrue", "normalize_advantagefalse"]),
        ("total_timesteps: [1_000, 1e6]", ["total_timesteps1000", "total_timesteps1000000"]),
    ],
)  # fmt: skip
def test_values_are_written_short_in_names(tmp_path: Path, axis: str, names: list[str]) -> None:
    assert list(jobs(tmp_path, axis)) == [f"lights-{name}" for name in names]


def test_cases_are_settings_that_belong_together(tmp_path: Path) -> None:
    cases = """
        seed: [0, 1]
        cases:
          - {algorithm: PPO, hyperparameters: {n_steps: 64, gamma: 0.99}}
          - {algorithm: DQN}
    """
    found = jobs(tmp_path, cases)
    assert list(found) == [
        *("lights-ppo-gamma0_99-n_steps64-seed0", "lights-dqn-seed0"),
        *("lights-ppo-gamma0_99-n_steps64-seed1", "lights-dqn-seed1"),
    ]
    assert found["lights-dqn-seed1"].hyperparameters["gamma"] == 0.9
    assert found["lights-ppo-gamma0_99-n_steps64-seed0"].hyperparameters["n_steps"] == 64


def test_its_jobs_are_one_group_unless_they_say_otherwise(tmp_path: Path) -> None:
    assert {job.model_dump()["group"] for job in jobs(tmp_path, "seed: [0, 1]").values()} == {"lights"}
    named = ENTRY.replace("    matrix:", "    group: crossing\n    matrix:")
    assert {job.model_dump()["group"] for job in jobs(tmp_path, "seed: [0, 1]", named).values()} == {"crossing"}


def test_what_is_not_wanted_is_left_out(tmp_path: Path) -> None:
    matrix = """
        seed: [0, 1]
        algorithm: [PPO, A2C]
        exclude:
          - {algorithm: A2C, seed: 1}
    """
    assert list(jobs(tmp_path, matrix)) == ["lights-ppo-seed0", "lights-a2c-seed0", "lights-ppo-seed1"]


def test_defaults_stand_below_and_quick_above_as_for_every_job(tmp_path: Path) -> None:
    before = "defaults: {seed: 9, save_freq: 500}\n" + ENTRY.replace("matrix:", "quick: {seed: 7}\n    matrix:")
    path = tmp_path / "jobs.yaml"
    path.write_text(before + "      seed: [0, 1]\n", encoding="utf-8")
    loaded = load_jobs(path, BACKENDS)["lights-seed1"]
    assert isinstance(loaded, JobProfiles)
    assert (loaded.full.seed, loaded.quick.seed, loaded.full.save_freq) == (1, 7, 500)


@pytest.mark.parametrize(
    ("matrix", "sentence"),
    [
        ("seed: [0, -1]", "line 8, jobs.lights.seed: must be at least 0, found -1"),
        ("hyperparameters.gama: [0.9]", "line 8, jobs.lights.hyperparameters.gama: unknown key; did you mean gamma?"),
        ("seed: 3", "line 8, jobs.lights.matrix.seed: must be a list of the values to try, found 3; write"),
        ("seed: []", "line 8, jobs.lights.matrix.seed: must be a list of the values to try, found []"),
        ("env: [{id: A}]", "lights.matrix.env.0: is a mapping; write its keys one by one, such as `env.name: [...]`"),
        ("cases: 3", "line 8, jobs.lights.matrix.cases: must be a list of mappings, found 3"),
        ("cases: [3]", "jobs.lights.matrix.cases.0: must be a mapping, found 3; write `{algorithm: PPO, seed: 1}`"),
        ("exclude: [{seed: 1}]", "line 7, jobs.lights.matrix: does not say how its jobs differ"),
        ("seed: [0, 1]\nexclude: [{sed: 1}]", "jobs.lights.matrix.exclude.0.sed: unknown key; did you mean seed?"),
        ("seed: [0, 1]\nexclude: [{seed: 2}]", "jobs.lights.matrix.exclude.0: excludes nothing: no job"),
        ("seed: [0]\nexclude: [{seed: 0}]", "jobs.lights.matrix.exclude: excludes every job of the matrix"),
        ("seed: [0, 0]", "jobs.lights.matrix.seed.1: has 0 twice; leave one of them out"),
        ("policy: [a b, a.b]", "matrix.policy.1: gives two jobs the name lights-a_b; let their values differ"),
        (
            "algorithm: [PPO, A2C]\nhyperparameters.n_epochs: [4]",
            "jobs.lights.hyperparameters.n_epochs: unknown key in its job lights-a2c-n_epochs4; did you mean n_steps?",
        ),
        (
            "algorithm: [PPO, A2C]\nhyperparameters.gama: [0.9]",
            "jobs.lights.hyperparameters.gama: unknown key; did you mean gamma?",
        ),
        ("seed: [0, 1]\nname: [a, b]", "jobs.lights.name: a job's name is the key above its entry"),
        (f"seed: [{', '.join(map(str, range(MOST_JOBS + 1)))}]", "matrix: stands for 10,001 jobs, which is more than"),
        (
            f"hyperparameters.policy_kwargs.net_arch: [{[64] * 20}]",
            "which is longer than 63 characters; give the entry a shorter name, or try fewer keys",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_with_its_line(tmp_path: Path, matrix: str, sentence: str) -> None:
    assert sentence in complaint(tmp_path, matrix)


def test_an_empty_matrix_and_one_that_is_none_say_what_to_write(tmp_path: Path) -> None:
    remedy = "write keys of the job with the values to try, such as `seed: [0, 1, 2]`"
    assert remedy in complaint(tmp_path, "", ENTRY.replace("matrix:", "matrix: {}"))
    assert remedy in complaint(tmp_path, "", ENTRY.replace("matrix:", "matrix: 3"))


def test_a_name_that_is_there_already_is_refused(tmp_path: Path) -> None:
    other = ENTRY.replace("jobs:\n", "jobs:\n  lights-seed0: {env: {id: A-v0}, algorithm: PPO, total_timesteps: 5}\n")
    assert "its matrix has a job lights-seed0, and so has another entry" in complaint(tmp_path, "seed: [0]", other)


def test_defaults_have_no_matrix(tmp_path: Path) -> None:
    before = "defaults: {matrix: {seed: [1]}}\n" + ENTRY
    assert "defaults.matrix: a matrix belongs to an entry below `jobs:`" in complaint(tmp_path, "seed: [0]", before)
