"""Ranges of bytes from strangers, read piece by piece, and the error that says what is wrong with them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from contract.storage.files import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST_SHOWN = 1 << 63


class UnsoundError(ValueError):
    """Bytes are not what they must be.

    Args:
        problem: half a sentence: what was found, and what was expected instead.
        remedy: what to do where that is particular to the problem.
    """

    def __init__(self, problem: str, remedy: str | None = None) -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(problem)


def number(value: int) -> str:
    """A stranger's number for people; one of thousands of digits has no place in a sentence, nor a text in Python."""
    return f"{value:,}" if value < _LARGEST_SHOWN else "2**63 or more"


class Span:
    """A range of bytes of a stream, read piece by piece at any place."""

    def __init__(self, stream: BinaryIO, start: int = 0, size: int | None = None) -> None:
        self._stream = stream
        self._start = start
        self.size = stream.seek(0, io.SEEK_END) - start if size is None else size

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`.

        Raises:
            UnsoundError: the range does not hold them.
        """
        if not 0 <= offset <= offset + length <= self.size:
            raise UnsoundError(f"ends after {self.size:,} bytes, sooner than its own headers say")
        self._stream.seek(self._start + offset)
        content = self._stream.read(length)
        if len(content) != length:
            raise UnsoundError("became shorter while it was read")
        return content

    def chunks(self) -> Iterator[bytes]:
        """All of it, in pieces of at most `CHUNK_BYTES`.

        Raises:
            UnsoundError: the stream ends before the range does.
        """
        for offset in range(0, self.size, CHUNK_BYTES):
            yield self.read(offset, min(CHUNK_BYTES, self.size - offset))

    def part(self, offset: int, size: int) -> Span:
        """The range of `size` bytes from `offset` inside this one."""
        return Span(self._stream, self._start + offset, size)
