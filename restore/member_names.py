"""Names inside an archive from a stranger: each must be a plain file below its folder on every system."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from restore.spans import UnsoundError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_NAME_BYTES = 255


def checked_name(raw: bytes, encoding: str) -> str:
    """The name that `raw` spells.

    Raises:
        UnsoundError: it cannot be read or shown, is too long, or would leave its folder.
    """
    try:
        name = raw.decode(encoding)
    except UnicodeDecodeError:
        raise UnsoundError(f"has a member whose name {shown(raw)} cannot be read") from None
    if not name or len(raw) > _MAX_NAME_BYTES or not name.isprintable():
        raise UnsoundError(f"has a member with the impossible name {shown(name)}")
    # An absolute name begins with an empty part, a folder's ends with one; a colon is a Windows drive or stream.
    if any(part in {"", ".", ".."} for part in name.split("/")) or "\\" in name or ":" in name:
        raise UnsoundError(f"has a member {shown(name)}, a name that leads out of its folder or to no file")
    return name


def refuse_doubles(names: Iterable[str]) -> None:
    """Check that no two names are one file where case or the composition of accents is ignored.

    Raises:
        UnsoundError: two are.
    """
    seen: set[str] = set()
    for name in names:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        if folded in seen:
            raise UnsoundError(f"has the member {shown(name)} twice")
        seen.add(folded)
