"""Byte offsets into a log of which the engine knows entries and times only."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from executors.docker.log import LOOKED_AT_FIRST, OVERLAP, LogCursor, parse_entries

BEGIN = dt.datetime(2026, 1, 31, 12, 0, 0, tzinfo=dt.UTC)


@dataclass
class Engine:
    """An engine's log: answers with the entries from a time on, in the order in which they came."""

    entries: list[tuple[int, bytes]] = field(default_factory=list)
    asked: list[tuple[float | None, int | None]] = field(default_factory=list)

    def add(self, nanoseconds: int, content: bytes) -> None:
        self.entries.append((nanoseconds, content))

    def __call__(self, since: float | None = None, last: int | None = None) -> list[bytes]:
        self.asked.append((since, last))
        # The engine reads the number as it is written, which is more exact than the number.
        begin = -1 if since is None else int((Decimal(str(since)) - int(BEGIN.timestamp())) * 10**9)
        looked_at = self.entries if last is None else self.entries[-last:]
        return [frame(nanoseconds, content) for nanoseconds, content in looked_at if nanoseconds >= begin]

    @property
    def whole(self) -> bytes:
        return b"".join(content for _, content in self.entries)


def frame(nanoseconds: int, content: bytes) -> bytes:
    """An entry as Docker sends it with `timestamps`."""
    time = BEGIN + dt.timedelta(seconds=nanoseconds // 10**9)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 10**9:09d}Z ".encode() + content


def test_times_are_cut_off_and_nothing_else() -> None:
    frames = [frame(123456789, b"one two\n"), frame(5 * 10**9, b"\n"), b"2026-01-31T12:00:07Z no fraction"]
    assert [(each.time - BEGIN, each.content) for each in parse_entries(frames)] == [
        (dt.timedelta(microseconds=123456), b"one two\n"),
        (dt.timedelta(seconds=5), b"\n"),
        (dt.timedelta(seconds=7), b"no fraction"),
    ]


def test_reading_on_asks_for_what_is_new_only() -> None:
    engine, cursor = Engine(), LogCursor()
    engine.add(0, b"one\n")
    assert cursor.read(engine, 0) == b"one\n"
    engine.add(100 * 10**9, b"two\n")
    assert cursor.read(engine, 4) == b"two\n"
    assert cursor.read(engine, 8) == b""
    first = (BEGIN - OVERLAP).timestamp()
    assert engine.asked == [(None, None), (first, LOOKED_AT_FIRST), (first + 100, LOOKED_AT_FIRST)]


def test_more_than_is_looked_at_first_is_read_too() -> None:
    engine, cursor = Engine(), LogCursor()
    engine.add(0, b"one\n")
    read = cursor.read(engine, 0)
    for number in range(2 * LOOKED_AT_FIRST):
        engine.add(number, f"{number}\n".encode())
    read += cursor.read(engine, len(read))
    assert read == engine.whole
    assert len(engine.asked) == 3


@pytest.mark.parametrize(("offset", "expected"), [(0, b"one\ntwo\n"), (2, b"e\ntwo\n"), (8, b""), (80, b"")])
def test_any_offset_can_be_asked_for(offset: int, expected: bytes) -> None:
    engine, cursor = Engine(), LogCursor()
    engine.add(0, b"one\n")
    engine.add(1, b"two\n")
    for _ in range(2):
        assert cursor.read(engine, offset) == expected
    assert LogCursor().read(engine, 0) == engine.whole


def test_an_empty_log_is_asked_for_again() -> None:
    engine, cursor = Engine(), LogCursor()
    assert cursor.read(engine, 0) == b""
    engine.add(7, b"one\n")
    assert cursor.read(engine, 0) == b"one\n"


@pytest.mark.parametrize("seed", range(20))
def test_whenever_it_is_read_the_pieces_are_the_log(seed: int) -> None:
    # Two streams with a clock reading each: entries of equal times, and some a little older than the one before.
    drawn, engine, cursor = random.Random(seed), Engine(), LogCursor()
    read, now = b"", 0
    for number in range(200):
        now += drawn.choice([0, 0, 1, 1000, 10**6, 10**9, 5 * 10**9])
        engine.add(max(0, now - drawn.choice([0, 0, 1, 10**6, 4 * 10**8])), f"{number}\n".encode())
        if drawn.random() < 0.3:
            read += cursor.read(engine, len(read))
            assert read == engine.whole
    assert len(cursor.recent) < 150
    assert engine.asked.count((None, None)) == 1
