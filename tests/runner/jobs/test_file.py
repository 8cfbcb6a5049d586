"""jobs.yaml as users write it: what it means, and what they are told when it cannot be used."""

from __future__ import annotations

import contextlib
import json
import re
import time
import tomllib
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.errors import InputError
from job.algorithms.registry import ALGORITHMS
from job.model import parse_job
from runner.backends.registry import sections
from runner.jobs.file import MAX_FILE_BYTES, JobProfiles, load_jobs
from runner.jobs.layers import QUICK_TIMESTEPS, merged
from runner.jobs.other_tools import OURS
from runner.jobs.sections import job_with
from runner.jobs.source_folders import OWN_PACKAGES

BACKENDS = sections()
JOB = """\
jobs:
  traffic:
    env: {id: CartPole-v1}
    algorithm: PPO
    total_timesteps: 5000
"""
"""Five lines of a job that is right: what a test adds begins in line 6."""

REPOSITORY = Path(__file__).resolve().parents[3]


def load(folder: Path, text: str | bytes) -> dict[str, JobProfiles]:
    path = folder / "jobs.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    jobs = load_jobs(path, BACKENDS)
    for job in jobs.values():
        if isinstance(job, InputError):
            raise job
    return {name: job for name, job in jobs.items() if isinstance(job, JobProfiles)}


