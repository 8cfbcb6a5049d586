"""Pages of a list, by opaque tokens or by number."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, TypeVar

from emulator.calls.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = TypeVar("Item")
PAGE_SIZE = 20
LARGEST_PAGE = 200


def paginate(
    items: Sequence[Item], size: int | None, token: str | None, number: int | None = None
) -> tuple[Sequence[Item], str]:
    """A page of `items`, and the token of the next one, empty after the last.

    Args:
        items: all of them.
        size: of a page; 20 unless it is given, 200 at most.
        token: which page; the first unless it is given.
        number: which page, counted from 1, where there is no token.

    Raises:
        ApiError: the token is none of this list.
    """
    size = min(size if size and size > 0 else PAGE_SIZE, LARGEST_PAGE)
    start = _start(token) if token else (max(number or 1, 1) - 1) * size
    end = start + size
    following = base64.urlsafe_b64encode(f"at:{end}".encode()).decode() if end < len(items) else ""
    return items[start:end], following


def _start(token: str) -> int:
    try:
        kind, _, start = base64.urlsafe_b64decode(token).decode().partition(":")
        if kind == "at":
            return max(0, int(start))
    except (binascii.Error, ValueError):
        pass
    raise ApiError(400, "Invalid page token")
