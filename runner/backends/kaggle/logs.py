"""What a session on Kaggle prints: live while it runs, whole once it has ended."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

END = "END_OF_LOG"
"""What the stream ends with."""
_DATA = "data:"
_END_OF_LINE = "\n"
_FAILURES_BORNE = 5
_STOP_PATIENCE_SECONDS = 2.0


_OF_KAGGLES_OWN = re.compile(r"\[NbConvertApp\]|\[Nb\w+\]|\S*mistune\S*:|0\.00s - |\S*nbconvert\S*:\d+|\s")
"""Begins a line that Kaggle prints after a script has ended: nbconvert's, its libraries', and what follows."""


def log_text(events: Iterable[Any], owner: str, *, is_whole: bool = True) -> str:
    """The text of a log's events, whose boundaries are not those of lines: of each stream the lines that are whole.

    A log is copied into `runs/`, so the account's name is taken out of the paths of mounts.

    Args:
        events: records with `stream_name` and `data`, or plain lines.
        owner: the account's name.
        is_whole: whether the session has ended, so that a line without its end is whole too.
    """
    lines = []
    begun: dict[str, str] = {}
    for event in events:
        if isinstance(event, str):
            lines.append(f"{event.removesuffix(_END_OF_LINE)}\n")
            continue
        data = event.get("data") if isinstance(event, dict) else None
        if not isinstance(data, str):
            continue
        stream = str(event.get("stream_name"))
        whole, end, begun[stream] = (begun.get(stream, "") + data).rpartition(_END_OF_LINE)
        lines.append(whole + end)
    if is_whole:
        lines += [f"{rest}\n" for rest in begun.values() if rest]
    return "".join(lines).replace(f"/{owner}/", "/.../")


def last_words(text: str) -> str:
    """The last line that a session printed, before those that Kaggle prints when a script has ended; empty for none."""
    lines = [line for line in text.split("\n") if line.strip()]
    own = next((at for at in range(len(lines), 0, -1) if not _OF_KAGGLES_OWN.match(lines[at - 1])), len(lines))
    return lines[own - 1].strip() if lines else ""


def stored_events(log: str) -> list[Any]:
    """The events of a stored log: a JSON array of them, or plain lines."""
    with contextlib.suppress(ValueError):
        stored = json.loads(log)
        return stored if isinstance(stored, list) else [stored]
    return [line for line in log.splitlines() if line]


class LiveLog:
    """Reads the log stream of a running session in a thread of its own.

    The stream begins anew with each connection, so that events are counted
    (https://github.com/Kaggle/kaggle-cli/blob/main/docs/kernels.md).

    Args:
        connect: opens the stream; a context manager of an answer.
        pause: seconds before it is opened again.
    """

    def __init__(self, connect: Callable[[], contextlib.AbstractContextManager[httpx.Response]], pause: float) -> None:
        self.events: list[Any] = []
        self.has_ended = False
        self._connect = connect
        self._pause = pause
        self._stopped = threading.Event()
        self._answer: httpx.Response | None = None
        self._thread = threading.Thread(target=self._read, name="kaggle-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read no further; a stream that is silent is broken off, so that its thread ends with it."""
        self._stopped.set()
        if self._answer is not None:
            _break_off(self._answer)
        self._thread.join(_STOP_PATIENCE_SECONDS)

    def _read(self) -> None:
        failures = 0
        while failures < _FAILURES_BORNE and not self._stopped.is_set():
            before = len(self.events)
            try:
                with self._connect() as answer:
                    self._answer = answer
                    if self._stopped.is_set():  # perhaps it was, before there was an answer to break off
                        break
                    answer.raise_for_status()
                    if answer.headers.get("Content-Type", "").lower().startswith("text/event-stream"):
                        self._take(answer)
                break  # or the session has ended, and its stored log is asked for elsewhere
            except (httpx.HTTPError, httpx.StreamError, OSError, RuntimeError):  # RuntimeError: closed meanwhile
                failures = 0 if len(self.events) > before else failures + 1
                self._stopped.wait(self._pause)
        self.has_ended = True

    def _take(self, answer: httpx.Response) -> None:
        for number, event in enumerate(_stream_events(answer)):
            if self._stopped.is_set():
                return
            if number >= len(self.events):
                self.events.append(event)


def _break_off(answer: httpx.Response) -> None:
    """Wake whoever reads `answer`: closing a socket does not, and a silent stream is borne for minutes."""
    stream = answer.extensions.get("network_stream")
    connected = stream.get_extra_info("socket") if stream is not None else None
    if isinstance(connected, socket.socket):
        with contextlib.suppress(OSError):
            socket.socket.shutdown(connected, socket.SHUT_RDWR)  # an SSLSocket's own takes its reader's state away


def _stream_events(answer: httpx.Response) -> Iterator[Any]:
    """The events of a stream.

    Raises:
        httpx.StreamError: it broke off before its end.
    """
    for line in answer.iter_lines():
        if not line.startswith(_DATA):
            continue
        payload = line.removeprefix(_DATA).strip()
        if payload == END:
            return
        event: Any = None
        with contextlib.suppress(ValueError):
            event = json.loads(payload)
        yield event if isinstance(event, dict) else payload
    raise httpx.StreamError("the stream broke off")