def complaint(folder: Path, text: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        load(folder, text)
    assert caught.value.exit_code == 2
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 500
    assert "pydantic" not in sentence.lower()
    assert "Input should" not in sentence
    return sentence.replace(f"{folder}/", "")


def added(text: str) -> str:
    return JOB + "".join(f"    {line}\n" for line in dedent(text).strip("\n").splitlines())


@pytest.mark.parametrize(
    ("addition", "line", "key", "problem"),
    [
        # Names that nobody knows.
        ("n_timesteps: 1000", 6, "n_timesteps", "unknown key; write total_timesteps"),
        (
            "callback: my.Callback",
            6,
            "callback",
            "unknown key; write callbacks, a list such as `[my_package.module:Class]`",
        ),
        (
            "callbacks: [Stop]",
            6,
            "callbacks.0",
            'unknown name "Stop"; write StopTrainingOnRewardThreshold, StopTrainingOnNoModelImprovement or',
        ),
        ("callbacks: [3]", 6, "callbacks.0", "must be the name of a class, or a name and its arguments, as in"),
        (
            "callbacks: [StopTrainingOnMaxEpisode]",
            6,
            "callbacks.0",
            'unknown name "StopTrainingOnMaxEpisode"; did you mean',
        ),
        (
            "env_wrapper: my.Wrapper",
            6,
            "env_wrapper",
            f"unknown key; {OURS['env_wrapper']}",
        ),
        ("policy_kwargs: {}", 6, "policy_kwargs", "unknown key; it belongs under hyperparameters"),
        ("sede: 1", 6, "sede", "unknown key; did you mean seed?"),
        ("quik: {}", 6, "quik", "unknown key; did you mean quick?"),
        (
            "seed: [0, 1, 1]",
            6,
            "seed",
            "must be a whole number, found [0, 1, 1]; for a job of each write `matrix: {seed: [0, 1]}`",
        ),
        (
            "kaggle: {datasets: [bob/heights]}\ndata: {bob/heights: a, bob/lengths: b}",
            7,
            "data.'bob/lengths'",
            "is not mounted by the job on Kaggle; list it under kaggle: datasets, competitions, models (there are",
        ),
        (
            "hyperparameters:\n  gamma: 0.9\n  n_stepz: 64",
            8,
            "hyperparameters.n_stepz",
            "unknown key; did you mean n_steps?",
        ),
        (
            "eval:\n  zzz: 1",
            7,
            "eval.zzz",
            "unknown key; the keys here are frequency and episodes",
        ),
        (
            "hyperparameters: {policy_kwargs: {ortho: true}}",
            6,
            "hyperparameters.policy_kwargs.ortho",
            "unknown key; did you mean ortho_init?",
        ),
        ("'two words\\n': 1", 6, "'two words\\\\n'", "unknown key; the keys here are env, "),
        ("docker: {imag: mine}", 6, "docker.imag", "unknown key; did you mean image?"),
        ("docker: {accelerator: none}", 6, "docker.accelerator", "unknown key; it belongs under kaggle"),
        ("kagle: {accelerator: none}", 6, "kagle", "unknown key; did you mean kaggle?"),
        ("kaggle: none", 6, "kaggle", 'must be a mapping, lines of `key: value`, found "none"'),
        ("docker: {memory: 1m}", 6, "docker.memory", 'must be at least 6291456, found "1m"'),
        ("backend: dokcer", 6, "backend", 'unknown backend "dokcer"; did you mean docker?'),
        ("backend: mars", 6, "backend", 'unknown backend "mars"; write local, docker, kaggle, slurm or ray'),
        ("device: gpu", 6, "device", 'unknown name "gpu"; did you mean cpu?'),
        ("backend: backend", 6, "backend", 'unknown backend "backend"; write local, docker, kaggle, slurm or ray'),
        ("policy: mlppolicy", 6, "policy", 'PPO has no policy "mlppolicy"; did you mean MlpPolicy?'),
        # Keys that belong elsewhere.
        ("n_steps: 64", 6, "n_steps", "unknown key; it belongs under hyperparameters"),
        (
            "hyperparameters: {n_envs: 8}",
            6,
            "hyperparameters.n_envs",
            "unknown key; it belongs under env",
        ),
        (
            "hyperparameters: {seed: 8}",
            6,
            "hyperparameters.seed",
            "unknown key; it belongs to the job itself",
        ),
        (
            "hyperparameters: {policy_kwargs: {use_sde: true}}",
            6,
            "hyperparameters.policy_kwargs.use_sde",
            "unknown key; it belongs under hyperparameters",
        ),
        ("name: traffic", 6, "name", "a job's name is the key above its entry; remove this line"),
        (
            "quick: {name: q}",
            6,
            "quick.name",
            "a job's name is the key above its entry; remove this line",
        ),
        ("quick: {quick: {}}", 6, "quick.quick", "a quick block holds no other; remove it"),
        # Wrong types.
        (
            "hyperparameters:\n  n_steps: '64'",
            7,
            "hyperparameters.n_steps",
            'must be a whole number, found "64"; write it without quotes',
        ),
        (
            "hyperparameters: {n_steps: true}",
            6,
            "hyperparameters.n_steps",
            "must be a whole number, found true",
        ),
        (
            "hyperparameters: {n_steps: 6.5}",
            6,
            "hyperparameters.n_steps",
            "must be a whole number, found 6.5",
        ),
        (
            "hyperparameters: {gamma: high}",
            6,
            "hyperparameters.gamma",
            'must be a number, found "high"',
        ),
        (
            "hyperparameters: {learning_rate: fast}",
            6,
            "hyperparameters.learning_rate",
            'must be a number, or a schedule such as linear_0.0003, found "fast"',
        ),
        (
            "hyperparameters: {learning_rate: [1]}",
            6,
            "hyperparameters.learning_rate",
            "must be a number that is not negative, or a schedule such as linear_0.0003, found [1]",
        ),
        (
            "hyperparameters: {use_sde: 1}",
            6,
            "hyperparameters.use_sde",
            "must be true or false, found 1",
        ),
        (
            "hyperparameters: 3",
            6,
            "hyperparameters",
            "must be a mapping, lines of `key: value`, found 3",
        ),
        ("eval: often", 6, "eval", 'must be a mapping, lines of `key: value`, found "often"'),
        ("quick: 100", 6, "quick", "must be a mapping, lines of `key: value`, found 100"),
        ("sources: envs", 6, "sources", 'must be a list, found "envs"'),
        ("policy: [MlpPolicy]", 6, "policy", 'must be text, found ["MlpPolicy"]'),
        ("seed: x" + "y" * 500, 6, "seed", 'must be a whole number, found "x' + "y" * 37 + "…"),
        # Values that cannot be.
        ("seed: -1", 6, "seed", "must be at least 0, found -1"),
        ("seed: 4294967296", 6, "seed", "must be below 4294967296, found 4294967296"),
        ("threads: 0", 6, "threads", "must be above 0, found 0"),
        ("max_sessions: 1e300", 6, "max_sessions", "must be at most 1000000000000000, found 1e+300"),
        ("hyperparameters: {gamma: 1.5}", 6, "hyperparameters.gamma", "must be at most 1, found 1.5"),
        ("eval: {episodes: 0}", 6, "eval.episodes", "must be above 0, found 0"),
        (
            "hyperparameters: {ent_coef: .nan}",
            6,
            "hyperparameters.ent_coef",
            "'.nan' cannot be stored",
        ),
        *(
            (
                f"save_freq: {found}",
                6,
                "save_freq",
                f"must be auto, or a whole number of timesteps above 0, {shown}",
            )
            for found, shown in [
                ("0", "found 0"),
                ("-5", "found -5"),
                ("often", 'found "often"'),
                ("yes", "found true"),
            ]
        ),
        *(
            (
                f"session_limit: {found}",
                6,
                "session_limit",
                "must be a duration such as 8h45m, 90s or a number of",
            )
            for found in ("1 day", "0", "-1", "8:45:00", "yes", "99999999999h", "1e15")
        ),
        # Values that are fine alone but not together.
        (
            "hyperparameters:\n  n_steps: 64\n  batch_size: 128",
            8,
            "hyperparameters.batch_size",
            "128 is more than a rollout holds: n_steps x n_envs is 64, so write at most that",
        ),
        (
            "hyperparameters: {n_steps: 1}",
            6,
            "hyperparameters.n_steps",
            "n_steps x n_envs is 1, and one sample has no spread to normalize the advantage by: raise n_steps, or set",
        ),
        (
            "hyperparameters: {batch_size: 1}",
            6,
            "hyperparameters.batch_size",
            "1 leaves no spread to normalize the advantage by: write at least 2, or set normalize_advantage to false",
        ),
        (
            "hyperparameters:\n  policy_kwargs: {squash_output: true}",
            7,
            "hyperparameters.policy_kwargs.squash_output",
            "works with gSDE only: set hyperparameters.use_sde to true",
        ),
        (
            "hyperparameters: {clip_range_vf: 0}",
            6,
            "hyperparameters.clip_range_vf",
            "must be above 0, or null to leave the value function unclipped, found 0",
        ),
        # The policy network.
        (
            "hyperparameters: {policy_kwargs: {activation_fn: relu}}",
            6,
            "hyperparameters.policy_kwargs.activation_fn",
            'unknown name "relu"; did you mean ReLU?',
        ),
        (
            "hyperparameters: {policy_kwargs: {net_arch: 64}}",
            6,
            "hyperparameters.policy_kwargs.net_arch",
            "must be a list of layer widths such as [64, 64], or one for each of pi and vf, found 64",
        ),
        (
            "hyperparameters: {policy_kwargs: {net_arch: {pi: [64], actor: [64]}}}",
            6,
            "hyperparameters.policy_kwargs.net_arch",
            "may have the keys pi and vf only, found {",
        ),
        (
            "hyperparameters: {policy_kwargs: {optimizer_kwargs: {lr: 1}}}",
            6,
            "hyperparameters.policy_kwargs.optimizer_kwargs",
            "lr is what learning_rate sets: remove it here",
        ),
        (
            "hyperparameters: {policy_kwargs: 'dict(net_arch=[64])'}",
            6,
            "hyperparameters.policy_kwargs",
            'must be a mapping, lines of `key: value`, found "dict(',
        ),
    ],
)
def test_what_is_wrong_with_an_entry_is_told_with_line_key_and_remedy(
    tmp_path: Path,
    addition: str,
    line: int,
    key: str,
    problem: str,
) -> None:
    sentence = complaint(tmp_path, added(addition))
    assert sentence.startswith(f"jobs.yaml, line {line}, jobs.traffic.{key}: {problem}")


@pytest.mark.parametrize(
    ("addition", "key", "problem"),
    [
        ("hyperparameters: {n_step: 3}", "hyperparameters.n_step", "unknown key; did you mean n_steps?"),
        (
            "hyperparameters: {clip_range: 0.2}",
            "hyperparameters.clip_range",
            "unknown key; the keys here are learning_rate",
        ),
        (
            "hyperparameters: {handle_timeout_termination: false}",
            "hyperparameters.handle_timeout_termination",
            "unknown key; it belongs under hyperparameters.replay_buffer_kwargs",
        ),
        (
            "hyperparameters: {replay_buffer_kwargs: {n_sampled_goals: 4}}",
            "hyperparameters.replay_buffer_kwargs.n_sampled_goals",
            "unknown key; did you mean n_sampled_goal?",
        ),
        (
            "hyperparameters: {replay_buffer_class: HERReplayBuffer}",
            "hyperparameters.replay_buffer_class",
            'unknown name "HERReplayBuffer"; did you mean HerReplayBuffer?',
        ),
        (
            "hyperparameters: {replay_buffer_class: HerReplayBuffer}",
            "hyperparameters.replay_buffer_class",
            "needs the goals of dictionary observations, and the policy is MlpPolicy: set policy to MultiInputPolicy",
        ),
        (
            "hyperparameters: {train_freq: [1, episodes]}",
            "hyperparameters.train_freq",
            'must be a whole number of steps above 0, or a list such as [1, episode], found [1, "episodes"]',
        ),
        (
            "hyperparameters: {ent_coef: auto-0.1}",
            "hyperparameters.ent_coef",
            "must be auto, auto_ with a number above 0 to begin with, or a number that is not negative, found",
        ),
        (
            "hyperparameters: {noise_std: 0.1}",
            "hyperparameters.noise_std",
            "has no noise to scale: set noise_type to normal or ornstein-uhlenbeck",
        ),
        (
            "hyperparameters: {policy_kwargs: {net_arch: {pi: [64]}}}",
            "hyperparameters.policy_kwargs.net_arch",
            "must have both keys, pi and qf, found",
        ),
    ],
)
def test_what_is_wrong_with_a_replay_buffer_is_told_as_well(
    tmp_path: Path, addition: str, key: str, problem: str
) -> None:
    sentence = complaint(tmp_path, added(addition).replace("PPO", "SAC"))
    assert sentence.startswith(f"jobs.yaml, line 6, jobs.traffic.{key}: {problem}")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("PPO", "PPPO", 'line 4, jobs.traffic.algorithm: unknown algorithm "PPPO"; did you mean PPO?'),
        ("PPO", "Muzero", 'line 4, jobs.traffic.algorithm: unknown algorithm "Muzero"; write PPO, A2C, DQN, SAC, '),
        ("PPO", "ddpg", 'line 4, jobs.traffic.algorithm: unknown algorithm "ddpg"; did you mean DDPG?'),
        (
            "PPO",
            "RecurrentPPO",
            'line 2, jobs.traffic.policy: RecurrentPPO has no policy "MlpPolicy"; did you mean MlpLstmPolicy?',
        ),
        ("PPO", "3", "line 4, jobs.traffic.algorithm: must be text, found 3"),
        ("5000", "0", "line 5, jobs.traffic.total_timesteps: must be above 0, found 0"),
        ("5000", "-5", "line 5, jobs.traffic.total_timesteps: must be above 0, found -5"),
        (
            "5000",
            ".nan",
            "line 5, jobs.traffic.total_timesteps: '.nan' cannot be stored as JSON; write another one",
        ),
        ("5000", "1e999", "line 5, jobs.traffic.total_timesteps: 1e999 cannot be stored as JSON"),
        (
            "5000",
            "9" * 5000,
            "line 5, jobs.traffic.total_timesteps: 999999999999999999999999999999999999999… cannot be stored",
        ),
        ("5000", "010", 'line 5, jobs.traffic.total_timesteps: must be a whole number, found "010"'),
        ("    total_timesteps: 5000\n", "", "line 2, jobs.traffic.total_timesteps: is missing; add it"),
        (
            "{id: CartPole-v1}",
            "CartPole-v1",
            "line 3, jobs.traffic.env: must be a mapping, lines of `key: value`, found",
        ),
        ("{id: CartPole-v1}", "{n_envs: 2}", "line 3, jobs.traffic.env.id: is missing; add it"),
        (
            "{id: CartPole-v1}",
            "{idd: CartPole-v1}",
            "line 3, jobs.traffic.env.idd: unknown key; did you mean id? (and 1 more)",
        ),
        (
            "CartPole-v1",
            "Cart Pole",
            "line 3, jobs.traffic.env.id: must be the id of an environment, such as CartPole-v1 or ",
        ),
        ("CartPole-v1", "a..b:X-v0", "line 3, jobs.traffic.env.id: must be the id of an environment"),
        ("CartPole-v1", "X, n_envs: 0", "line 3, jobs.traffic.env.n_envs: must be above 0, found 0"),
        ("CartPole-v1", "X, kwargs: [1]", "line 3, jobs.traffic.env.kwargs: must be a mapping, lines of"),
        ("CartPole-v1", "X, wrapper: Vec", 'line 3, jobs.traffic.env.wrapper: unknown name "Vec"'),
        (
            "CartPole-v1",
            "X, wrapper_kwargs: {clip_obs: 5}",
            "line 3, jobs.traffic.env.wrapper_kwargs: is set, but there is no wrapper; add `wrapper: VecNormalize`",
        ),
        (
            "CartPole-v1",
            "X, norm_obs: no",
            "line 3, jobs.traffic.env.norm_obs: unknown key; it belongs under env.wrapper_kwargs",
        ),
        (
            "traffic:",
            "Traffic Light:",
            "line 2, jobs.'Traffic Light': not a job's name; begin with a letter and use a-z",
        ),
        ("traffic:", "2024:", "line 2, jobs: the key 2024 is not text; put it in quotes"),
        ("traffic:", "~:", "line 2, jobs: the key '~' is not text; put it in quotes"),
        ("traffic:", "? [a, b]\n  :", "line 2, jobs: a list or mapping cannot be a key; write text before the colon"),
        ("jobs:", "job:", "line 1, job: unknown key; did you mean jobs? (and 1 more)"),
        ("jobs:", "defaults: 3\njobs:", "line 1, defaults: must be a mapping, lines of `key: value`, found 3"),
    ],
)
def test_what_every_entry_needs(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert complaint(tmp_path, JOB.replace(old, new)).startswith(f"jobs.yaml, {sentence}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "jobs.yaml, line 1: is empty; write `jobs:` and below it one entry per job, as docs/jobs.md shows"),
        ("# nothing yet\n", "jobs.yaml, line 1: is empty; write"),
        ("- a\n- b\n", 'jobs.yaml, line 1: must be a mapping, found ["a", "b"]; write'),
        ("jobs:\n", "jobs.yaml, line 1, jobs: holds no job; write"),
        ("jobs: [a]\n", 'jobs.yaml, line 1, jobs: must be a mapping, found ["a"]; write'),
        (
            "jobs:\n  a: 3\n",
            "jobs.yaml, line 2, jobs.a: must be a mapping, lines of `key: value`, found 3 (and 3 more)",
        ),
        ("jobs:\n  a:\n", "jobs.yaml, line 2, jobs.a.env: is missing; add it (and 2 more)"),
        (
            JOB + "    seed: 1\n    env: {}\n",
            "line 7, jobs.traffic.env: the key stands in line 3 and again in line 7; keep one of them",
        ),
        (
            JOB + "  traffic: {}\n",
            "line 6, jobs.traffic: the key stands in line 2 and again in line 6; keep one of them",
        ),
        (JOB + "\tseed: 1\n", "jobs.yaml, line 6, column 1: a tab where YAML wants spaces; indent with spaces"),
        (JOB + "    seed: 1: 2\n", "line 6, column 12: not valid YAML: mapping values are not allowed"),
        (JOB + "    seed: [1, 2\n", "not valid YAML: "),
        (JOB + "    seed: 'x\n", "not valid YAML: "),
        (JOB + "    seed: @x\n", "line 6, column 11: not valid YAML: found character"),
        (JOB + "---\njobs: {}\n", "line 6, column 1: not valid YAML: but found another document"),
        (JOB + "    seed: *one\n", "line 6, column 11: not valid YAML: found undefined alias"),
        (
            JOB + "    seed: !!python/object/apply:os.system [ls]\n",
            "line 6, jobs.traffic.seed: the tag !!python/object",
        ),
        (JOB + "    seed: !secret 1\n", "line 6, jobs.traffic.seed: the tag !secret is refused; remove it"),
        (JOB + "    seed: !!int one\n", "line 6, jobs.traffic.seed: one is not a whole number"),
        (
            JOB + "    seed: 0x" + "f" * 4000 + "\n",
            "line 6, jobs.traffic.seed: 0x" + "f" * 37 + "… cannot be stored as JSON",
        ),
        (JOB + "    seed: !!set {a}\n", "line 6, jobs.traffic.seed: the tag !!set is refused; remove it"),
        (
            JOB + "    <<: 3\n",
            "line 6, jobs.traffic.'<<': merges something that is not a mapping; name a mapping, as in `<<: *name`",
        ),
        (JOB + "    seed: \0\n", "line 6: the control character U+0000 cannot stand in YAML; remove it"),
        (JOB.encode() + b"    policy: caf\xe9\n", "jobs.yaml, line 6: not UTF-8 (byte 0xe9); save the file as UTF-8"),
        (JOB.encode("utf-16"), "jobs.yaml, line 1: not UTF-8 (byte 0xff); save the file as UTF-8"),
        ("#" * (MAX_FILE_BYTES + 1), "jobs.yaml: is larger than 1,048,576 bytes"),
        ("[" * 100_000, "jobs.yaml, line 1: nested more than 32 deep"),
        ("- " * 100_000, "jobs.yaml, line 1: nested more than 32 deep"),
        ("a: &a [*a]\n", "jobs.yaml, line 1, a.0.0: an alias that holds itself"),
        ("a: &a {<<: *a}\n", "jobs.yaml, line 1, a: an alias that holds itself"),
    ],
)
def test_what_is_no_jobs_file_is_refused_in_one_sentence(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    assert sentence in complaint(tmp_path, text)


@pytest.mark.parametrize("bomb", ["[{}]", "{{<<: [{}]}}", "{{x: {{k: [{}]}}}}"])
def test_an_alias_bomb_ends_soon(tmp_path: Path, bomb: str) -> None:
    levels = ["x0: &x0 {a: lol, b: lol}"]
    levels += [f"x{n}: &x{n} " + bomb.format(", ".join([f"*x{n - 1}"] * 9)) for n in range(1, 15)]
    began = time.process_time()
    assert "; use fewer of them" in complaint(tmp_path, "\n".join(levels))
    assert time.process_time() - began < 5


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_jobs(tmp_path / "jobs.yaml", BACKENDS)
    assert str(caught.value).endswith("jobs.yaml: does not exist; write one as docs/jobs.md shows, or go to its folder")


def test_a_folder_is_no_jobs_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(.+\); make it a file"):
        load_jobs(tmp_path, BACKENDS)


def test_a_file_below_the_working_directory_goes_by_its_short_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs.yaml").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"^jobs\.yaml, line 1: is empty"):
        load_jobs(tmp_path / "jobs.yaml", BACKENDS)


def test_a_key_that_is_misspelt_is_told_before_that_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, JOB.replace("total_timesteps", "total_timestep"))
    problem = "jobs.traffic.total_timestep: unknown key; did you mean total_timesteps? (and 1 more)"
    assert str(caught.value).endswith(f"jobs.yaml, line 5, {problem}")


