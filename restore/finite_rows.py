"""Whether every fraction in the rows of a replay buffer is a finite number, in pieces as they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from contract.errors import shown

if TYPE_CHECKING:
    from collections.abc import Iterable


class Column(NamedTuple):
    """One array in the rows of a segment: its name, NumPy's name of its type, and its bytes in one row."""

    name: str
    dtype: str
    row_bytes: int


class FiniteRows:
    """Follows the raw bytes of a segment: array after array, each with all of its rows.

    Args:
        columns: the arrays.
        rows: how many rows of each.
    """

    def __init__(self, columns: Iterable[Column], rows: int) -> None:
        self._ahead = [(each.name, np.dtype(each.dtype), rows * each.row_bytes) for each in reversed(tuple(columns))]
        self._rest = b""
        self.problem: str | None = None

    def feed(self, piece: bytes) -> None:
        """Take the next bytes, which may end in the middle of a number."""
        known = self._rest + piece
        while self._ahead:
            name, dtype, left = self._ahead.pop()
            taken = min(left, len(known) - len(known) % dtype.itemsize)
            if dtype.kind == "f" and not np.isfinite(np.frombuffer(known, dtype, taken // dtype.itemsize)).all():
                self.problem = self.problem or f"holds NaN or infinity among its {shown(name)}"
            known = known[taken:]
            if taken < left:
                self._ahead.append((name, dtype, left - taken))
                break
        self._rest = known if self._ahead else b""
