"""JSON from strangers: an object of so many values at most, which says everything once and in numbers that exist.

Python's own reader takes more than the standard has (NaN, a key twice, half a surrogate pair), and
what it took fails later: where it is printed, written down, or read by another program.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from contract.errors import shown
from restore.reading.spans import UnsoundError

_MAX_DIGITS = 300
"""A whole number of more is infinite as a float, which a field may read it as."""


def read_object(content: bytes, *, max_values: int, strict: bool = True) -> dict[str, Any]:
    """The JSON object that `content` is.

    Args:
        content: its bytes, of a bounded number.
        max_values: how many values it may hold at most; each takes up to some hundred bytes of memory.
        strict: False for what SB3 writes and reads with Python's own rules.

    Raises:
        UnsoundError: it is something else.
    """
    if sum(map(content.count, (b"[", b"{", b","))) > max_values:
        raise UnsoundError(f"holds more than {max_values:,} values")
    hooks: dict[str, Any] = {
        "object_pairs_hook": _unique,
        "parse_constant": _refuse_constant,
        "parse_float": _finite,
        "parse_int": _whole,
    }
    try:
        values = json.loads(content.decode("utf-8"), **(hooks if strict else {}))
        if strict:  # half a surrogate pair would fail in every later print
            json.dumps(values, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise UnsoundError(f"is not JSON that can be read ({shown(str(error))})") from None
    if not isinstance(values, dict):
        raise UnsoundError("is JSON, but not an object")
    return values


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key stands twice")
    return values


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_constant(text)


def _whole(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text)