def test_of_several_problems_the_first_in_the_file_is_told_and_the_others_counted(tmp_path: Path) -> None:
    text = added("hyperparameters:\n  n_stepz: 1\nbackend: mars\nsede: 1")
    assert complaint(tmp_path, text) == (
        "jobs.yaml, line 7, jobs.traffic.hyperparameters.n_stepz: unknown key; did you mean n_steps? (and 2 more)"
    )


def test_a_mistake_in_the_quick_block_has_its_line_there(tmp_path: Path) -> None:
    text = added("hyperparameters:\n  n_steps: 64\nquick:\n  hyperparameters:\n    n_steps: 0")
    assert complaint(tmp_path, text) == (
        "jobs.yaml, line 10, jobs.traffic.quick.hyperparameters.n_steps: must be above 0, found 0"
    )


def test_what_only_the_quick_block_makes_wrong_says_so(tmp_path: Path) -> None:
    text = added("hyperparameters:\n  batch_size: 128\nquick:\n  hyperparameters:\n    n_steps: 64")
    sentence = complaint(tmp_path, text)
    assert sentence.startswith(
        "jobs.yaml, line 7, jobs.traffic.hyperparameters.batch_size: 128 is more than a rollout holds"
    )
    assert sentence.endswith("(in the quick form)")


