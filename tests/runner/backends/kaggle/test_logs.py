"""Logs in Kaggle's forms are one text, live as stored."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from typing import TYPE_CHECKING

import httpx

from runner.backends.kaggle.logs import LiveLog, last_words, log_text, stored_events
from tests.runner.backends.kaggle.conftest import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = [{"stream_name": "stdout", "time": 0.1, "data": line} for line in ("one\n", "tw", "o\nthree\nfo", "ur")]


def test_a_stored_log_reads_as_the_live_one() -> None:
    assert log_text(stored_events(json.dumps(EVENTS)), "ann") == log_text(EVENTS, "ann") == "one\ntwo\nthree\nfour\n"
    assert log_text(stored_events("plain\nlines\n"), "ann") == "plain\nlines\n"
    assert log_text(stored_events(""), "ann") == ""
    assert log_text(stored_events('[{"data": null}, {"other": 1}, 7, "text"]'), "ann") == "text\n"


def test_records_of_two_streams_make_whole_lines_of_each() -> None:
    events = [
        {"stream_name": "stdout", "data": "one"},
        {"stream_name": "stderr", "data": "a warn"},
        {"stream_name": "stdout", "data": " line\ntwo"},
        {"stream_name": "stderr", "data": "ing\n"},
    ]
    live = [log_text(events[:count], "ann", is_whole=False) for count in range(len(events) + 1)]
    assert live == ["", "", "", "one line\n", "one line\na warning\n"]
    assert log_text(events, "ann") == "one line\na warning\ntwo\n", "what was shown live is how it begins"


def test_the_last_words_are_the_sessions_own_and_not_those_of_nbconvert() -> None:
    after = (
        "/usr/local/lib/python3.12/dist-packages/mistune.py:435: SyntaxWarning: invalid escape sequence\n"
        "  cells[i][c] = re.sub('a', '|', cell)\n"
        "[NbConvertApp] Converting notebook __script__.ipynb to html\n"
        "[NbConvertApp] Writing 299873 bytes to __results__.html\n"
    )
    assert last_words(f"begins\nValueError: no such thing\n{after}") == "ValueError: no such thing"
    assert last_words(after) == "[NbConvertApp] Writing 299873 bytes to __results__.html"
    assert last_words("") == ""


def test_the_account_is_taken_out_of_paths_and_nothing_else() -> None:
    events = [{"data": "ann reads /kaggle/input/datasets/ann/relay-cart-input/job.json"}]
    assert log_text(events, "ann") == "ann reads /kaggle/input/datasets/.../relay-cart-input/job.json\n"


def streams(*bodies: str) -> tuple[list[int], httpx.Client]:
    """A client whose answers are these, one after the other; and the count of requests."""
    asked: list[int] = []

    def answer(_request: httpx.Request) -> httpx.Response:
        asked.append(len(asked) + 1)
        body = bodies[min(len(asked), len(bodies)) - 1]
        kind = "application/json" if body.startswith("[") else "text/event-stream"
        return httpx.Response(200, headers={"Content-Type": kind}, text=body)

    return asked, httpx.Client(transport=httpx.MockTransport(answer))


def read_whole(client: httpx.Client) -> LiveLog:
    """A log that was read to its end."""
    live = LiveLog(lambda: client.stream("GET", "http://127.0.0.1/"), 0.001)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not live.has_ended:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return live


def sent(*events: object) -> str:
    """Events as the stream sends them."""
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


def test_a_stream_that_breaks_off_is_read_on_without_repetition() -> None:
    asked, client = streams(sent(*EVENTS[:2]), sent(*EVENTS) + "data: END_OF_LOG\n\n")
    with client:
        live = read_whole(client)
    assert live.events == EVENTS
    assert asked == [1, 2]


def test_a_stream_that_gives_nothing_is_given_up() -> None:
    asked, client = streams("")
    with client:
        assert read_whole(client).events == []
    assert len(asked) == 5


def test_a_session_that_has_ended_has_a_stored_log_and_no_stream() -> None:
    asked, client = streams(json.dumps(EVENTS))
    with client:
        assert read_whole(client).events == []
    assert asked == [1]


def test_what_is_no_json_is_text() -> None:
    _, client = streams("data: plain\n\n: a comment\n\ndata: 7\n\ndata: END_OF_LOG\n\n")
    with client:
        assert log_text(read_whole(client).events, "ann") == "plain\n7\n"


def test_reading_can_be_stopped() -> None:
    @contextlib.contextmanager
    def refused() -> Iterator[httpx.Response]:
        raise httpx.ConnectError("no")
        yield

    live = LiveLog(refused, 60)
    live.stop()
    assert not any(thread.name == "kaggle-log" for thread in threading.enumerate())
    assert live.has_ended


def test_a_stream_that_is_silent_is_broken_off() -> None:
    event = f"data: {json.dumps(EVENTS[0])}\n\n".encode()
    with socket.create_server(("127.0.0.1", 0)) as server, httpx.Client() as client:
        live = LiveLog(lambda: client.stream("GET", f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=600), 60)
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + event)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not live.events:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            live.stop()
            assert not any(thread.name == "kaggle-log" for thread in threading.enumerate())
    assert live.events == EVENTS[:1]
