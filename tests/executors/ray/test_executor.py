"""Scripts as jobs of a real Ray cluster, and one job of jobs.yaml on the same."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract.errors import BackendError, SessionLostError
from contract.states import State
from executors import watches
from executors.base import Status
from executors.ray import standing
from executors.ray.cluster import RayCluster as Asked
from executors.ray.executor import REQUEST_FILE, SUBMITTED_FILE, RayExecutor
from executors.ray.settings import RaySettings
from tests.executors.scripts import (
    LISTENS,
    NAME,
    PATIENCE_SECONDS,
    TELLS,
    WAITS,
    ended,
    eventually,
    wait_for_log,
    workload,
)
from tests.project import Project, cart_pole
from tests.ray_cluster import CPUS, running_ray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.ray_cluster import RayCluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OTHER = "fedcba9876543210"
START_SECONDS = 15
LONG = pytest.mark.long("each job of Ray's takes a second or two of CPU; those before have the ways that matter most")


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with running_ray(start_seconds=START_SECONDS) as there:  # a node beside its head takes seconds of CPU
        yield there


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "the sandboxes of 100 % of all"


@pytest.fixture
def executor(cluster: RayCluster, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RayExecutor]:
    assert cluster.address
    for each in ("RECORD_SECONDS", "LATEST_RECORD_SECONDS", "FORGOTTEN_SECONDS"):
        monkeypatch.setattr(standing, each, 0.0)
    monkeypatch.setattr(watches, "LONGEST_PAUSE_SECONDS", 0.1)
    own = RayExecutor(root)
    yield own
    for name in (NAME, OTHER):
        with contextlib.suppress(BackendError):
            own.stop(name)


def test_a_script_runs_as_a_job_and_what_it_left_is_fetched(
    executor: RayExecutor, cluster: RayCluster, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a secret")
    before = len(cluster.jobs())
    assert not executor.has(NAME)
    executor.start(workload(tmp_path, TELLS))
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:9")  # it is asked where it was submitted
    assert executor.has(NAME)
    executor.start(workload(tmp_path, TELLS))  # is known, and not submitted again
    (root / NAME / SUBMITTED_FILE).unlink()  # as if the answer to the submission had been lost
    with RayExecutor(root) as later:
        assert later.has(NAME)
        later.start(workload(tmp_path, TELLS))
    assert ended(executor) == Status(State.COMPLETE, 0)
    assert executor.logs(NAME, 0) == b"hello\n"
    assert executor.logs(NAME, 4) == b"o\n"
    executor.fetch(NAME, tmp_path / "fetched")
    seen = {each.stem: each.read_text(encoding="utf-8") for each in (tmp_path / "fetched" / "seen").iterdir()}
    assert seen["inputs"] == "cart payload.json"
    assert "KAGGLE_API_TOKEN" not in seen["variables"]
    assert not Path(seen["temporary"]).exists()
    assert len(cluster.jobs()) == before + 1
    executor.remove(NAME)
    assert not any(root.iterdir())
    with pytest.raises(SessionLostError):
        executor.status(NAME)
    assert not executor.has(NAME)


@LONG
def test_a_job_waits_for_room_for_longer_than_ray_does_and_begins_once(
    executor: RayExecutor, root: Path, tmp_path: Path
) -> None:
    all_there_is = RaySettings(cpus=CPUS, note="k" * 64)
    with RayExecutor(root, all_there_is) as other:
        other.start(workload(tmp_path, WAITS, OTHER))
        eventually(executor, State.RUNNING, name=OTHER)
        other.start(workload(tmp_path, TELLS))
    status = eventually(executor, State.QUEUED)
    assert str(status.reason).endswith(f"waits until a node of the Ray cluster has {CPUS} CPU free")
    request, deadline = root / NAME / REQUEST_FILE, time.monotonic() + PATIENCE_SECONDS
    while '"attempt": 1' in request.read_text(encoding="utf-8"):  # until Ray has given it up
        assert executor.status(NAME).state is State.QUEUED
        assert time.monotonic() < deadline
        time.sleep(0.05)
    executor.stop(OTHER)
    assert ended(executor) == Status(State.COMPLETE, 0)
    assert executor.logs(NAME, 0) == b"hello\n"
    assert eventually(executor, State.CANCELLED, name=OTHER).reason == "asked to stop (SIGTERM)"


def test_a_job_of_jobs_yaml_trains_there_and_its_tensors_are_those_of_this_machine(
    cluster: RayCluster, tmp_path: Path
) -> None:
    before = len(cluster.jobs())
    here, there = Project(tmp_path / "here"), Project(tmp_path / "there")
    here.write_jobs(cart=cart_pole(device="cpu"))
    there.write_jobs(cart=cart_pole(device="cpu", backend="ray", ray={"python": str(cluster.python)}))
    here.doit("run_full")
    assert "goal met" in there.doit("run_full")
    assert len(cluster.jobs()) == before + 1
    assert there.digest("cart", 1) == here.digest("cart", 1)
    assert not any(there.runs.backend("ray").iterdir())


@LONG
def test_a_job_that_is_cancelled_while_it_waits_never_begins(executor: RayExecutor, root: Path, tmp_path: Path) -> None:
    with RayExecutor(root, RaySettings(resources={"moon": 1})) as other:
        other.start(workload(tmp_path, TELLS))
    assert str(eventually(executor, State.QUEUED).reason).endswith("has 1 CPU and 1 moon free")
    executor.stop(NAME)
    assert executor.status(NAME) == Status(State.CANCELLED, 143, "its job was cancelled before it began")


@LONG
def test_a_stop_of_rays_leaves_a_script_the_time_to_end_by_itself(executor: RayExecutor, tmp_path: Path) -> None:
    executor.start(workload(tmp_path, LISTENS))
    wait_for_log(executor, b"waiting")
    executor.kill(NAME)
    status = ended(executor)
    assert (status.state, status.exit_code) == (State.CANCELLED, 143)
    assert status.reason == "asked to stop (SIGTERM), as `ray job stop` does"


@LONG
def test_a_killed_script_is_a_failure(executor: RayExecutor, tmp_path: Path) -> None:
    executor.start(workload(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"))
    status = ended(executor)
    assert status.state is State.FAILED
    assert "ended without a record" in str(status.reason)


@LONG
def test_a_node_without_the_interpreter_says_which_key_to_set(
    root: Path, executor: RayExecutor, tmp_path: Path
) -> None:
    with RayExecutor(root, RaySettings(python="/nowhere/python", folder=tmp_path / "scratch")) as other:
        other.start(workload(tmp_path, TELLS))
    assert "has no /nowhere/python (set ray.python)" in str(ended(executor).reason)  # later commands know no settings
    (sandbox,) = (tmp_path / "scratch").iterdir()
    assert NAME in sandbox.name
    executor.remove(NAME)
    assert not any((tmp_path / "scratch").iterdir())
    assert not any(root.iterdir())


@LONG
def test_a_job_that_ray_does_not_know_is_lost_and_nothing_else_is_submitted(
    executor: RayExecutor, cluster: RayCluster, root: Path, tmp_path: Path
) -> None:
    executor.start(workload(tmp_path, "import time\nprint('begun', flush=True)\ntime.sleep(600)\n"))
    wait_for_log(executor, b"begun")
    text = (root / NAME / REQUEST_FILE).read_text(encoding="utf-8")
    (root / NAME / REQUEST_FILE).write_text(text.replace('"attempt": 1', '"attempt": 7'), encoding="utf-8")
    before = len(cluster.jobs())
    status = ended(executor)
    assert status.state is State.FAILED
    assert "Ray no longer knows its job, which left no record of its end" in str(status.reason)
    assert len(cluster.jobs()) == before
    (root / NAME / REQUEST_FILE).write_text(text, encoding="utf-8")
    executor.kill(NAME)


@LONG
def test_a_submission_of_a_known_name_is_left_as_it_is(
    executor: RayExecutor, cluster: RayCluster, root: Path, tmp_path: Path
) -> None:
    executor.start(workload(tmp_path, TELLS))
    before = len(cluster.jobs())
    for each in (SUBMITTED_FILE, REQUEST_FILE):
        (root / NAME / each).unlink()  # as if somebody else had submitted it
    executor.start(workload(tmp_path, TELLS))
    assert ended(executor) == Status(State.COMPLETE, 0)
    assert len(cluster.jobs()) == before
    assert Asked(os.environ["RAY_ADDRESS"]).known_job("relay-nobody") is None