def test_a_mistake_in_the_defaults_is_told_once_and_there(tmp_path: Path) -> None:
    text = "defaults:\n  sede: 1\n" + JOB + JOB.replace("jobs:\n", "").replace("traffic", "other")
    assert complaint(tmp_path, text) == "jobs.yaml, line 2, defaults.sede: unknown key; did you mean seed?"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("nowhere", 'there is no such folder, found "nowhere"; create the folder, or correct the path'),
        ("jobs.yaml", 'is a file, not a folder, found "jobs.yaml"; create the folder'),
        ("/srv/envs", "must be a folder inside the project, relative to jobs.yaml"),
        ("../other", "must be a folder inside the project, relative to jobs.yaml"),
        ("envs/../../x", "must be a folder inside the project, relative to jobs.yaml"),
        (".", "must be a folder inside the project, relative to jobs.yaml"),
        ("'C:\\envs'", "must be a folder inside the project, relative to jobs.yaml"),
        ("'~/envs'", "must be a folder inside the project, relative to jobs.yaml"),
        ("x" * 5000, "there is no such folder, found"),
        ("3", "must be text, found 3"),
    ],
)
def test_a_source_is_a_folder_of_the_project(tmp_path: Path, source: str, problem: str) -> None:
    (tmp_path / "envs").mkdir()
    text = added(f"sources:\n  - envs\n  - ./envs\n  - {source}")
    assert complaint(tmp_path, text).startswith(f"jobs.yaml, line 9, jobs.traffic.sources.2: {problem}")


