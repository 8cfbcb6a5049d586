"""Where a script stands, from what Slurm says and what lies in its sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.states import State
from executors.base import Status
from executors.shared_sandboxes import with_who_asked
from executors.slurm.standing import (
    FORGOTTEN_SECONDS,
    LATEST_RECORD_SECONDS,
    RECORD_SECONDS,
    STOPS,
    Seen,
    standing,
)
from executors.slurm.words import SlurmJob


def seen(
    state: str | None,
    *,
    has_started: bool = True,
    silent: float = 0.0,
    reason: str = "None",
) -> Status:
    job = None if state is None else SlurmJob("7", state, reason)
    return standing(Seen(job, has_started, silent), Path("/scratch/one"), "python")


def test_a_job_waits_runs_and_ends() -> None:
    assert seen("PENDING", has_started=False, reason="Priority") == Status(
        State.QUEUED, reason="job 7 waits in Slurm's queue: other jobs come before it (Priority)"
    )
    assert seen("PENDING", reason="Priority") == Status(State.RUNNING)  # it has begun since Slurm was asked
    assert seen("RUNNING") == Status(State.RUNNING)
    assert seen("SUSPENDED") == Status(State.RUNNING)
    assert seen("COMPLETING") == Status(State.RUNNING, is_ending=True)


@pytest.mark.parametrize(
    ("state", "becomes"),
    [
        ("TIMEOUT", State.FAILED),
        ("NODE_FAIL", State.FAILED),
        ("OUT_OF_MEMORY", State.FAILED),
        ("PREEMPTED", State.CANCELLED),
        ("CANCELLED", State.CANCELLED),
    ],
)
def test_an_end_is_believed_once_a_record_of_it_would_have_been_seen(state: str, becomes: State) -> None:
    assert seen(state) == Status(State.RUNNING, is_ending=True)
    assert seen(state, silent=RECORD_SECONDS).state is becomes


def test_a_job_that_ended_by_itself_is_waited_for_longer_since_it_has_left_a_record() -> None:
    assert seen("COMPLETED", silent=RECORD_SECONDS) == Status(State.RUNNING, is_ending=True)
    assert seen("COMPLETED", silent=LATEST_RECORD_SECONDS).state is State.FAILED


def test_a_job_that_slurm_does_not_know_is_lost_only_after_a_while() -> None:
    assert seen(None) == Status(State.RUNNING, is_ending=True)
    assert seen(None, has_started=False) == Status(State.QUEUED, is_ending=True)
    assert seen(None, silent=FORGOTTEN_SECONDS).state is State.FAILED
    assert seen(None, has_started=False, silent=FORGOTTEN_SECONDS).state is State.FAILED


def test_who_asked_for_an_end_is_told() -> None:
    stopped = Status(State.CANCELLED, 143, "asked to stop (SIGTERM)")
    assert with_who_asked(stopped, STOPS, is_asked_to_stop=True) == stopped
    told = with_who_asked(stopped, STOPS, is_asked_to_stop=False)
    assert "as Slurm does before the end of its time" in str(told.reason)
    failed = Status(State.FAILED, 1, "exit code 1")
    assert with_who_asked(failed, STOPS, is_asked_to_stop=False) == failed
