"""A session is asked after once in a while, and its end is believed when it is certain."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from unittest import mock

from contract.states import State
from runner.backends.kaggle.names import Handle
from runner.backends.kaggle.notes import Notes
from runner.backends.kaggle.watch import LIMIT_MARGIN_SECONDS, Watch
from tests.runner.backends.kaggle.conftest import PATIENCE_SECONDS, follow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from executors.base import Status
    from tests.runner.backends.kaggle.conftest import Kaggle


def watch(
    kaggle: Kaggle, handle: str, left_its_output: Callable[[Handle], bool] = lambda _: True, **changes: float
) -> Watch:
    """A session that is watched."""
    connection = kaggle.backend(**changes).connection
    return Watch(connection, Handle.parse(handle), left_its_output, lambda: "; much is left")


def submitted(kaggle: Kaggle, name: str, **orders: Any) -> str:
    """A session that was pushed."""
    folder, key = kaggle.package(name, **orders)
    return kaggle.backend().submit(folder, key)


def until_it_ends(watched: Watch) -> Status:
    """Its terminal status."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (status := watched.status()).state.is_terminal:
        assert time.monotonic() < deadline
        watched.log(0)
        time.sleep(0.005)
    return status


def test_kaggle_is_asked_once_between_two_polls_and_at_once_when_the_log_has_ended(kaggle: Kaggle) -> None:
    handle = submitted(kaggle, "paced", seconds=0.2)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while kaggle.backend().status(handle).state is State.QUEUED:
        assert time.monotonic() < deadline
    watched = watch(kaggle, handle, poll=600.0)
    before = kaggle.calls("GetKernelSessionStatus")
    assert until_it_ends(watched).state is State.COMPLETE
    asked = kaggle.calls("GetKernelSessionStatus") - before
    assert asked <= 6, "a first look, a look when the log had ended, and that again until it is so"
    watched.close()


def test_each_of_many_sessions_is_asked_after_less_often(kaggle: Kaggle) -> None:
    handle = submitted(kaggle, "one-of-many")
    watched = watch(kaggle, handle, poll=10.0)
    asked = []
    with mock.patch("runner.backends.kaggle.watch.time") as clock:
        for now in (100.0, 105.0, 111.0, 136.0):
            clock.monotonic.return_value = now
            before = kaggle.calls("GetKernelSessionStatus")
            watched.status(3.5)  # as for one of seven
            asked.append(kaggle.calls("GetKernelSessionStatus") > before)
    assert asked == [True, False, False, True]
    watched.close()


def test_a_queued_session_has_no_log_and_says_what_it_waits_for(kaggle: Kaggle) -> None:
    handle = submitted(kaggle, "queued")
    kaggle.fault("answer", "GetKernelSessionStatus", fields={"status": "QUEUED"}, first=2)
    watched = watch(kaggle, handle, poll=0.0001)
    assert watched.log(0) == b""
    first = watched.status()
    time.sleep(0.001)
    assert watched.status() == first
    assert (first.state, first.reason) == (State.QUEUED, "waits in Kaggle's queue; much is left")
    assert watched.log(0) == b""
    until_it_ends(watched)
    watched.close()


def test_an_end_that_the_output_does_not_bear_out_is_doubted_for_a_while(kaggle: Kaggle) -> None:
    handle = submitted(kaggle, "doubted")
    watched = watch(kaggle, handle, lambda _: False, patience=0.3)
    doubts = set()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (status := watched.status()).state.is_terminal:
        assert time.monotonic() < deadline
        doubts.add(status.reason)
        time.sleep(0.005)
    assert "has ended on Kaggle, but its output is not there yet" in doubts
    assert status.state is State.COMPLETE
    watched.close()


def test_a_failure_without_a_reason_has_the_last_words_of_the_log(kaggle: Kaggle) -> None:
    handle = submitted(kaggle, "failing", exit_code=3)
    watched = watch(kaggle, handle)
    status = until_it_ends(watched)
    assert (status.state, status.reason) == (State.FAILED, "ends")
    whole = watched.log(0)
    assert whole.startswith(b"begins\nin ")
    assert watched.log(7) == whole[7:]
    watched.close()


def test_a_command_that_attaches_counts_from_when_the_session_was_first_seen_to_run(
    kaggle: Kaggle, tmp_path: Path
) -> None:
    handle = submitted(kaggle, "long-ago", until=str(tmp_path / "end"))
    notes, parsed = Notes(kaggle.runs.backend("kaggle")), Handle.parse(handle)
    first = Watch(kaggle.backend().connection, parsed, lambda _: True, str, seconds_seen=notes.seconds_seen)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while first.status().state is not State.RUNNING:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    first.close()
    now = time.time() + 3600.0 + LIMIT_MARGIN_SECONDS

    def an_hour_later(handle: Handle, state: State) -> float:
        with mock.patch("time.time", return_value=now):
            return notes.seconds_seen(handle, state)

    watched = Watch(kaggle.backend().connection, parsed, lambda _: True, str, limit=3600.0, seconds_seen=an_hour_later)
    while "beyond the limit at which Kaggle was to end it" not in str(watched.status().reason):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    watched.close()
    assert notes.seconds_seen(Handle(parsed.slug, parsed.version + 1, parsed.key), State.RUNNING) == 0.0
    assert notes.seconds_seen(Handle(parsed.slug, 1, "0" * 64), State.RUNNING) == 0.0
    (tmp_path / "end").touch()
    follow(kaggle.backend(), handle)


def test_a_session_that_kaggle_does_not_end_at_its_limit_is_told(kaggle: Kaggle, tmp_path: Path) -> None:
    handle = submitted(kaggle, "endless", until=str(tmp_path / "end"))
    connection = kaggle.backend().connection
    watched = Watch(connection, Handle.parse(handle), lambda _: True, str, limit=-LIMIT_MARGIN_SECONDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "beyond the limit at which Kaggle was to end it" not in str((status := watched.status()).reason):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert status.state is State.RUNNING
    assert "look at relay-endless on kaggle.com" in str(status.reason)
    (tmp_path / "end").touch()
    assert until_it_ends(watched).state is State.COMPLETE
    watched.close()


def test_how_long_a_session_waits_is_counted_over_commands_that_only_look(
    kaggle: Kaggle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = Handle.parse(submitted(kaggle, "stalled"))
    kaggle.fault("answer", "GetKernelSessionStatus", fields={"status": "QUEUED"}, first=3)
    notes = Notes(tmp_path)
    notes.note(handle.key, {"id": handle.slug, "session_timeout_seconds": 600, "kernel_sources": []})

    def one_look() -> Status:
        return Watch(kaggle.backend().connection, handle, lambda _: True, str, seconds_seen=notes.seconds_seen).status()

    assert one_look().reason == "waits in Kaggle's queue"
    assert one_look().reason == "waits in Kaggle's queue"
    now = time.time() + kaggle.backend().connection.settings.queue_patience
    monkeypatch.setattr("runner.backends.kaggle.notes.time.time", lambda: now)
    assert "still waits in Kaggle's queue" in str(one_look().reason)
    until_it_ends(watch(kaggle, str(handle)))
    assert notes.seconds_seen(handle, State.COMPLETE) == 0.0