def test_a_source_may_be_a_link_within_the_project_and_not_out_of_it(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "real").mkdir(parents=True)
    (tmp_path / "project-beside" / "deep").mkdir(parents=True)
    (project / "within").symlink_to("real")
    (project / "out").symlink_to("../project-beside")
    assert load(project, added("sources: [within]"))["traffic"].full.sources == ("within",)
    for source in ("out", "out/deep"):
        assert complaint(project, added(f"sources: [within, {source}]")) == (
            f'jobs.yaml, line 6, jobs.traffic.sources.1: is a link that leads out of the project, found "{source}"; '
            "put the folder itself into the project"
        )


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("random", "Python's own module random"),
        ("statistics", "Python's own module statistics"),
        ("_thread", "Python's own module _thread"),
        *((name, f"the module {name} of {name}") for name in ("torch", "numpy", "gymnasium", "sympy", "cloudpickle")),
        *(
            ("stable_baselines3", "the module stable_baselines3 of stable"),
            ("sb3_contrib", "the module sb3_contrib of"),
        ),
        *(("yaml", "the module yaml of PyYAML"), ("torchgen", "the module torchgen of torch")),
        *(("six", "the module six of six"), ("typing_extensions", "the module typing_extensions of typing")),
        *((name, f"the package {name} of kaggle-relay itself") for name in sorted(OWN_PACKAGES)),
    ],
)
def test_a_source_that_would_hide_what_a_session_imports_is_refused(tmp_path: Path, name: str, hidden: str) -> None:
    (tmp_path / "envs" / name).mkdir(parents=True)
    sentence = complaint(tmp_path, added(f"sources:\n  - envs\n  - envs/{name}"))
    assert sentence.startswith(f"jobs.yaml, line 8, jobs.traffic.sources.1: would hide {hidden}")
    assert sentence.endswith(f', found "envs/{name}"; give the folder another name')


