"""Names of files that a stranger chose, such as those in an archive or a listing: which stay inside their folder.

Source: "Naming Files, Paths, and Namespaces" of Microsoft's documentation, for what Windows makes of a name.
"""

from __future__ import annotations

import enum
import re
import sys
import unicodedata
from pathlib import PurePosixPath

LONGEST_PART_BYTES = 255
LONGEST_NAME_BYTES = 4_095
_LEADS_OUT = frozenset("\\:\0")
"""On Windows a backslash parts folders, and a colon marks a drive or a stream; a null ends a name anywhere."""
_NOT_ON_WINDOWS = frozenset('*?"<>|')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\..*)?", re.IGNORECASE)


class Strictness(enum.Enum):
    """Where a name that leads out of its folder on no system must be one that a file can have, too.

    `NO_SYSTEM` is for folders that are to be there already: whether one can be is found out by looking.
    `THIS_SYSTEM` is for files that are written here under the name; on Windows it is the same as `EVERY_SYSTEM`.
    `EVERY_SYSTEM` is for what is handed on: no device, nothing that Windows drops or does not take, nothing that
    cannot be shown.
    """

    NO_SYSTEM = enum.auto()
    THIS_SYSTEM = enum.auto()
    EVERY_SYSTEM = enum.auto()


def confined(name: str, strictness: Strictness) -> PurePosixPath | None:
    """The path below a folder that `name` spells, or None where it leads out of that folder or to no file.

    Empty parts and single dots are dropped: whoever takes one spelling only compares the path with the name.

    Args:
        name: with `/` between its parts, whatever the system.
        strictness: where a file must be able to have it.
    """
    path = PurePosixPath(name)
    if not path.parts or name.startswith("/") or not _LEADS_OUT.isdisjoint(name):
        return None
    # Windows takes dots and spaces away from the end of a part: what is nothing else might be `..` there.
    if any(not part.rstrip(". ") for part in path.parts) or not _is_text(name):
        return None
    if strictness is Strictness.NO_SYSTEM:
        return path
    if any(len(part.encode()) > LONGEST_PART_BYTES for part in path.parts) or len(name.encode()) > LONGEST_NAME_BYTES:
        return None
    if strictness is Strictness.EVERY_SYSTEM or sys.platform == "win32":
        return path if name.isprintable() and all(map(_is_a_file_on_windows, path.parts)) else None
    return path


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # half of a character, or a byte that is none
        return False
    return True


def _is_a_file_on_windows(part: str) -> bool:
    return part == part.rstrip(". ") and _NOT_ON_WINDOWS.isdisjoint(part) and not _DEVICE.fullmatch(part)


def one_spelling(name: str) -> str:
    """The same text for all names that are one file where case or the composition of accents is ignored."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
