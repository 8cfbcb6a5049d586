"""What an executor does where no cluster answers."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from contract.errors import BackendError, BackendUnreachableError
from contract.states import State
from contract.storage import files
from executors import local_launcher as launcher
from executors.base import Status, Workload
from executors.ray.executor import GIVEN_UP_SECONDS, REQUEST_FILE, SUBMITTED_FILE, RayExecutor
from executors.ray.settings import RaySettings, Submission
from tests.cluster import free_ports
from tests.ray_cluster import NO_RAY, is_installed
from tests.ray_dashboard import VERSION, dashboard

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not is_installed(), reason=NO_RAY)

NAME = "0123456789abcdef"


@pytest.fixture
def workload(tmp_path: Path) -> Workload:
    script = tmp_path / "given.py"
    script.write_text("print('hello')\n", encoding="utf-8")
    return Workload(NAME, script, {})


def submitted(root: Path, address: str) -> Path:
    """A sandbox whose job was submitted to a cluster that is not there."""
    sandbox = root / NAME
    sandbox.mkdir(parents=True)
    files.write_json(sandbox / REQUEST_FILE, Submission.made(RaySettings(), address).document())
    files.write_json(sandbox / SUBMITTED_FILE, {"job": "relay"})
    return sandbox


def nowhere() -> str:
    return f"http://127.0.0.1:{free_ports(1)[0]}"


def test_a_cluster_that_does_not_answer_ends_nothing_but_what_was_cancelled(tmp_path: Path) -> None:
    sandbox = submitted(tmp_path, nowhere())
    assert launcher.claim(sandbox)
    with RayExecutor(tmp_path) as executor:
        for _ in range(2):
            with pytest.raises(BackendUnreachableError, match="gives no answer"):
                executor.status(NAME)
            assert executor.has(NAME)
            executor.stop(NAME)  # by a file, which needs no answer
        long_ago = time.time() - GIVEN_UP_SECONDS - 1
        os.utime(sandbox / launcher.STOP_FILE, (long_ago, long_ago))
        assert executor.status(NAME).state is State.CANCELLED
        launcher.write_once(sandbox / launcher.ENDED_FILE, {"exit_code": 0, "error": None})
        assert executor.status(NAME) == Status(State.COMPLETE, 0)  # the sandbox decides, and nobody is asked


def test_what_has_not_begun_is_cancelled_without_an_answer(tmp_path: Path) -> None:
    submitted(tmp_path, nowhere())
    with RayExecutor(tmp_path) as executor:
        executor.stop(NAME)
        assert executor.status(NAME) == Status(State.CANCELLED, 143, "its job was cancelled before it began")


def test_where_no_answer_came_to_a_submission_nobody_says_that_it_was_not_made(
    tmp_path: Path, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses = {"/api/version": (200, VERSION), "/api/jobs/": (500, "a traceback\nTimeoutError: no agent")}
    with dashboard(refuses) as address, RayExecutor(tmp_path) as executor:
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(BackendUnreachableError, match="TimeoutError: no agent"):
            executor.start(workload)
        assert not executor.has(NAME)  # the cluster that was asked knows of none
    monkeypatch.setenv("RAY_ADDRESS", nowhere())
    with RayExecutor(tmp_path) as later, pytest.raises(BackendUnreachableError):
        later.has(NAME)  # and while it is away, nobody knows


def test_where_no_cluster_is_to_be_found_nothing_is_submitted(
    tmp_path: Path, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_runs(_address: str | None) -> str:
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("ray.dashboard.modules.job.sdk.get_address_for_submission_client", none_runs)
    with RayExecutor(tmp_path) as executor:
        with pytest.raises(BackendError, match=r"there is no cluster on this machine .*; start one by `ray start --he"):
            executor.start(workload)
        assert not executor.has(NAME)
