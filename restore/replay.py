"""Whether the replay buffer of a checkpoint is there and whole: its description, then the files that it names.

Every number is checked before a file is opened. A segment is read once, in pieces: its digest is
taken, what is compressed is unpacked no further than its rows reach, and fractions must be finite
numbers. Nothing of it is kept.
"""

from __future__ import annotations

import hashlib
import stat
import zlib
from typing import TYPE_CHECKING, NamedTuple

from contract.errors import shown
from contract.storage.files import CHUNK_BYTES, short
from contract.storage.layout import segment_name
from restore.finite_rows import Column, FiniteRows
from restore.reading.spans import Span, UnsoundError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from contract.documents.session import FileEntry, Replay, ReplayField, ReplaySegment

MAX_SEGMENTS = 4_096
"""The trainer cuts a buffer into some 1,000 at most."""
MAX_FIELDS = 1_024
"""A buffer has about six arrays; observations that are a dict have one for each key, twice."""
MAX_DIMENSIONS = 32
"""Of an array in every version of NumPy."""
ITEM_BYTES = {
    **dict.fromkeys(("|b1", "|i1", "|u1"), 1),
    **dict.fromkeys(("<i2", "<u2", "<f2"), 2),
    **dict.fromkeys(("<i4", "<u4", "<f4"), 4),
    **dict.fromkeys(("<i8", "<u8", "<f8"), 8),
}
"""Bytes of a number by NumPy's name of its type; no other type stands in a segment."""

_LARGEST_SHOWN = 1 << 63
_SLACK_SHARE, _SLACK_BYTES = 100, 1_024
"""Compressing what has no pattern adds a few bytes for each block: far less than a hundredth."""


class SegmentReading(NamedTuple):
    """All that the verdict on a segment's file depends on: what it must be, and what its rows are."""

    sha256: str
    stored_bytes: int
    rows: int
    columns: tuple[Column, ...]
    compression: str

    @property
    def raw_bytes(self) -> int:
        """Bytes of its rows."""
        return self.rows * sum(each.row_bytes for each in self.columns)


Judged = dict[SegmentReading, str | None]
"""The problem of each segment that was read, or None where it is sound."""


def check_replay(
    replay: Replay, folder: Path, *, listed: Mapping[str, FileEntry], max_bytes: int, judged: Judged | None = None
) -> None:
    """Check that every row of a replay buffer is there, in files that are as the checkpoint states them.

    Args:
        replay: what the checkpoint says of its buffer.
        folder: where the segments lie.
        listed: size and sha256 of every downloaded file of `folder`, by its name.
        max_bytes: the largest buffer to look at, in bytes of its filled rows.
        judged: the verdicts so far; a segment that stands there is not read again.

    Raises:
        UnsoundError: a row is missing, described twice or damaged, or the description is impossible.
    """
    columns = _columns(replay, max_bytes)
    _check_rows(replay, sum(each.row_bytes for each in columns), max_bytes)
    judged = {} if judged is None else judged
    for number, segment in enumerate(replay.segments, start=1):
        reading = SegmentReading(segment.sha256, segment.bytes, segment.rows, columns, segment.compression)
        if reading not in judged:
            judged[reading] = _problem_with(reading, folder, listed.get(segment_name(segment.sha256)))
        if problem := judged[reading]:
            raise UnsoundError(f"{_called(number, replay, segment)} {problem}")


def _called(number: int, replay: Replay, segment: ReplaySegment) -> str:
    return f"its replay segment {number} of {len(replay.segments)} ({short(segment.sha256)}…)"


def _number(value: int) -> str:
    """A stranger's number for people; one of thousands of digits has no text in Python."""
    return f"{value:,}" if value < _LARGEST_SHOWN else "2**63 or more"


def _columns(replay: Replay, max_bytes: int) -> tuple[Column, ...]:
    """The arrays, each with its bytes in one row."""
    if not 0 < len(replay.fields) <= MAX_FIELDS:
        raise UnsoundError(f"its replay buffer has {len(replay.fields):,} arrays instead of 1 to {MAX_FIELDS:,}")
    names = {field.name for field in replay.fields}
    if len(names) != len(replay.fields):
        raise UnsoundError("its replay buffer has two arrays of one name")
    total, columns = 0, []
    for field in replay.fields:
        columns.append(Column(field.name, field.dtype, _field_bytes(field)))
        total += columns[-1].row_bytes
        if total > max_bytes:
            raise _too_large(total, max_bytes)
    return tuple(columns)


def _field_bytes(field: ReplayField) -> int:
    called = f"the array {shown(field.name)} of its replay buffer"
    if field.dtype not in ITEM_BYTES:
        raise UnsoundError(f"{called} has the type {shown(field.dtype)}, which is not one of plain numbers")
    if len(field.shape) > MAX_DIMENSIONS:
        raise UnsoundError(f"{called} has {len(field.shape):,} dimensions, more than {MAX_DIMENSIONS}")
    size = ITEM_BYTES[field.dtype]
    for length in field.shape:
        if length == 0:
            raise UnsoundError(f"{called} has a dimension of length 0")
        size *= length
    return size