@pytest.mark.parametrize("source", ["torch/envs", "lab", "Random", "my-envs", "交通", "hypothesis", "tests"])
def test_a_source_that_no_session_would_import_in_another_ones_stead_is_taken(tmp_path: Path, source: str) -> None:
    (tmp_path / source).mkdir(parents=True)
    assert load(tmp_path, added(f"sources: [{source}]"))["traffic"].full.sources == (source,)


def test_all_of_our_packages_are_known_by_name() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert set(settings["importlinter"]["root_packages"]) == OWN_PACKAGES
    assert {each.rstrip("*") for each in settings["setuptools"]["packages"]["find"]["include"]} == OWN_PACKAGES


def test_sources_are_relative_to_the_file_and_normal_in_form(tmp_path: Path) -> None:
    (tmp_path / "envs" / "grid").mkdir(parents=True)
    assert load(tmp_path, added("sources: [./envs/, envs//grid]"))["traffic"].full.sources == ("envs", "envs/grid")
    assert load(tmp_path, added("sources: [envs, ./envs]"))["traffic"].full.sources == ("envs",)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("3e-4", 3e-4),
        ("1e6", 1e6),
        ("1E+2", 100.0),
        ("-2.5e-3", -2.5e-3),
        (".5", 0.5),
        ("1_000.25", 1000.25),
        ("50_000", 50_000),
        ("0x1f", 31),
        ("0o17", 15),
        ("+7", 7),
        ("010", "010"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("1e", "1e"),
        (".", "."),
        ("e5", "e5"),
        ("1_e", "1_e"),
        ("=", "="),
        ("'3e-4'", "3e-4"),
        ("yes", True),
        ("Off", False),
        ("y", "y"),
        ("null", None),
        ("~", None),
        ("", None),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
    ],
)
def test_values_are_what_they_look_like(tmp_path: Path, written: str, value: object) -> None:
    text = JOB.replace("{id: CartPole-v1}", "{id: X, kwargs: {value: " + written + " }}")
    found = load(tmp_path, text)["traffic"].full.env.kwargs["value"]
    assert (type(found), found) == (type(value), value)


