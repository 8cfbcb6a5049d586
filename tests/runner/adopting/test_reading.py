"""What Stable-Baselines3 saved of each algorithm is in the job's model afterwards, tensor by tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from stable_baselines3.common.callbacks import CheckpointCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd

from contract.documents.session import Request
from contract.errors import RelayError, SessionError
from job.algorithms.registry import ALGORITHMS
from job.model import Job, parse_job
from runner.adopting.finding import Found, find_checkpoints
from runner.adopting.reading import newest_sound
from tests.trainer.conftest import job_values
from tests.trainer.test_every_algorithm import FIRST_OF_EACH
from tests.trainer.test_every_algorithm import job_for as job_of_another
from trainer.algorithms.model import make_model
from trainer.checkpoint.adopted import put_adopted
from trainer.checkpoint.replay_buffer import filled_rows, replay_arrays
from trainer.environments.making import make_training_envs
from trainer.progress import Progress
from trainer.session_input import SessionInput

if TYPE_CHECKING:
    from pathlib import Path

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.buffers import ReplayBuffer

CANNOT = ("ARS", "DQN-frugal-episodic", "DQN-HER", "SAC-HER")
MORE = {"PPO": job_values(), "A2C": job_values(algorithm="A2C")}
CASES = [*MORE, *(each for each in FIRST_OF_EACH if each not in CANNOT), "SAC-gSDE-normalized-evaluated"]
SAMPLE = ("PPO", "DQN", "SAC-gSDE-normalized-evaluated")
"""Without `--long`."""


def job_for(name: str) -> dict[str, Any]:
    """A job of that algorithm, whose buffer has room for all that is trained here."""
    if name in MORE:
        return MORE[name]
    job = job_of_another(name)
    given = job["hyperparameters"]
    return {**job, "hyperparameters": {**given, "buffer_size": 100}} if "buffer_size" in given else job


def trained_by_hand(job: Job, folder: Path) -> BaseAlgorithm:
    """The job's model as Stable-Baselines3 trains and saves it."""
    model = make_model(job, make_training_envs(job), "cpu")
    every = CheckpointCallback(16, str(folder), "rl_model", save_replay_buffer=True, save_vecnormalize=True)
    model.learn(64, callback=every)
    return model


def taken_in(job: Job, found: list[Found], folder: Path) -> tuple[BaseAlgorithm, Progress]:
    """A fresh model of the job, and what a session that adopts puts into it."""
    _, provided = newest_sound(found, job.model_dump(mode="json"), lambda _: None)
    folder.mkdir()
    for name, content in provided.items():
        (folder / name).write_bytes(content)
    request = Request(job=job.name, lineage=1, session="0001", profile="full", goal=job.total_timesteps, parent=None)
    progress = Progress(SessionInput(folder, job, request, "0" * 64))
    model = make_model(job, make_training_envs(job), "cpu")
    put_adopted(model, progress)
    return model, progress


def assert_equal(found: Any, expected: Any) -> None:
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name, each in expected.items():
            assert_equal(found[name], each)
    elif isinstance(expected, list):
        for ours, theirs in zip(found, expected, strict=True):
            assert_equal(ours, theirs)
    else:
        assert found == expected


def rows(buffer: ReplayBuffer) -> dict[str, list[Any]]:
    return {name: each[: filled_rows(buffer)].tolist() for name, each in replay_arrays(buffer).items()}


def test_every_algorithm_has_a_case_but_one() -> None:
    assert {job_for(name)["algorithm"] for name in CASES} == ALGORITHMS.keys() - {"ARS"}


@pytest.mark.parametrize("name", CASES)
def test_a_model_is_taken_in_with_all_that_was_saved_of_it(
    tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    if name not in SAMPLE and not request.config.getoption("--long"):
        pytest.skip("a sample of the algorithms is enough; --long takes all")
    job = parse_job(job_for(name))
    original = trained_by_hand(job, tmp_path / "old")
    newest = find_checkpoints(tmp_path / "old", job.name)[0]
    original = type(original).load(newest.model, env=original.get_env(), device="cpu")
    model, progress = taken_in(job, [newest], tmp_path / "input")
    assert_equal(model.get_parameters(), original.get_parameters())
    assert model.num_timesteps == progress.timesteps == newest.timesteps
    assert progress.inexact[0].startswith(f"taken in from {newest.model.name}")
    normalizing, normalized = model.get_vec_normalize_env(), original.get_vec_normalize_env()
    if normalizing is not None and normalized is not None:
        assert newest.normalization is not None
        assert normalizing.ret_rms.count > 1
    buffer = getattr(model, "replay_buffer", None)
    if buffer is not None:
        original.load_replay_buffer(str(newest.replay), truncate_last_traj=False)  # type: ignore[attr-defined] # it has one too
        found, expected = rows(buffer), rows(original.replay_buffer)  # type: ignore[attr-defined] # likewise
        for each in ("dones", "timeouts"):  # the episode that was cut ends there
            found[each].pop()
            expected[each].pop()
        assert found == expected


def test_statistics_are_taken_in_whichever_key_names_their_wrapper(tmp_path: Path) -> None:
    values = job_for("PPO")
    values["env"] = {**values["env"], "vec_wrappers": [{"VecNormalize": {"norm_reward": False}}]}
    job = parse_job(values)
    trained_by_hand(job, tmp_path / "old")
    model, _ = taken_in(job, find_checkpoints(tmp_path / "old", job.name), tmp_path / "input")
    normalizing = model.get_vec_normalize_env()
    assert normalizing is not None
    assert isinstance(normalizing.obs_rms, RunningMeanStd)
    assert normalizing.obs_rms.count > 64  # all that was seen by hand


@pytest.mark.parametrize(
    ("name", "sentence"), [("DQN-HER", "instead of a ReplayBuffer"), ("ARS", "cannot be taken in")]
)
def test_what_cannot_be_taken_in_is_said(tmp_path: Path, name: str, sentence: str) -> None:
    job = parse_job(job_for(name))
    trained_by_hand(job, tmp_path / "old")
    with pytest.raises(RelayError, match=sentence):
        taken_in(job, find_checkpoints(tmp_path / "old", job.name), tmp_path / "input")


def test_a_job_with_another_network_is_told_which_tensor_does_not_fit(tmp_path: Path) -> None:
    trained_by_hand(parse_job(job_for("DQN")), tmp_path / "old")
    values = job_for("DQN")
    values["hyperparameters"] = {**values["hyperparameters"], "policy_kwargs": {"net_arch": [16]}}
    job = parse_job(values)
    with pytest.raises(SessionError, match=r"does not fit the job's model: .*size mismatch.*correct the job"):
        taken_in(job, find_checkpoints(tmp_path / "old", job.name), tmp_path / "input")


def test_the_newest_rows_are_kept_where_there_is_room_for_fewer(tmp_path: Path) -> None:
    original = trained_by_hand(parse_job(job_for("DQN")), tmp_path / "old")
    values = job_for("DQN")
    values["hyperparameters"] = {**values["hyperparameters"], "buffer_size": 40}
    model, _ = taken_in(parse_job(values), find_checkpoints(tmp_path / "old", "balance"), tmp_path / "input")
    # Its callback saves before the latest transition is stored.
    seen = original.replay_buffer.observations[:63]  # type: ignore[attr-defined] # DQN has one
    assert model.replay_buffer.full  # type: ignore[attr-defined] # likewise
    assert model.replay_buffer.observations.tolist() == seen[-40:].tolist()  # type: ignore[attr-defined] # likewise
