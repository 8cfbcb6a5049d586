"""Where a script stands, from what Ray says and what lies in its sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.states import State
from executors.base import Status
from executors.ray.standing import (
    FORGOTTEN_SECONDS,
    LATEST_RECORD_SECONDS,
    RECORD_SECONDS,
    STOPS,
    Seen,
    standing,
)
from executors.ray.words import COMMAND_FAILED, RayJob
from executors.shared_sandboxes import with_who_asked

NODES_END_AFTER_SECONDS = 60
"""Ray's own default, once their head is gone."""


def seen(
    state: str | None,
    error: str | None = None,
    *,
    has_started: bool = True,
    silent: float = 0.0,
    is_node_gone: bool = False,
) -> Status:
    job = None if state is None else RayJob("relay-a", state, error, is_node_gone=is_node_gone)
    return standing(Seen(job, has_started, silent, {"CPU": 1}), Path("/storage/one"), "python")


def test_a_job_waits_runs_and_ends() -> None:
    waits = "job relay-a waits until a node of the Ray cluster has 1 CPU free"
    assert seen("PENDING", has_started=False) == Status(State.QUEUED, reason=waits)
    assert seen("PENDING") == Status(State.RUNNING)  # it has begun since Ray was asked
    assert seen("RUNNING") == Status(State.RUNNING)
    assert seen("RUNNING", has_started=False, silent=1e6) == Status(State.RUNNING)


@pytest.mark.parametrize(("state", "becomes"), [("FAILED", State.FAILED), ("STOPPED", State.CANCELLED)])
def test_an_end_is_believed_once_a_record_of_it_would_have_been_seen(state: str, becomes: State) -> None:
    assert seen(state) == Status(State.RUNNING, is_ending=True)
    assert seen(state, silent=RECORD_SECONDS).state is becomes


def test_a_job_that_ended_by_itself_is_waited_for_longer_since_it_has_left_a_record() -> None:
    assert seen("SUCCEEDED", silent=RECORD_SECONDS) == Status(State.RUNNING, is_ending=True)
    assert seen("SUCCEEDED", silent=LATEST_RECORD_SECONDS).state is State.FAILED


def test_a_job_that_ray_only_lost_sight_of_is_waited_for_likewise() -> None:
    lost = "JOB_SUPERVISOR_ACTOR_START_FAILURE"
    assert seen("FAILED", lost, silent=RECORD_SECONDS) == Status(State.RUNNING, is_ending=True)
    assert seen("FAILED", lost, silent=LATEST_RECORD_SECONDS).state is State.FAILED
    assert seen("FAILED", COMMAND_FAILED, silent=RECORD_SECONDS).state is State.FAILED


def test_a_job_that_is_said_to_run_on_a_node_that_is_dead_has_failed() -> None:
    assert seen("RUNNING", is_node_gone=True) == Status(State.RUNNING, is_ending=True)
    status = seen("RUNNING", is_node_gone=True, silent=RECORD_SECONDS)
    assert status.state is State.FAILED
    assert "its node failed" in str(status.reason)


def test_a_job_that_ray_does_not_know_is_lost_only_after_its_node_has_ended_too() -> None:
    assert FORGOTTEN_SECONDS > NODES_END_AFTER_SECONDS
    assert seen(None) == Status(State.RUNNING, is_ending=True)
    assert seen(None, has_started=False) == Status(State.QUEUED, is_ending=True)
    assert seen(None, silent=FORGOTTEN_SECONDS).state is State.FAILED
    assert seen(None, has_started=False, silent=FORGOTTEN_SECONDS).state is State.FAILED


def test_who_asked_for_an_end_is_told() -> None:
    stopped = Status(State.CANCELLED, 143, "asked to stop (SIGTERM)")
    assert with_who_asked(stopped, STOPS, is_asked_to_stop=True) == stopped
    assert str(with_who_asked(stopped, STOPS, is_asked_to_stop=False).reason).endswith("as `ray job stop` does")
    failed = Status(State.FAILED, 1, "exit code 1")
    assert with_who_asked(failed, STOPS, is_asked_to_stop=False) == failed