def test_yes_and_no_are_text_as_keys(tmp_path: Path) -> None:
    text = JOB.replace("{id: CartPole-v1}", "{id: X, kwargs: {on: 1, no: 2}}")
    assert load(tmp_path, text)["traffic"].full.env.kwargs == {"on": 1, "no": 2}


def test_numbers_may_be_written_as_people_write_them(tmp_path: Path) -> None:
    text = added(
        "save_freq: 5e2\nhyperparameters: {learning_rate: 3e-4, n_steps: 1e3, batch_size: 1_00}\nsession_limit: 8h 45m"
    )
    full = load(tmp_path, text.replace("5000", "1e6"))["traffic"].full
    assert (full.total_timesteps, full.save_freq, full.session_limit) == (1_000_000, 500, 31_500)
    assert json.dumps(full.hyperparameters) == '{"learning_rate": 0.0003, "n_steps": 1000, "batch_size": 100}'


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbf" + JOB.replace("\n", "\r\n").encode())["traffic"].full.algorithm == "PPO"


def test_null_means_the_default(tmp_path: Path) -> None:
    job = load(tmp_path, added("eval:\nseed: null\nhyperparameters: {n_steps: ~, gamma: 0.9}\nquick:"))["traffic"].full
    assert (job.eval.episodes, job.seed, job.hyperparameters) == (5, 0, {"gamma": 0.9})


def test_anchors_and_merge_keys_are_followed(tmp_path: Path) -> None:
    text = """\
        x-small: &small {n_steps: 64, batch_size: 32}
        x-env: &env {id: CartPole-v1}
        jobs:
          one: &one
            env: *env
            algorithm: PPO
            total_timesteps: 500
            hyperparameters: {<<: *small, batch_size: 16}
          two: {<<: *one, seed: 2}
    """
    jobs = load(tmp_path, dedent(text))
    assert jobs["two"].full.seed == 2
    assert jobs["one"].full.hyperparameters == jobs["two"].full.hyperparameters == {"n_steps": 64, "batch_size": 16}


def test_defaults_stand_below_every_job_and_quick_above_all(tmp_path: Path) -> None:
    text = """\
        defaults:
          seed: 7
          env: {kwargs: {size: 4, colors: [red, green]}}
          eval: {frequency: 1000, episodes: 3}
          quick: {total_timesteps: 100, seed: 9}
        jobs:
          grid:
            env: {id: Grid-v0, kwargs: {colors: [blue]}}
            algorithm: A2C
            hyperparameters: {n_steps: 10, gamma: 0.9}
            total_timesteps: 5000
            eval: {frequency: 500}
            quick: {total_timesteps: 50, env: {kwargs: {size: 2}}, hyperparameters: {gamma: null}}
    """
    grid = load(tmp_path, dedent(text))["grid"]
    assert grid.full.env.kwargs == {"size": 4, "colors": ["blue"]}
    assert (grid.full.seed, grid.full.eval.frequency, grid.full.eval.episodes) == (7, 500, 3)
    assert grid.full.hyperparameters == {"n_steps": 10, "gamma": 0.9}
    assert grid.quick.env.kwargs == {"size": 2, "colors": ["blue"]}
    assert (grid.quick.total_timesteps, grid.quick.seed, grid.quick.name) == (50, 9, "grid")
    assert grid.quick.hyperparameters == {"n_steps": 10}


@pytest.mark.parametrize(
    ("addition", "goal"),
    [
        ("hyperparameters: {n_steps: 16, batch_size: 16}", QUICK_TIMESTEPS),
        ("", 2048),
        ("hyperparameters: {n_steps: 500}", 500),
        ("hyperparameters: {n_steps: 6000}", 5000),
        ("quick: {hyperparameters: {n_steps: 256}}", 256),
        ("quick: {env: {n_envs: 2}}", 4096),
        ("quick: {total_timesteps: 10}", 10),
        ("quick: {total_timesteps: 10_000}", 10_000),
    ],
)
def test_a_quick_run_without_a_goal_is_one_rollout(tmp_path: Path, addition: str, goal: int) -> None:
    jobs = load(tmp_path, added(addition))
    assert jobs["traffic"].quick.total_timesteps == goal
    assert jobs["traffic"].full.total_timesteps == 5000


