"""What the engine says of a container, in words that a user can act on."""

from __future__ import annotations

from typing import Any

import pytest

from contract.states import State
from executors.base import Status
from executors.docker.status import LONGEST_LAST_WORDS, workload_status

TRACEBACK = b"Traceback (most recent call last):\n  File ...\nOSError: [Errno 101] Network is unreachable\n\n"
ENTRY = b"step 1\n\n@entry the time limit of 30 s was over\n"
EVENT = b'the disk is full\n@relay ended {"timesteps": 64}\n'


def status(log: bytes = b"", **state: Any) -> Status:
    document = {
        "State": {"Status": "exited", "ExitCode": 0, "OOMKilled": False, "Error": "", **state},
        "HostConfig": {"Memory": 8 << 30},
    }
    return workload_status(document, lambda: log)


@pytest.mark.parametrize("word", ["running", "paused", "restarting"])
def test_what_is_not_over_runs(word: str) -> None:
    assert status(Status=word) == Status(State.RUNNING)


def test_what_was_never_started_has_failed() -> None:
    assert status(Status="created") == Status(State.FAILED, None, "its container was never started")
    assert status(Status="created", Error="no such device").reason == "no such device"


@pytest.mark.parametrize(
    ("log", "state", "expected"),
    [
        (b"", {"ExitCode": 0}, Status(State.COMPLETE, 0)),
        (b"", {"ExitCode": 143}, Status(State.CANCELLED, 143, "asked to stop (SIGTERM)")),
        (b"", {"ExitCode": 130}, Status(State.CANCELLED, 130, "asked to stop (SIGINT)")),
        (b"", {"ExitCode": 3}, Status(State.FAILED, 3, "exit code 3")),
        (
            TRACEBACK,
            {"ExitCode": 1},
            Status(State.FAILED, 1, "exit code 1: OSError: [Errno 101] Network is unreachable"),
        ),
        (EVENT, {"ExitCode": 1}, Status(State.FAILED, 1, "exit code 1: the disk is full")),
        (ENTRY, {"ExitCode": 124}, Status(State.FAILED, 124, "the time limit of 30 s was over")),
        (b"step 1\n", {"ExitCode": 124}, Status(State.FAILED, 124, "exit code 124: step 1")),
        (
            b"",
            {"ExitCode": 137, "OOMKilled": True},
            Status(State.FAILED, 137, "it ran out of memory at 8.0 GiB: raise `docker.memory` in jobs.yaml"),
        ),
        (
            TRACEBACK,
            {"ExitCode": 1, "OOMKilled": True},
            Status(State.FAILED, 1, "it ran out of memory at 8.0 GiB: raise `docker.memory` in jobs.yaml"),
        ),
        (b"", {"ExitCode": 0, "OOMKilled": True}, Status(State.COMPLETE, 0)),
        (
            b"",
            {"ExitCode": 137},
            Status(State.FAILED, 137, "it was killed (SIGKILL), or the engine's machine went down"),
        ),
        (b"", {"ExitCode": 128, "Error": "exec failed"}, Status(State.FAILED, 128, "exec failed")),
    ],
)
def test_how_a_container_ended_is_told(log: bytes, state: dict[str, Any], expected: Status) -> None:
    assert status(log, **state) == expected


def test_last_words_are_short_and_readable() -> None:
    reason = status(b"\xff" * 1000, ExitCode=1).reason or ""
    assert reason.startswith("exit code 1: \N{REPLACEMENT CHARACTER}")
    assert len(reason) == len("exit code 1: ") + LONGEST_LAST_WORDS
