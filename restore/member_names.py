"""Names inside an archive from a stranger: each must be a plain file below its folder on every system.

Source: "Naming Files, Paths, and Namespaces" of Microsoft's documentation, for what Windows makes of a name.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from contract.errors import shown
from restore.spans import UnsoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_NAME_BYTES = 255
_WINDOWS_CHARACTERS = frozenset('\\:*?"<>|')
"""A backslash parts folders there, a colon marks a drive or stream, and the others stand in no name."""
_WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\..*)?", re.IGNORECASE)


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
    if not _WINDOWS_CHARACTERS.isdisjoint(name) or not all(map(_is_file, name.split("/"))):
        raise UnsoundError(f"has a member {shown(name)}, a name that leads out of its folder or to no file")
    return name


def _is_file(part: str) -> bool:
    # An absolute name begins with an empty part, a folder's ends with one; Windows drops dots and spaces at the end.
    return part == part.rstrip(". ") != "" and not _WINDOWS_DEVICE.fullmatch(part)


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
