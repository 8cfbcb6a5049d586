"""Checkpoints of Stable-Baselines3's own callback become session 0001 of a job, which goes on from there."""

from __future__ import annotations

import os
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import CheckpointCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

from contract.storage import files
from tests.project import cart_pole, tensors_digest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.project import Project

LAYOUT = "old/data/models/checkpoints"
BUFFER = {"buffer_size": 400, "learning_starts": 20}
NETWORK = {"policy_kwargs": {"net_arch": [8]}}


def pole(**changes: Any) -> dict[str, Any]:
    job = cart_pole(algorithm="DQN", hyperparameters={**BUFFER, **NETWORK}, total_timesteps=256, save_freq=1_000)
    job["env"] |= {"wrapper": "VecNormalize"}
    return job | changes


def trained_by_hand(folder: Path) -> None:
    """Train as somebody would who has no kaggle-relay: 192 timesteps, a checkpoint every 64."""
    environments = VecNormalize(make_vec_env("CartPole-v1", 2, seed=1))
    model = DQN("MlpPolicy", environments, **BUFFER, **NETWORK, seed=1)  # type: ignore[arg-type] # a test's own words
    every = CheckpointCallback(32, str(folder), "pole_checkpoint", save_replay_buffer=True, save_vecnormalize=True)
    model.learn(192, callback=every)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was trained by hand."""
    folder = tmp_path_factory.mktemp("by hand") / "checkpoints"
    trained_by_hand(folder)
    return folder


@pytest.fixture
def by_hand(project: Project, trained: Path) -> Path:
    """A copy of it, in the project of a test."""
    folder = shutil.copytree(trained, project.root / LAYOUT)
    os.utime(folder / "pole_checkpoint_64_steps.zip", (4e9, 4e9))  # a copy that came later
    return folder


@pytest.mark.slow
def test_the_newest_sound_checkpoint_is_the_next_ones_parent(project: Project, by_hand: Path) -> None:
    check_that_nothing_is_taken_in(project, by_hand, "no wrapper", expect=2)
    project.write_jobs(pole=pole())
    newest = by_hand / "pole_checkpoint_192_steps.zip"
    newest.write_bytes(newest.read_bytes()[:-100])
    assert "needs the folder that the checkpoints lie in" in project.doit("adopt:pole", expect=2)
    assert "belongs to `adopt`" in project.doit("run_full", "from=old", expect=2)
    said = project.doit("adopt:pole", "from=old")
    assert "Refused pole_checkpoint_192_steps.zip: does not end as a zip does" in said
    assert "pole: session 0001 is pole_checkpoint_128_steps.zip at 128 timesteps" in said
    adopted = project.adopted("pole", 1)
    assert adopted.timesteps == 128
    assert not adopted.resume.exact
    assert adopted.resume.reasons[0].startswith("taken in from pole_checkpoint_128_steps.zip at 128 timesteps")
    assert adopted.replay is not None
    assert project.digest("pole", 1) == tensors_digest(by_hand / "pole_checkpoint_128_steps.zip")
    said = project.doit("plan", "redo:pole")
    assert "goes on from session 0001 at 128 of 256 timesteps" in said
    assert "cannot be done again from before that" in said
    assert "has 1 session(s) already" in project.doit("adopt:pole", "from=old", expect=2)


@pytest.mark.long("a sample of it is above; --long does it all")
@pytest.mark.slow
def test_it_goes_on_approximately_whatever_was_cut_off(project: Project, by_hand: Path) -> None:
    project.write_jobs(pole=pole())
    project.kill_at("[CHECKPOINT] Saved", "adopt:pole", "from=old", operations=2)
    if not project.sessions("pole"):
        project.doit("adopt:pole", "from=old")
    output = project.doit("run_full")
    assert "Resumed at 192 timesteps (approximate: taken in from pole_checkpoint_192_steps.zip" in output
    assert project.adopted("pole", 2).timesteps == 256
    assert [session.number for session in project.sessions("pole")] == ["0001", "0002"]
    assert project.adopted("pole", 1).timesteps == 192
    with zipfile.ZipFile(by_hand / "pole_checkpoint_192_steps.zip") as packed:
        assert "data" in packed.namelist()
    assert files.read_json(project.sessions("pole")[0].package_json)["job"]["backend"] == "local"


JOBS: dict[str, tuple[dict[str, Any], str]] = {
    "no wrapper": ({"env": {"id": "CartPole-v1", "n_envs": 2}}, "write `wrapper: VecNormalize` under env"),
    "another network": (
        {"hyperparameters": {**BUFFER, "policy_kwargs": {"net_arch": [16]}}},
        "correct the job, so that it is what was trained",
    ),
}


@pytest.mark.long("needs a session of its own; above, one without a wrapper takes nothing in either")
@pytest.mark.slow
def test_a_job_that_is_not_what_was_trained_takes_nothing_in(project: Project, by_hand: Path) -> None:
    check_that_nothing_is_taken_in(project, by_hand, "another network", expect=1)


def check_that_nothing_is_taken_in(project: Project, by_hand: Path, what: str, expect: int) -> None:
    """A job that is not what was trained is refused, and all stays as it was."""
    changes, sentence = JOBS[what]
    project.write_jobs(pole=pole(**changes))
    before = sorted(path.name for path in by_hand.iterdir())
    assert sentence in project.doit("adopt:pole", "from=old", expect=expect)
    assert project.sessions("pole") == []
    assert sorted(path.name for path in by_hand.iterdir()) == before
