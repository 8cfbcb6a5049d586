"""Replay segments on disk: written in the artifact writer's thread, shared by checkpoints, removed when unnamed."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Literal

from contract.documents.session import FileEntry, Replay, ReplayField, ReplaySegment
from contract.errors import CheckpointError
from contract.storage import files, layout

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

COMPRESSION_LEVEL = 1
"""The fastest: a session computes on the other cores."""
SAMPLE_BYTES = 1 << 16
WORTHWHILE_SHARE = 0.8
"""Compressing numbers that look random costs time and gains nothing: images shrink far below this, floats do not."""


class SegmentStore:
    """The segments of one replay buffer as they lie in a folder.

    Everything here happens in the artifact writer's thread, in the order in which it was submitted,
    so that a checkpoint names exactly the rows that stood in the buffer when it was taken.

    Args:
        folder: where the segments lie.
        kind: the name of the buffer's class.
        capacity: rows that the buffer can hold.
        fields: its arrays.
    """

    def __init__(self, folder: Path, kind: str, capacity: int, fields: tuple[ReplayField, ...]) -> None:
        self._folder = folder
        self._kind = kind
        self._capacity = capacity
        self._fields = fields
        self._current: dict[int, ReplaySegment] = {}

    def put(self, first_row: int, rows: int, raw: npt.NDArray[np.uint8]) -> tuple[Path, FileEntry] | None:
        """Write the rows from `first_row` on, in the place of those that the buffer held there before.

        Args:
            first_row: where in the buffer they begin.
            rows: how many they are.
            raw: their bytes, field by field.

        Returns:
            The file and its entry, or None where a file of equal content lies there already.
        """
        content, compression = _compressed(raw)
        entry = FileEntry(bytes=len(content), sha256=files.sha256_of_bytes(content))
        self._current[first_row] = ReplaySegment(
            first_row=first_row, rows=rows, compression=compression, **entry.model_dump()
        )
        path = self._folder / layout.segment_name(entry.sha256)
        if path.exists():
            return None
        files.write_bytes(path, content)
        return path, entry

    def adopt(self, segment: ReplaySegment, source: Path) -> tuple[Path, FileEntry]:
        """Take over a segment of the parent, so that the checkpoints to come stand without it."""
        path = self._folder / layout.segment_name(segment.sha256)
        files.link_or_copy(source, path)
        self._current[segment.first_row] = segment
        return path, FileEntry(bytes=segment.bytes, sha256=segment.sha256)

    def replay(self) -> Replay:
        """The buffer as it stands: what a checkpoint names."""
        segments = tuple(segment for _, segment in sorted(self._current.items()))
        return Replay(kind=self._kind, capacity=self._capacity, fields=self._fields, segments=segments)


def unnamed_segments(folder: Path, named: Iterable[Replay | None]) -> list[Path]:
    """The segments in `folder` that none of `named` needs."""
    kept = {layout.segment_name(each.sha256) for replay in named if replay for each in replay.segments}
    return [path for path in folder.glob(layout.segment_name("*")) if path.name not in kept]


def read_segment(segment: ReplaySegment, folder: Path, raw_bytes: int) -> bytes:
    """The raw bytes of a segment, after its digest was checked.

    Args:
        segment: which one.
        folder: where the segments lie.
        raw_bytes: how many they must be.

    Raises:
        CheckpointError: it is missing, or is not the segment that was named.
    """
    path = folder / layout.segment_name(segment.sha256)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(path.name, f"cannot be read: {error}") from error
    if files.sha256_of_bytes(content) != segment.sha256:
        raise CheckpointError(path.name, "is not the replay segment that its name states: its sha256 is another")
    if segment.compression == "zlib":
        try:
            content = zlib.decompressobj().decompress(content, raw_bytes + 1)
        except zlib.error as error:
            raise CheckpointError(path.name, f"cannot be decompressed: {error}") from error
    if len(content) != raw_bytes:
        raise CheckpointError(path.name, f"holds {len(content):,} bytes of transitions instead of {raw_bytes:,}")
    return content


def _compressed(raw: npt.NDArray[np.uint8]) -> tuple[bytes, Literal["none", "zlib"]]:
    sample = raw[:SAMPLE_BYTES].tobytes()
    if len(zlib.compress(sample, COMPRESSION_LEVEL)) > WORTHWHILE_SHARE * len(sample):
        return raw.tobytes(), "none"
    return zlib.compress(raw.data, COMPRESSION_LEVEL), "zlib"
