"""What a session measured, read as a stranger's: line by line, each by itself, so that an odd one costs no other."""

from __future__ import annotations

import math
import stat
from typing import TYPE_CHECKING

import msgspec

from contract.documents.metrics import LONGEST_LINE, MOST_BYTES, MOST_EPISODES, MOST_KEYS, Row, is_key
from restore.reading.spans import UnsoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROWS = msgspec.json.Decoder(Row)
_LARGEST_COUNT = 1 << 63
_LATEST = 1 << 40
"""Seconds since 1970; beyond is no time."""


class MetricsReader:
    """The rows of a file of metrics, in its order; opened anew each time that they are asked for.

    Args:
        path: the file.

    Attributes:
        skipped: lines that are none, of those that were read last; one that is cut at the end of the file is not among
            them, since a kill leaves such.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = 0

    def rows(self) -> Iterator[Row]:
        """Each row, read when it is asked for.

        Raises:
            FileNotFoundError: there is no such file.
            OSError: it cannot be read.
            UnsoundError: it is no plain file, or larger than any that a session writes.
        """
        self.skipped = 0
        status = self.path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise UnsoundError("is not a plain file (a link, a folder or a device)")
        if status.st_size > MOST_BYTES:
            raise UnsoundError(f"has {status.st_size:,} bytes, more than {MOST_BYTES:,}")
        with self.path.open("rb") as stream:
            left = MOST_BYTES
            while left > 0 and (line := stream.readline(min(LONGEST_LINE, left))):
                left -= len(line)
                if not line.endswith(b"\n"):
                    if len(line) < LONGEST_LINE:
                        return  # a kill has cut it, or the session is about to write the rest
                    self.skipped += 1
                    while left > 0 and (rest := stream.readline(min(LONGEST_LINE, left))):
                        left -= len(rest)
                        if rest.endswith(b"\n"):
                            break
                    continue
                row = parse_row(line)
                if row is None:
                    self.skipped += 1
                else:
                    yield row


def parse_row(line: bytes) -> Row | None:
    """The row that a line states, None where it states none."""
    try:
        row = _ROWS.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return row if _is_possible(row) else None


def _is_possible(row: Row) -> bool:
    numbers = (*row.values.values(), *row.rewards)
    return (
        0 <= row.timesteps < _LARGEST_COUNT
        and 0 <= row.at < _LATEST
        and len(row.values) <= MOST_KEYS
        and len(row.rewards) == len(row.lengths) <= MOST_EPISODES
        and all(map(math.isfinite, numbers))
        and all(0 <= each < _LARGEST_COUNT for each in row.lengths)
        and all(map(is_key, row.values))
        and (row.kind != "session" or row.event is not None)
    )
