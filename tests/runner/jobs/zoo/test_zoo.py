"""Entries of rl-baselines3-zoo as jobs; those here have its forms, and figures of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from contract.errors import InputError
from job.model import parse_job
from runner.commands.import_zoo import import_zoo
from runner.jobs.file import load_jobs
from runner.jobs.yaml_positions import read_yaml
from runner.jobs.zoo.conversion import convert
from runner.jobs.zoo.expressions import parse_value
from runner.jobs.zoo.reading import read_entry

if TYPE_CHECKING:
    from pathlib import Path

    from runner.jobs.zoo.conversion import Conversion

PPO = """
atari: &games
  env_wrapper:
    - stable_baselines3.common.atari_wrappers.AtariWrapper
  frame_stack: 4
  policy: 'CnnPolicy'
  n_envs: 8
  n_timesteps: !!float 1e7
  n_steps: 128
  learning_rate: lin_2.5e-4

Walk-v3:
  normalize: "dict(norm_obs=True, norm_reward=False)"
  n_envs: 8
  n_timesteps: !!float 2e6
  policy: 'MlpPolicy'
  n_steps: 512
  batch_size: 64
  gamma: 0.98
  learning_rate: !!float 2.5e-4
  policy_kwargs: "dict(log_std_init=-2,
                       activation_fn=nn.ReLU,
                       net_arch=dict(pi=[256, 256], vf=[256, 256])
                       )"

ALE/Pong-v5:
  <<: *games
  n_timesteps: 1e6

Small-v0:
  n_envs: 1
  n_timesteps: 1e5
  n_steps: 32
  batch_size: 64
  callback: my.module.Callback
  policy_kwargs: "open('x', 'w')"

Nothing-v0:
  policy: MlpPolicy
"""
TQC = """
Reach-v1:
  model_class: 'tqc'
  n_timesteps: 1e5
  policy: 'MultiInputPolicy'
  replay_buffer_class: HerReplayBuffer
  replay_buffer_kwargs: "dict(goal_selection_strategy='future', n_sampled_goal=4)"
  noise_type: 'normal'
  noise_std: 0.1
