"""A file as it goes to Kaggle: some contents one after the other, which need not lie together here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Sent:
    """What is sent under one name.

    Args:
        parts: files of this machine, and bytes.
    """

    parts: tuple[Path | bytes, ...]

    @property
    def size(self) -> int:
        """Bytes of it all."""
        return sum(map(_size, self.parts))

    def pieces(self, begin: int = 0) -> Iterator[bytes]:
        """Its bytes from `begin` on, some at a time."""
        for part in self.parts:
            size = _size(part)
            if begin < size:
                yield from _pieces(part, begin)
            begin = max(0, begin - size)


def _size(part: Path | bytes) -> int:
    return len(part) if isinstance(part, bytes) else part.stat().st_size


def _pieces(part: Path | bytes, begin: int) -> Iterator[bytes]:
    if isinstance(part, bytes):
        yield part[begin:]
        return
    with part.open("rb") as stream:
        stream.seek(begin)
        while piece := stream.read(PIECE_BYTES):
            yield piece