def _check_rows(replay: Replay, row_bytes: int, max_bytes: int) -> None:
    """The segments hold the rows from 0 on, each once, and no more than the buffer has."""
    if len(replay.segments) > MAX_SEGMENTS:
        raise UnsoundError(f"its replay buffer has {len(replay.segments):,} segments, more than {MAX_SEGMENTS:,}")
    reached = 0
    for number, segment in enumerate(replay.segments, start=1):
        if segment.first_row != reached:
            flaw = "leaves a gap" if segment.first_row > reached else "overlaps the one before"
            begins = f"begins at row {_number(segment.first_row)} instead of {_number(reached)}"
            raise UnsoundError(f"{_called(number, replay, segment)} {begins}: it {flaw}")
        reached += segment.rows
        if reached > replay.capacity:
            ends = f"reaches row {_number(reached)} of a buffer of {_number(replay.capacity)} rows"
            raise UnsoundError(f"{_called(number, replay, segment)} {ends}")
        if reached * row_bytes > max_bytes:
            raise _too_large(reached * row_bytes, max_bytes)


def _too_large(found: int, max_bytes: int) -> UnsoundError:
    problem = f"its replay buffer holds {_number(found)} bytes, more than the {max_bytes:,} allowed"
    return UnsoundError(f"{problem} by validation.max_replay_bytes", "raise validation.max_replay_bytes")


def _problem_with(reading: SegmentReading, folder: Path, entry: FileEntry | None) -> str | None:
    """What is wrong with a segment's file, in half a sentence."""
    try:
        _check_file(reading, folder, entry)
    except FileNotFoundError:
        return "is missing" if entry is None else "is missing: it was downloaded, and is gone"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except UnsoundError as error:
        return error.problem
    return None


def _check_file(reading: SegmentReading, folder: Path, entry: FileEntry | None) -> None:
    path = folder / segment_name(reading.sha256)
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise UnsoundError("is not there: the folder of the segments is a link or a file")
    if not stat.S_ISREG(path.lstat().st_mode):
        raise UnsoundError("is not a plain file (a link, a folder or a device)")
    if entry is None:
        raise UnsoundError("is not in the download's manifest: it was added afterwards")
    with path.open("rb") as stream:
        span = Span(stream)
        _check_size(reading, span.size)
        _check_content(reading, span)


def _check_size(reading: SegmentReading, found: int) -> None:
    if found != reading.stored_bytes:
        guess = ": it is cut off" if found < reading.stored_bytes else ""
        raise UnsoundError(f"has {found:,} bytes instead of {_number(reading.stored_bytes)}{guess}")
    raw = reading.raw_bytes
    if reading.compression == "none" and found != raw:
        raise UnsoundError(f"has {found:,} bytes, and its rows take {raw:,}")
    if found > raw + raw // _SLACK_SHARE + _SLACK_BYTES:
        raise UnsoundError(f"has {found:,} bytes, more than its rows could take: {raw:,} before compression")


def _check_content(reading: SegmentReading, span: Span) -> None:
    digest = hashlib.sha256()
    rows = FiniteRows(reading.columns, reading.rows)
    unpacking = _Unpacking(reading.raw_bytes, rows) if reading.compression == "zlib" else None
    for chunk in span.chunks():
        digest.update(chunk)
        if unpacking:
            unpacking.feed(chunk)
        else:
            rows.feed(chunk)
    if (found := digest.hexdigest()) != reading.sha256:
        name = f"{short(reading.sha256)}…, which its name states"
        raise UnsoundError(f"has the sha256 {short(found)}… instead of {name}")
    if unpacking and (problem := unpacking.end()):
        raise UnsoundError(problem)
    if rows.problem:
        raise UnsoundError(rows.problem)


class _Unpacking:
    """Follows compressed bytes and counts what they unpack to, up to the first byte too many.

    Args:
        expected: bytes that they must unpack to.
        rows: looks at them.
    """

    def __init__(self, expected: int, rows: FiniteRows) -> None:
        self._rows = rows
        self._expected = expected
        self._left = expected
        self._stream = zlib.decompressobj()
        self._problem: str | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; after the first problem they are passed over."""
        while chunk and not self._problem:
            if self._stream.eof:
                self._problem = "has bytes behind its compressed data"
                return
            self._unpack(chunk)
            chunk = self._stream.unused_data or self._stream.unconsumed_tail

    def end(self) -> str | None:
        """What is wrong, now that all bytes were taken."""
        while not self._problem and not self._stream.eof:
            before = self._left
            self._unpack(b"")  # what the decompressor held back
            if self._left == before and not self._stream.eof:
                self._problem = self._problem or "ends in the middle of its compressed data"
        if not self._problem and self._left:
            found = self._expected - self._left
            self._problem = f"unpacks to {found:,} bytes instead of the {self._expected:,} of its rows"
        return self._problem

    def _unpack(self, chunk: bytes) -> None:
        try:
            piece = self._stream.decompress(chunk, min(CHUNK_BYTES, self._left + 1))
        except zlib.error as error:
            self._problem = f"is not compressed as it says ({shown(str(error))})"
            return
        self._left -= len(piece)
        if self._left < 0:
            self._problem = f"unpacks to more than the {self._expected:,} bytes of its rows"
            return
        self._rows.feed(piece)
