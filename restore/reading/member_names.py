"""Names inside an archive from a stranger: each must be a plain file below its folder on every system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.errors import shown
from contract.storage.confinement import Strictness, confined, one_spelling
from restore.reading.spans import UnsoundError

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
    path = confined(name, Strictness.EVERY_SYSTEM)
    if path is None or str(path) != name:  # one spelling only: `a//b` is no other file than `a/b`
        raise UnsoundError(f"has a member {shown(name)}, a name that leads out of its folder or to no file")
    return name


def refuse_doubles(names: Iterable[str]) -> None:
    """Check that no two names are one file where case or the composition of accents is ignored.

    Raises:
        UnsoundError: two are.
    """
    seen: set[str] = set()
    for name in names:
        spelling = one_spelling(name)
        if spelling in seen:
            raise UnsoundError(f"has the member {shown(name)} twice")
        seen.add(spelling)
