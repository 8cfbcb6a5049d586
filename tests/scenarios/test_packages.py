"""A job whose environment is in a package that nobody has: it is locked, and brought along to wherever it trains."""

from __future__ import annotations

import importlib.util
import json
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from contract.storage import files
from contract.storage.layout import CHECKPOINTS_FOLDER
from executors import local_launcher
from tests.emulated import emulated
from tests.engine import containers_below, small_container
from tests.project import PATIENCE_SECONDS, Project, cart_pole
from tests.wheels import index_of_gridlab, make_gridlab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOB = "walk"


def walk(**changes: Any) -> dict[str, Any]:
    return cart_pole(env={"id": "gridlab:Walk-v0", "n_envs": 2}, packages=["gridlab"], total_timesteps=192) | changes


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return index_of_gridlab(tmp_path / "index", monkeypatch)


@pytest.fixture
def _kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An emulator that the commands reach, asked often."""
    with emulated(tmp_path / "kaggle") as server:
        server.reached_by_commands(monkeypatch, poll=0.1)
        yield


def uninterrupted(root: Path, **changes: Any) -> str:
    """The tensors at the goal of one local session that nobody cut off."""
    local = Project(root)
    local.write_jobs(**{JOB: walk(**changes)})
    local.doit("run_full")
    return local.digest(JOB, 1)


@pytest.mark.slow
@pytest.mark.usefixtures("_kaggle")
def test_sessions_here_and_on_kaggle_train_in_an_environment_that_only_its_package_has(
    project: Project, index: Path
) -> None:
    assert importlib.util.find_spec("gridlab") is None
    # Kaggle's wheels are locked with the first session, and hold when a newer version comes out.
    project.write_jobs(**{JOB: walk(backend="kaggle")})
    project.doit("run_full")
    adopted = project.adopted(JOB, 1)
    assert adopted.libraries["gridlab"] == "1.2"
    assert adopted.training["packages"] == ["gridlab==1.2"]
    make_gridlab(index, "1.3", length=7)
    assert "nothing to do" in project.doit("run_full")
    for wheel in index.iterdir():  # what is locked is kept: nothing is asked for again
        wheel.rename(wheel.with_suffix(".gone"))
    project.write_jobs(**{JOB: walk(total_timesteps=256)})
    project.doit("run_full")
    second = project.adopted(JOB, 2)
    assert (second.timesteps, second.resume.exact, second.libraries["gridlab"]) == (256, True, "1.2")
    places = [each["place"] for each in files.read_json(project.root / "packages.lock")["locked"]]
    assert places[:2] == ["kaggle-3.12", "kaggle-3.13"]
    assert len(places) == 3


def test_what_has_no_wheel_is_refused_before_anything_is_packaged(project: Project, index: Path) -> None:
    for wheel in index.glob("gridtools*"):
        wheel.unlink()
    project.write_jobs(**{JOB: walk()})
    said = project.doit("run_full", expect=2)
    assert "job walk, key packages: for Python" in said
    assert "no wheel of gridtools>=0.3 can be had" in said
    assert "Traceback" not in said
    assert project.sessions(JOB) == []


def kill_in_training(project: Project, command: str) -> None:
    """Start a session, and SIGKILL it once it has saved a checkpoint that its parent did not have."""
    process = project.start(command)
    number = len(project.sessions(JOB)) + 1
    sandboxes = project.runs.backend("local")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for sandbox in sandboxes.glob("*"):
            started = sandbox / local_launcher.STARTED_FILE
            saved = [*sandbox.glob(f"kaggle/working/{CHECKPOINTS_FOLDER}/*_checkpoint_*.zip")]
            if started.exists() and len(saved) >= 1 and not (sandbox / local_launcher.ENDED_FILE).exists():
                psutil.Process(json.loads(started.read_text(encoding="utf-8"))["pid"]).kill()
                process.communicate(timeout=PATIENCE_SECONDS)
                return
    pytest.fail(f"session {number} was never killed")


@pytest.mark.slow
@pytest.mark.long("without --long the other sessions of this file do")
@pytest.mark.usefixtures("index")
def test_three_sessions_cut_by_sigkill_end_as_one(project: Project, tmp_path: Path) -> None:
    goal = 64 * 300
    project.write_jobs(**{JOB: walk(total_timesteps=goal)})
    for _ in range(2):
        kill_in_training(project, "run_full")
    project.doit("run_full")
    last = len(project.sessions(JOB))
    assert last == 3
    assert project.adopted(JOB, last).timesteps == goal
    assert project.adopted(JOB, last).resume.exact
    assert project.digest(JOB, last) == uninterrupted(tmp_path / "whole", total_timesteps=goal)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.long("without --long the other sessions of this file do")
@pytest.mark.usefixtures("index")
def test_containers_are_given_what_their_image_lacks(project: Project) -> None:
    changes = {"docker": small_container(), "device": "cpu"}
    with containers_below(project.runs.backend("docker")):
        for goal in (64, 128, 192):
            project.write_jobs(**{JOB: walk(total_timesteps=goal, backend="docker", **changes)})
            project.doit("run_full")
    assert [project.adopted(JOB, number).timesteps for number in (1, 2, 3)] == [64, 128, 192]
    assert project.adopted(JOB, 3).resume.exact
    assert project.adopted(JOB, 3).libraries["gridlab"] == "1.2"
    assert (project.root / "packages.lock").read_text(encoding="utf-8").count("docker-") == 1