"""


def converted(folder: Path, environment: str, text: str = PPO, name: str = "ppo.yml") -> Conversion:
    (folder / name).write_text(text, encoding="utf-8")
    return read_entry(folder / name, environment)


def becomes(conversion: Conversion) -> dict[str, str]:
    return {line.key: line.here or f"none: {line.why}" for line in conversion.lines}


def test_each_line_has_its_place_in_the_job(tmp_path: Path) -> None:
    conversion = converted(tmp_path, "Walk-v3")
    assert conversion.name == "walk-v3"
    job = parse_job({**conversion.job, "name": conversion.name})
    assert (job.algorithm, job.env.id, job.env.n_envs, job.total_timesteps) == ("PPO", "Walk-v3", 8, 2_000_000)
    assert job.env.wrapper == "VecNormalize"
    # The zoo normalizes by the discount of the algorithm.
    assert (job.env.wrapper_kwargs.norm_reward, job.env.wrapper_kwargs.gamma) == (False, 0.98)
    assert job.hyperparameters["learning_rate"] == 2.5e-4
    network = {"pi": [256, 256], "vf": [256, 256]}
    assert job.hyperparameters["policy_kwargs"] == {"log_std_init": -2, "activation_fn": "ReLU", "net_arch": network}
    assert becomes(conversion)["normalize"] == "env.wrapper"
    assert all(line.here for line in conversion.lines)


@pytest.mark.parametrize("game", ["PongNoFrameskip-v4", "ALE/Pong-v5"])
def test_a_game_has_the_entry_of_all_games_or_its_own(tmp_path: Path, game: str) -> None:
    conversion = converted(tmp_path, game)
    assert conversion.job["total_timesteps"] == (1_000_000 if "ALE" in game else 10_000_000)
    assert conversion.job["env"] == {"id": game, "frame_stack": 4, "n_envs": 8, "wrappers": ["AtariWrapper"]}
    assert becomes(conversion)["env_wrapper"] == "env.wrappers"


@pytest.mark.parametrize(
    ("said", "here"),
    [
        ("gymnasium.wrappers.FlattenObservation", ["FlattenObservation"]),
        (
            "[gymnasium.wrappers.TimeLimit: {max_episode_steps: 9}, a.b.C]",
            [{"TimeLimit": {"max_episode_steps": 9}}, "a.b:C"],
        ),
        ("rl_zoo3.wrappers.HistoryWrapper", None),
        ("Flatten it", None),
    ],
)
def test_the_wrappers_of_an_entry_are_those_of_the_job(said: str, here: list[Any] | None) -> None:
    conversion = convert({"env_wrapper": yaml.safe_load(said), "n_timesteps": 256}, "CartPole-v1", "PPO")
    assert conversion.job["env"].get("wrappers") == here
    assert (becomes(conversion)["env_wrapper"] == "env.wrappers") is (here is not None)


def test_what_has_no_equivalent_is_said_and_left_out(tmp_path: Path) -> None:
    conversion = converted(tmp_path, "Small-v0")
    found = becomes(conversion)
    assert found["batch_size"].startswith("none: is refused here: 64 is more than a rollout holds")
    assert found["callback"].startswith("none: ")
    assert found["policy_kwargs"] == "none: `open('x', 'w')` in it is not a plain value"
    assert conversion.job["hyperparameters"] == {"n_steps": 32}
    assert not (tmp_path / "x").exists()


def test_hindsight_replay_names_its_algorithm_itself(tmp_path: Path) -> None:
    conversion = converted(tmp_path, "Reach-v1", TQC, "her.yml")
    assert conversion.job["algorithm"] == "TQC"
    assert conversion.job["hyperparameters"]["replay_buffer_class"] == "HerReplayBuffer"
    assert becomes(conversion)["model_class"] == "algorithm"


@pytest.mark.parametrize(
    ("name", "environment", "sentence"),
    [
        ("ppo.yml", "Walk-v4", "ppo.yml: has no entry Walk-v4; did you mean Walk-v3?"),
        ("ppo.yml", "Nothing-v0", "makes no job: total_timesteps is missing"),
        ("mine.yml", "Walk-v3", "is not named after an algorithm that a job can have; name it one of a2c.yml"),
    ],
)
def test_what_makes_no_job_is_one_sentence(tmp_path: Path, name: str, environment: str, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        converted(tmp_path, environment, name=name)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("dict(net_arch=[64, 64], ortho_init=False)", {"net_arch": [64, 64], "ortho_init": False}),
        ("{'norm_obs': False, 'norm_reward': True}", {"norm_obs": False, "norm_reward": True}),
        ("dict(optimizer_class=th.optim.AdamW, optimizer_kwargs=dict(eps=1e-5))", None),
        ("dict(features_extractor_class=lab.nets.Wide)", {"features_extractor_class": "lab.nets:Wide"}),
        ("  dict(log_std_init=-3.67,\n   squash_output=None)", {"log_std_init": -3.67, "squash_output": None}),
    ],
)
def test_python_as_text_is_read(text: str, value: Any) -> None:
    expected = value or {"optimizer_class": "AdamW", "optimizer_kwargs": {"eps": 1e-5}}
    assert parse_value(text) == expected


@pytest.mark.parametrize(
    "text",
    ["__import__('os').system('x')", "dict(a=open('x'))", "dict(**x)", "lambda: 1", "1 +", "nn.Module", "(" * 5_000],
)
def test_python_that_does_something_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(it is|`)"):
        parse_value(text)


def test_what_is_printed_is_a_jobs_file(tmp_path: Path) -> None:
    (tmp_path / "ppo.yml").write_text(PPO, encoding="utf-8")
    printed = import_zoo(tmp_path / "ppo.yml", "Walk-v3")
    assert "  #   n_timesteps    total_timesteps\n" in printed
    (tmp_path / "jobs.yaml").write_text(printed, encoding="utf-8")
    assert load_jobs(tmp_path / "jobs.yaml", {"local": None}).keys() == {"walk-v3"}


def test_a_job_is_added_and_what_stands_there_stays(tmp_path: Path) -> None:
    (tmp_path / "ppo.yml").write_text(PPO, encoding="utf-8")
    jobs_file = tmp_path / "jobs.yaml"
    before = (
        "# mine\njobs:\n  pole:\n    env: {id: CartPole-v1}  # short\n    algorithm: PPO\n    total_timesteps: 9_000\n"
    )
    jobs_file.write_text(before, encoding="utf-8")
    assert "has the job walk-v3 now" in import_zoo(tmp_path / "ppo.yml", "Walk-v3", jobs_file)
    assert jobs_file.read_text(encoding="utf-8").startswith(before)
    assert list(yaml.safe_load(jobs_file.read_text(encoding="utf-8"))["jobs"]) == ["pole", "walk-v3"]
    with pytest.raises(InputError, match="has a job walk-v3 already"):
        import_zoo(tmp_path / "ppo.yml", "Walk-v3", jobs_file)


@pytest.mark.parametrize(
    "before", ["jobs:\n    pole: {algorithm: PPO}\n", "jobs: {pole: {algorithm: PPO}}\n", "jobs: {}\nx-y: 1\n"]
)
def test_a_jobs_file_of_another_form_stays_as_it_is(tmp_path: Path, before: str) -> None:
    (tmp_path / "ppo.yml").write_text(PPO, encoding="utf-8")
    jobs_file = tmp_path / "jobs.yaml"
    jobs_file.write_text(before, encoding="utf-8")
    with pytest.raises(InputError):
        import_zoo(tmp_path / "ppo.yml", "Walk-v3", jobs_file)
    assert jobs_file.read_text(encoding="utf-8") == before


PASTED = {
    "n_timesteps: 1e6": "write total_timesteps",
    "env_wrapper: a.B": "write `wrappers` under env",
    "normalize: true": "write `wrapper: VecNormalize` under env",
    "frame_stack: 4": "it belongs under env",
    "n_envs: 8": "it belongs under env",
    "learning_rate: !!float 3e-4": "it belongs under hyperparameters",
    "buffer_size: 1000": "it belongs under hyperparameters",
    "noise_type: normal": "it belongs under hyperparameters",
    "callback: a.B": "callback",
}


@pytest.mark.parametrize("line", PASTED)
def test_a_line_of_the_zoo_pasted_into_a_job_is_told_its_equivalent(tmp_path: Path, line: str) -> None:
    (tmp_path / "jobs.yaml").write_text(f"jobs:\n  walk:\n    {line}\n", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        load_jobs(tmp_path / "jobs.yaml", {"local": None})
    assert str(refused.value).partition("; ")[2].startswith(PASTED[line]) or PASTED[line] in str(refused.value)


def test_python_that_is_pasted_as_text_is_written_out(tmp_path: Path) -> None:
    lines = ["env: {id: CartPole-v1}", "algorithm: PPO", "total_timesteps: 100", "hyperparameters:"]
    pasted = "policy_kwargs: 'dict(net_arch=[64, 64], activation_fn=nn.ReLU)'"
    text = "".join(f"    {each}\n" for each in [*lines, f"  {pasted}"])
    (tmp_path / "jobs.yaml").write_text(f"jobs:\n  walk:\n{text}", encoding="utf-8")
    with pytest.raises(InputError, match=r"; write \{net_arch: \[64, 64\], activation_fn: ReLU\}$"):
        load_jobs(tmp_path / "jobs.yaml", {"local": None})


@pytest.mark.parametrize(
    ("written", "value"),
    [("!!float 3e-4", 3e-4), ("!!float 1", 1.0), ("!!int 5", 5), ("!!str 5", "5"), ("!!null ''", None)],
)
def test_the_core_tags_of_yaml_are_read(written: str, value: object) -> None:
    found = read_yaml(f"key: {written}".encode(), "jobs.yaml").values["key"]
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("!!int 1e3", "1e3 is not a whole number"),
        ("!!float much", "much is not a number"),
        ("!!bool 2", "is neither true nor"),
    ],
)
def test_a_tag_that_its_text_is_not_is_told(written: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_yaml(f"key: {written}".encode(), "jobs.yaml")
