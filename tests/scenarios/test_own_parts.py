"""A user's wrappers, callbacks and policy over three sessions that are killed: the bits of one, wherever they run."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import ResumeVerdict
from tests.emulated import emulated
from tests.engine import containers_below, small_container
from tests.project import ROOT, Project, cart_pole
from tests.trainer.environments.wrapping.test_wrappers import NEEDS_ATARI, PONG
from tests.wheels import index_of_gridlab, make_wheel_of_installed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1_800),
    pytest.mark.long("takes a minute; `test_kills.py` kills sessions of such a job in every run, without doit"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL"),
]
LAB = "lab"
BASIC: dict[str, Any] = {"total_timesteps": 320, "device": "cpu"}


def own_parts(**changes: Any) -> dict[str, Any]:
    """A job that names everything of its user's own."""
    env = {
        "id": "CartPole-v1",
        "n_envs": 2,
        "wrappers": [{f"{LAB}:Remembering": {"length": 3}}, "NormalizeObservation"],
        "vec_wrappers": [f"{LAB}:Shaken", {"VecFrameStack": {"n_stack": 2}}, "VecNormalize"],
    }
    own = {"env": env, "policy": f"{LAB}:Mine", "sources": [LAB], "device": "cpu"}
    return cart_pole(**{**own, "total_timesteps": 320, "eval": {"frequency": 128, "episodes": 1}, **changes})


def atari(**changes: Any) -> dict[str, Any]:
    """The game of Pong as it is learned from."""
    own = {"policy": "CnnPolicy", "hyperparameters": {"n_steps": 32, "batch_size": 32, "n_epochs": 1}}
    env = {**PONG, "n_envs": 2, "wrappers": ["AtariWrapper"]}
    return cart_pole(**{"env": env, **own, "sources": [LAB], "total_timesteps": 320, "device": "cpu", **changes})


def packaged(**changes: Any) -> dict[str, Any]:
    """A job whose environment is in a package that no place has."""
    return cart_pole(
        env={"id": "gridlab:Walk-v0", "n_envs": 2}, packages=["gridlab"], sources=[LAB], **BASIC, **changes
    )


def struck(begun_below: int) -> dict[str, Any]:
    """Each session that begins below that is killed when it has trained for 64 timesteps and saved."""
    return {"callbacks": [{f"{LAB}:Struck": {"begun_below": begun_below}}, f"{LAB}:Counting"]}


def relayed(project: Project, job: dict[str, Any], *arguments: str) -> None:
    """Three sessions, of which two are killed, beside one that is not; the same bits."""
    shutil.copytree(ROOT / "tests" / "trainer", project.root / LAB, ignore=lambda _, names: set(names) - {"lab.py"})
    (project.root / LAB / "lab.py").rename(project.root / LAB / "__init__.py")
    project.write_jobs(cut={**job, **struck(100)}, whole={**job, **struck(0)})
    project.doit("run_full:whole", *arguments)
    project.doit("resume:cut", *arguments)
    assert (len(project.sessions("whole")), len(project.sessions("cut"))) == (1, 3)
    assert project.adopted("cut", 3).timesteps == project.adopted("whole", 1).timesteps == 320
    assert project.adopted("cut", 3).resume == ResumeVerdict(exact=True)
    assert project.digest("cut", 3) == project.digest("whole", 1)
    assert project.adopted("cut", 3).best_mean_reward == project.adopted("whole", 1).best_mean_reward


@pytest.fixture
def in_containers(project: Project) -> Iterator[dict[str, Any]]:
    with containers_below(project.runs.backend("docker")):
        yield {"docker": small_container()}


@pytest.fixture
def on_kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with emulated(tmp_path / "kaggle") as server:
        server.reached_by_commands(monkeypatch, poll=0.1, patience=120)
        yield


def test_three_killed_processes_are_one_training(project: Project) -> None:
    relayed(project, own_parts())


def test_three_killed_containers_are_one_training(project: Project, in_containers: dict[str, Any]) -> None:
    relayed(project, own_parts(**in_containers), "backend=docker")


@pytest.mark.usefixtures("on_kaggle")
def test_three_killed_kernels_are_one_training(project: Project) -> None:
    relayed(project, own_parts(), "backend=kaggle")


@NEEDS_ATARI
def test_three_killed_processes_of_atari_are_one_training(project: Project) -> None:
    relayed(project, atari())


@NEEDS_ATARI
@pytest.mark.usefixtures("on_kaggle")
def test_three_killed_kernels_of_atari_are_one_training(project: Project) -> None:
    relayed(project, atari(), "backend=kaggle")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return index_of_gridlab(tmp_path / "index", monkeypatch)


@NEEDS_ATARI
def test_three_killed_containers_of_atari_are_one_training(
    project: Project, in_containers: dict[str, Any], index: Path
) -> None:
    packages = ["ale-py", "opencv-python-headless"]
    for name in packages:
        make_wheel_of_installed(index, name)
    relayed(project, atari(packages=packages, **in_containers), "backend=docker")


@pytest.mark.usefixtures("index")
def test_three_killed_processes_with_a_package_are_one_training(project: Project) -> None:
    relayed(project, packaged())


@pytest.mark.usefixtures("index")
def test_three_killed_containers_with_a_package_are_one_training(
    project: Project, in_containers: dict[str, Any]
) -> None:
    relayed(project, packaged(**in_containers), "backend=docker")


@pytest.mark.usefixtures("index", "on_kaggle")
def test_three_killed_kernels_with_a_package_are_one_training(project: Project) -> None:
    relayed(project, packaged(), "backend=kaggle")