@pytest.mark.parametrize(
    ("addition", "save_freq"),
    [
        ("save_freq: 10_000\nquick: {total_timesteps: 100}", "auto"),
        ("save_freq: 50\nquick: {total_timesteps: 100}", 50),
        ("save_freq: 50\nquick: {total_timesteps: 100, save_freq: 200}", 200),
        ("quick: {total_timesteps: 100}", "auto"),
    ],
)
def test_a_quick_run_writes_checkpoints_before_its_goal(tmp_path: Path, addition: str, save_freq: int | str) -> None:
    assert load(tmp_path, added(addition))["traffic"].quick.save_freq == save_freq


def test_both_forms_are_plain_json_that_reads_back(tmp_path: Path) -> None:
    (tmp_path / "envs").mkdir()
    text = added(
        "sources: [envs]\nhyperparameters: {policy_kwargs: {net_arch: {pi: [64.0], vf: []}}, clip_range: lin_0.2}"
    )
    job = load(tmp_path, text)["traffic"]
    stored = json.loads(json.dumps(job.as_json(), allow_nan=False))
    model = job_with(BACKENDS)
    assert {form: parse_job(values, model).model_dump() for form, values in stored.items()} == {
        "full": job.full.model_dump(),
        "quick": job.quick.model_dump(),
    }


def test_merging_leaves_what_it_merges_as_it_was() -> None:
    below, above = {"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "d": {"e": 1}}
    assert merged(below, above) == {"a": {"b": 1, "c": [3]}, "d": {"e": 1}}
    assert (below, above) == ({"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "d": {"e": 1}})


def test_every_example_of_the_reference_loads(tmp_path: Path) -> None:
    reference = (REPOSITORY / "docs" / "jobs.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", reference, re.DOTALL)
    files = [block for block in blocks if "jobs:" in block]
    (tmp_path / "envs").mkdir()
    assert files
    assert f"at least {QUICK_TIMESTEPS} timesteps" in " ".join(reference.split())
    for block in files:
        assert load(tmp_path, block)


# Junk that keeps the shape of a job, so that it reaches every check and not only the first one.
_words = st.sampled_from(
    [
        *(
            "jobs",
            "defaults",
            "quick",
            "name",
            "env",
            "id",
            "kwargs",
            "n_envs",
            "wrapper",
            "wrapper_kwargs",
            "algorithm",
        ),
        *(
            "PPO",
            "A2C",
            "policy",
            "hyperparameters",
            "n_steps",
            "batch_size",
            "policy_kwargs",
            "net_arch",
            "pi",
            "seed",
        ),
        *("train_freq", "episode", "ent_coef", "noise_std", "replay_buffer_class", "HerReplayBuffer", "lstm_kwargs"),
        *("activation_fn", "ReLU", "total_timesteps", "save_freq", "auto", "eval", "sources", "..", "validation"),
    ],
)
_scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), _words)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.one_of(_words, st.text(max_size=3)), inner, max_size=4)
    ),
    max_leaves=12,
)
_entries = st.fixed_dictionaries(
    {
        "env": st.just({"id": "X"}) | _values,
        "algorithm": st.sampled_from(list(ALGORITHMS)),
        "total_timesteps": st.just(5) | _values,
    },
    optional={
        key: _values | st.dictionaries(_words, _values, max_size=3)
        for key in ("hyperparameters", "quick", "eval", "sources", "save_freq", "session_limit")
    },
)
_yaml_like = st.text(alphabet="ab01e.:-?[]{}&*!<|>#%@\"'\\~ \n\t\x00\x85\ud7ff\ufeff😀ux", max_size=60)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=40),
        _yaml_like.map(str.encode),
        _yaml_like.map(lambda junk: added(f"seed: {junk}").encode()),
        st.fixed_dictionaries(
            {"jobs": st.dictionaries(_words, _entries, max_size=2)}, optional={"defaults": _values}
        ).map(
            lambda values: json.dumps(values).encode(),
        ),
    ),
)
def test_no_junk_leads_to_anything_but_one_sentence(tmp_path: Path, content: bytes) -> None:
    with contextlib.suppress(InputError):
        for job in load(tmp_path, content).values():
            json.dumps(job.as_json(), allow_nan=False)
            assert parse_job(job.as_json()["full"], type(job.full)) == job.full
    with contextlib.suppress(InputError):
        load(tmp_path, content)


def test_the_examples_of_the_reference_are_jobs(tmp_path: Path) -> None:
    reference = (REPOSITORY / "docs" / "jobs.md").read_text(encoding="utf-8")
    examples = re.findall(
        r"^```yaml\n((?:x-.*?\n\n|defaults:.*?\n\n)*jobs:.*?)^```$", reference, re.MULTILINE | re.DOTALL
    )
    path, found = tmp_path / "jobs.yaml", []
    for each in examples:
        path.write_text(each, encoding="utf-8")
        found.append(len(load_jobs(path, BACKENDS)))
    assert "These are nine jobs" in reference
    assert sorted(found) == [1, 1, 1, 2, 9]
