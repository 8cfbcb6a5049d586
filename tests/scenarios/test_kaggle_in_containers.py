"""The shipped job relayed over an emulated Kaggle whose kernels run in containers: killed anywhere, the same bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.emulated import emulated
from tests.engine import Containers, engine_itself
from tests.project import Project
from tests.scenarios.test_kaggle_relay import (
    DOWNLOAD,
    EXECUTE,
    JOB,
    ROLLOUT,
    TRAINING,
    at_every_moment,
    pushes,
    relay_with_kills,
    shipped_job,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.emulated import EmulatedKaggle

KILLS = (((EXECUTE, 0), (TRAINING, 0), (DOWNLOAD, 0)),)
"""Without `--long`: what only containers can do otherwise is to run while nobody looks, and to be fetched from. All
else is in `test_kaggle_relay.py`; how a session in a container goes on from an earlier one is in
`test_docker_relay.py`."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedKaggle]:
    """An emulator whose executor is Docker, asked often; no container outlives it."""
    with engine_itself() as engine:
        with emulated(tmp_path / "kaggle", executor="docker") as server:
            server.reached_by_commands(monkeypatch, poll=0.1, patience=120)
            yield server
        Containers(engine, server.running.settings.data / "sandboxes").remove()


def uninterrupted(root: Path, goal: int) -> str:
    """The tensors at the goal of one session in a container of the same image that nobody cut off."""
    project = Project(root)
    project.write_jobs(**{JOB: shipped_job(total_timesteps=goal)})
    project.doit("run_full", "backend=docker")
    return project.digest(JOB, 1)


def test_kernels_in_containers_and_doit_killed_at_stages_of_each(
    project: Project, kaggle: EmulatedKaggle, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kills = at_every_moment(3) if request.config.getoption("--long") else KILLS
    relay_with_kills(project, kills)
    assert project.digest(JOB, len(kills)) == uninterrupted(tmp_path / "docker", ROLLOUT * len(kills))
    assert pushes(kaggle) == (len(kills), len(kills))
