"""The file of what a session measures: appended to, never written anew."""

from __future__ import annotations

import collections
import contextlib
import os
from typing import TYPE_CHECKING

from contract import events
from contract.storage import files

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

    from contract.documents.metrics import Row

SHARES = {"log": 8 << 20, "episodes": 1 << 20, "evaluation": 2 << 20, "pending": 2 << 20, "session": 1 << 20}
"""Bytes of each kind of rows that are kept whole; of the next as many every second row is, then every fourth."""
MOST_SHARES = 8
"""Of a kind, after which it is full: of the logger's dumps that is the 6,000,000th or so."""


class Thinning:
    """Takes ever fewer of ever more rows, so that they take bounded space, and the first ones are all there.

    Args:
        share: bytes after which every second one of what was taken before is.
    """

    def __init__(self, share: int) -> None:
        self._share = share
        self._bytes = 0
        self._seen = 0

    def takes_next(self) -> bool:
        """Whether the next row is one to write."""
        self._seen += 1
        doublings = self._bytes // self._share
        return doublings < MOST_SHARES and self._seen % (1 << doublings) == 0

    def wrote(self, size: int) -> None:
        """Take note of a row that was."""
        self._bytes += size


class Lines:
    """The rows that a session has measured: noted where it trains, written by the thread that writes artifacts.

    Where the disk takes none, they wait in memory, and the training goes on: a checkpoint is worth more than a curve.

    Args:
        path: the file, which is made when the first row is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thinnings = {kind: Thinning(share) for kind, share in SHARES.items()}
        self._noted: collections.deque[Row] = collections.deque()
        self._unwritten = b""
        self._stream: FileIO | None = None
        self._is_made = False
        self._is_synced = True
        self._has_failed = False

    def takes(self, kind: str) -> bool:
        """Whether the next row of that kind is kept; asked before it is made, which costs more."""
        return self._thinnings[kind].takes_next()

    def note(self, row: Row) -> None:
        """Have a row written, of a kind of which the next is kept."""
        self._noted.append(row)

    @property
    def has_some(self) -> bool:
        """Whether there are rows that nobody has begun to write."""
        return bool(self._noted)

    def write(self, *, durably: bool = False) -> None:
        """Append what was noted since; call it from the one thread that writes.

        Args:
            durably: whether it has to survive the machine's end, and not the process's alone.
        """
        lines = [self._line(self._noted.popleft()) for _ in range(len(self._noted))]
        self._unwritten = b"".join((self._unwritten, *lines))
        try:
            self._append()
            if durably and not self._is_synced and self._stream is not None:
                os.fsync(self._stream.fileno())
                self._is_synced = True
        except OSError as error:
            if not self._has_failed:
                self._has_failed = True
                why = error.strerror or error
                events.say(f"{self.path.name} cannot be written now ({why}): what is measured waits in memory")

    def close(self) -> None:
        """Let the file go, until more is written."""
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
            self._stream = None

    def _line(self, row: Row) -> bytes:
        """Made here and not where it is noted: many behind each other take a fraction of what one now and then does."""
        line = row.line()
        self._thinnings[row.kind].wrote(len(line))
        return line

    def _append(self) -> None:
        if not self._unwritten:
            return
        if self._stream is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self.path.open("ab" if self._is_made else "wb", buffering=0)
            self._is_made = True
            files.fsync_directory(self.path.parent)
        self._is_synced = False
        while self._unwritten:  # a disk that is nearly full takes a part
            self._unwritten = self._unwritten[self._stream.write(self._unwritten) :]
