"""A container's log by byte offset, though the engine knows entries and times only.

The engine gives one frame for each entry: a line, or a piece of a long one. Each frame begins with the time of its
entry, which is cut off. Reading on from where the last call ended costs what is new; anything else reads it all.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OVERLAP = dt.timedelta(seconds=0.5)
"""Where an image keeps two streams apart, an entry may be a little older than the one before it."""
LOOKED_AT_FIRST = 500
"""Entries at the end of a log that are asked for first: more than come between two looks."""
_SECOND_LENGTH = len("2026-01-31T12:30:59")
_MICROSECONDS = 6


class LogEntry(NamedTuple):
    """A line of the log, or a piece of a long one, and when the engine got it."""

    time: dt.datetime
    content: bytes


class Source(Protocol):
    """What gives the log's frames, each with its time before it."""

    def __call__(self, since: float | None = None, last: int | None = None) -> Iterable[bytes]:
        """The frames whose time is `since` (seconds since 1970) or later, of the `last` so many; of all for None."""


@dataclass
class LogCursor:
    """How far a log was read.

    Args:
        offset: bytes read.
        recent: the times of the latest entries, in the order of the log.
    """

    offset: int = 0
    recent: list[dt.datetime] = field(default_factory=list)

    def read(self, source: Source, offset: int) -> bytes:
        """What the log holds from byte `offset` on."""
        if offset != self.offset or not self.recent:
            self.offset, self.recent = 0, []
            return self._take(parse_entries(source()))[offset:]
        since = max(self.recent) - OVERLAP
        known = sum(time >= since for time in self.recent)
        # The engine reads a log from its beginning, unless it is asked for its end.
        frames = list(source(since.timestamp(), LOOKED_AT_FIRST))
        if len(frames) >= LOOKED_AT_FIRST:
            frames = list(source(since.timestamp()))
        return self._take(parse_entries(frames[known:]))

    def _take(self, entries: Iterable[LogEntry]) -> bytes:
        news = bytearray()
        for entry in entries:
            news += entry.content
            self.recent.append(entry.time)
        self.offset += len(news)
        if self.recent:
            begin = max(self.recent) - 2 * OVERLAP
            self.recent = [time for time in self.recent if time >= begin]
        return bytes(news)


def parse_entries(frames: Iterable[bytes]) -> Iterator[LogEntry]:
    """The entries that the engine's frames hold."""
    for frame in frames:
        time, _, content = frame.partition(b" ")
        yield LogEntry(_parsed(time.decode("ascii")), content)


def _parsed(text: str) -> dt.datetime:
    """A time such as `2026-01-31T12:30:59.123456789Z`, to the microsecond."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    micro = int(fraction[:_MICROSECONDS].ljust(_MICROSECONDS, "0")) if fraction else 0
    return dt.datetime.fromisoformat(seconds[:_SECOND_LENGTH]).replace(microsecond=micro, tzinfo=dt.UTC)
