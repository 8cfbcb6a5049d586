"""A job that reads a dataset of Kaggle's: mounted there, and a folder of this machine elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulated import OTHER_USER, EmulatedKaggle, emulated
from tests.engine import containers_below, small_container
from tests.project import Project, cart_pole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOB = "fall"
DATASET = f"{OTHER_USER}/heights"
FALL = """
import os
from pathlib import Path

import gymnasium as gym
import numpy as np

INPUT = Path(os.environ.get("RELAY_INPUT", "/kaggle/input"))


class Fall(gym.Env):
    observation_space = gym.spaces.Box(-100, 100, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self):
        (found,) = INPUT.glob("**/heights/heights.csv")
        self.heights = [float(each) for each in found.read_text(encoding="utf-8").split(",")]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.height = float(self.np_random.choice(self.heights))
        return np.array([self.height], np.float32), {}

    def step(self, action):
        self.height -= 1.0 + action
        return np.array([self.height], np.float32), self.height, self.height <= 0, False, {}


gym.register("Fall-v0", Fall, max_episode_steps=50)
"""


def fall(**changes: Any) -> dict[str, Any]:
    job = cart_pole(env={"id": "lab:Fall-v0", "n_envs": 2}, sources=["lab"], total_timesteps=64)
    return job | {"kaggle": {"datasets": [DATASET], "accelerator": "none"}} | changes


def write_heights(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "heights.csv").write_text("3,4,5", encoding="utf-8")
    return folder


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedKaggle]:
    with emulated(tmp_path / "kaggle") as server:
        server.reached_by_commands(monkeypatch, poll=0.1)
        yield server


@pytest.fixture
def lab(project: Project) -> Project:
    """A project whose environment reads the dataset when it is made."""
    (project.root / "lab").mkdir()
    (project.root / "lab" / "__init__.py").write_text(FALL, encoding="utf-8")
    return project


@pytest.mark.slow
def test_sessions_here_and_on_kaggle_read_the_same_data(lab: Project, kaggle: EmulatedKaggle) -> None:
    here = write_heights(lab.root / "data" / "heights")
    lab.write_jobs(**{JOB: fall(data={DATASET: "data/heights"})})
    lab.doit("run_full")
    assert lab.adopted(JOB, 1).timesteps == 64
    assert (here / "heights.csv").stat().st_mode & 0o200, "the user's own file stays as it is"
    # Without a folder here the job is tried where the data are; until they are there, nothing is spent.
    on_kaggle = fall(total_timesteps=128, backend="kaggle")
    lab.write_jobs(**{JOB: on_kaggle})
    said = lab.doit("run_full", expect=1)
    assert f"dataset {DATASET}: is not on Kaggle, or this account may not read it; correct kaggle.datasets" in said
    assert f"{DATASET} has no folder on this machine" in said
    assert lab.sessions(JOB)[-1].ledger_json.exists() is False
    published = kaggle.dataset({"heights.csv": b"3,4,5"}, "heights", user=OTHER_USER)
    made = kaggle.cli("datasets", "create", "--public", "-p", published, user=OTHER_USER)
    assert made.returncode == 0, made.stderr
    lab.doit("run_full")
    second = lab.adopted(JOB, 2)
    assert (second.timesteps, second.resume.exact) == (128, True)


def test_data_without_a_folder_here_are_refused_before_anything_is_packaged(lab: Project) -> None:
    lab.write_jobs(**{JOB: fall(backend="docker")})
    assert f"job fall, key data: {DATASET} has no folder on this machine" in lab.doit("run_full", expect=2)
    assert lab.sessions(JOB) == []


@pytest.mark.long("without --long the sessions here and on Kaggle do")
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_container_reads_the_folder_too(lab: Project) -> None:
    write_heights(lab.root / "data" / "heights")
    contained = {"docker": small_container(), "device": "cpu", "backend": "docker"}
    lab.write_jobs(**{JOB: fall(data={DATASET: "data/heights"}, **contained)})
    with containers_below(lab.runs.backend("docker")):
        lab.doit("run_full")
    assert lab.adopted(JOB, 1).timesteps == 64
