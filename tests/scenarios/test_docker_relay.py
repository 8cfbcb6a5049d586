"""A run through containers, cut off wherever it can be, ends as if nothing had happened."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import Execution
from contract.events import Event, parse_event
from runner.curve.stitching import stitched
from tests.engine import Containers, engine_itself, small_container
from tests.project import PATIENCE_SECONDS, Project, cart_pole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker import DockerClient

    from runner.layout import SessionFolder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STAGES = ("package", "execute", "download", "validate", "restore")
KILLS = (("execute",), ("execute", "download"))
"""In which stages of each session doit is killed, without `--long`: those that ask the engine. The others know of no
backend, and are killed in `test_kaggle_relay.py` and `test_killed_runner.py`."""
GOALS = (128, 192, 256)
SAVE_FREQUENCY = 640
RUN = ("run_full", "backend=docker")


def contained(**changes: Any) -> dict[str, Any]:
    """A job in a container small enough for any machine."""
    return cart_pole(docker=small_container(), device="cpu", **changes)


@pytest.fixture(scope="module")
def engine() -> Iterator[DockerClient]:
    with engine_itself() as client:
        yield client


@pytest.fixture
def containers(engine: DockerClient, project: Project) -> Iterator[Containers]:
    there = Containers(engine, project.runs.backend("docker"))
    yield there
    there.remove()


def events(session: SessionFolder) -> list[Event]:
    log = session.log.read_text(encoding="utf-8") if session.log.exists() else ""
    return [
        event for line in log.splitlines(keepends=True) if line.endswith("\n") and (event := parse_event(line[:-1]))
    ]


def wait_for_training(project: Project, number: int, timesteps: int) -> None:
    """Until a session has trained for so many timesteps, as far as its log says."""
    session = project.runs.session("cart", number)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while max((each.values.get("timesteps", 0) for each in events(session)), default=0) < timesteps:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ended(project: Project, number: int) -> Execution:
    return Execution.read(project.runs.session("cart", number).execution_json)


def write_hungry(folder: Path) -> None:
    """An environment that takes ever more memory in a container, and none elsewhere."""
    folder.mkdir()
    text = """
import os
import gymnasium as gym
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

class Hungry(CartPoleEnv):
    kept = []

    def step(self, action):
        if os.path.exists("/.dockerenv"):
            self.kept.append(bytearray(os.urandom(1 << 20) * 64))
        return super().step(action)

gym.register("Hungry-v0", entry_point=Hungry)
"""
    (folder / "__init__.py").write_text(text, encoding="utf-8")


def test_what_goes_wrong_is_a_sentence_and_sessions_killed_in_their_stages_are_one_uninterrupted_run(
    project: Project, containers: Containers, engine: DockerClient, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    everything_goes_wrong(project)
    kills = [STAGES] * len(GOALS) if request.config.getoption("--long") else KILLS
    for number, stages in enumerate(kills, start=1):
        goal = GOALS[number - 1]
        project.write_jobs(cart=contained(total_timesteps=goal))
        for stage in stages:
            project.kill_at(stage, *RUN, operations=number - 1)
        assert f"reached {goal} of {goal} timesteps: goal met" in project.doit(*RUN)
        assert project.adopted("cart", number).timesteps == goal
    assert project.starts("cart") == len(project.sessions("cart")) == len(kills)
    assert containers.all() == containers.volumes() == []
    uninterrupted = Project(tmp_path / "uninterrupted")
    uninterrupted.write_jobs(cart=contained(total_timesteps=GOALS[len(kills) - 1]))
    uninterrupted.doit(*RUN)
    assert Containers(engine, uninterrupted.runs.backend("docker")).all() == []
    assert project.digest("cart", len(kills)) == uninterrupted.digest("cart", 1)


def everything_goes_wrong(project: Project) -> None:
    """Each time a sentence says what, and at last the job is begun afresh."""
    job = contained(total_timesteps=64)
    project.write_jobs(cart=job)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{project.root}/docker.sock")
        output = project.doit(*RUN, expect=1)
        assert "docker.sock: gives no answer (No such file or directory); start Docker Desktop, or run" in output
        assert "Traceback" not in output
    # What was refused was not submitted: the job may be changed.
    project.write_jobs(cart={**job, "docker": {**job["docker"], "image": "kaggle-relay:none"}})
    assert "kaggle-relay:none: is not there; run `make image PROFILE=none`" in project.doit(*RUN, expect=1)
    project.write_jobs(cart={**job, "docker": {**job["docker"], "memory": "64m"}})
    assert "a session on the docker backend has 64.0 MiB" in project.doit(*RUN, expect=2)
    hungry = {**job, "docker": {**job["docker"], "memory": "1g"}, "sources": ["lab"], "env": {"id": "lab:Hungry-v0"}}
    write_hungry(project.root / "lab")
    project.write_jobs(cart=hungry)
    output = project.doit(*RUN, expect=1)
    assert "ended: it ran out of memory at 1.0 GiB: raise `docker.memory` in jobs.yaml" in output
    project.doit("fresh:cart")


def test_docker_stop_loses_nothing_and_docker_kill_at_most_what_was_not_saved(
    project: Project, containers: Containers
) -> None:
    project.write_jobs(cart=contained(total_timesteps=10**9, save_freq=SAVE_FREQUENCY))
    process = project.start(*RUN)
    wait_for_training(project, 1, SAVE_FREQUENCY)
    containers.only().stop()
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    stopped = project.adopted("cart", 1)
    metadata = json.loads((project.runs.session("cart", 1).artifacts / "training_metadata.json").read_text("utf-8"))
    assert (ended(project, 1).state, ended(project, 1).exit_code) == ("CANCELLED", 143)
    assert metadata["interrupted_by"] == "SIGTERM"
    assert stopped.timesteps == metadata["timesteps"] >= SAVE_FREQUENCY
    assert "asked to stop (SIGTERM)" in output

    process = project.start(*RUN)
    wait_for_training(project, 2, metadata["timesteps"] + 2 * SAVE_FREQUENCY)
    containers.only().kill()
    process.communicate(timeout=PATIENCE_SECONDS)
    began = next(each for each in events(project.runs.session("cart", 2)) if each.name == "started")
    assert began.values["timesteps"] == metadata["timesteps"]  # of what was stopped nothing is done again
    reached = max(each.values.get("timesteps", 0) for each in events(project.runs.session("cart", 2)))
    assert ended(project, 2).reason == "it was killed (SIGKILL), or the engine's machine went down"
    lost = reached - project.adopted("cart", 2).timesteps
    assert 0 <= lost <= SAVE_FREQUENCY
    curve = stitched(project.runs, "cart")
    assert [each.ends for each in curve.stretches] == [metadata["timesteps"], project.adopted("cart", 2).timesteps]
    assert {each.session for each in curve.series("train/loss")} == {1, 2}
    assert curve.stretches[1].ending.startswith("it was killed (SIGKILL)")
    assert containers.all() == containers.volumes() == []
