"""Everything that was sent to a tracker which cannot be asked for it, a line of JSON for each row, in order."""

from __future__ import annotations

import json
import os
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from contract.errors import RelayError, shown
from contract.storage import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from runner.curve.measurements import Measurement


class OutgoingRow(msgspec.Struct, frozen=True):
    """What is sent at once.

    Args:
        timesteps: of the training.
        at: when it was measured, in seconds since 1970.
        values: by key.
    """

    timesteps: int
    at: float
    values: dict[str, float]


class Outbox(NamedTuple):
    """A file that only grows: a row is in it, durably, before the tracker has any of it."""

    path: Path

    def rows(self) -> list[OutgoingRow]:
        """What is in it; a line that a kill has cut was never sent.

        Raises:
            RelayError: it is damaged.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        decoder = msgspec.json.Decoder(OutgoingRow)
        try:
            return [decoder.decode(line) for line in whole.splitlines()]
        except msgspec.DecodeError as error:
            remedy = "remove it, and the next command begins a new run"
            raise RelayError(str(self.path), f"is damaged: {shown(str(error))}", remedy) from error

    def append(self, points: Sequence[Measurement]) -> None:
        """Have `points` in it, durably."""
        lines = b"".join(_line(row) for row in _rows(points))
        if not lines:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as stream:
            stream.seek(0)
            stream.truncate(stream.read().rfind(b"\n") + 1)  # a line that a kill has cut
            stream.write(lines)
            stream.flush()
            os.fsync(stream.fileno())
        files.fsync_directory(self.path.parent)


def held(rows: Iterable[OutgoingRow]) -> dict[str, dict[int, float]]:
    """What is in `rows`, by key and timesteps."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        for key, value in row.values.items():
            found.setdefault(key, {})[row.timesteps] = value
    return found


def _rows(points: Sequence[Measurement]) -> Iterator[OutgoingRow]:
    for timesteps, measured in groupby(points, key=lambda each: each.timesteps):
        together = list(measured)
        yield OutgoingRow(timesteps, together[-1].at, {each.key: each.value for each in together})


def _line(row: OutgoingRow) -> bytes:
    return json.dumps(msgspec.to_builtins(row), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
