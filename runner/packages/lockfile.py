"""packages.lock, beside jobs.yaml: which wheels a list of packages became, for each place, by digest.

It is meant to be committed with jobs.yaml: sessions weeks later, and on other machines, get the same versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from contract.errors import InputError
from contract.storage import files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Wheel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One wheel; its file name says for which Python and platform it is."""

    name: str
    version: str
    file: str
    sha256: str


class Locked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a list of packages became in one place.

    Args:
        packages: the list, as jobs.yaml has it.
        place: the place's name.
        versions: of the listed packages, which their place may have itself.
        wheels: all that a session brings along.
    """

    packages: tuple[str, ...]
    place: str
    versions: dict[str, str]
    wheels: tuple[Wheel, ...]


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    locked: tuple[Locked, ...] = ()
    format: int = 1

    def of(self, packages: Sequence[str], place: str | None = None) -> Locked | None:
        """What a list became in a place; in the first that it was locked for if none is given."""
        for each in self.locked:
            if each.packages == tuple(packages) and place in (None, each.place):
                return each
        return None

    def versions(self, packages: Sequence[str]) -> dict[str, str]:
        """What is chosen of a list, in whatever place."""
        chosen: dict[str, str] = {}
        for each in self.locked:
            if each.packages == tuple(packages):
                chosen = {**{wheel.name: wheel.version for wheel in each.wheels}, **each.versions, **chosen}
        return chosen

    def pinned(self, packages: Sequence[str]) -> list[str]:
        """The list as it is locked; as it stands where it is not."""
        found = self.of(packages)
        if found is None:
            return list(packages)
        return [f"{name}=={version}" for name, version in sorted(found.versions.items())]


def read_lock(path: Path) -> Lock:
    """The lock at `path`, empty where there is none.

    Raises:
        InputError: it cannot be understood.
    """
    try:
        lock = msgspec.json.decode(path.read_bytes(), type=Lock)
    except FileNotFoundError:
        return Lock()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        problem = "cannot be read as the lock of packages"
        raise InputError(path.name, problem, "put it back as it was, or remove it: it is made anew") from None
    for wheel in (wheel for each in lock.locked for wheel in each.wheels):
        if wheel.file != wheel.file.replace("\\", "/").rpartition("/")[2] or not wheel.file.endswith(".whl"):
            raise InputError(
                path.name, f"names a file {wheel.file!r}, which is not the name of a wheel", "put it back as it was"
            )
    return lock


def add(path: Path, locked: Locked) -> None:
    """Add what a list became in a place."""
    lock = read_lock(path)
    if lock.of(locked.packages, locked.place) is None:
        files.write_bytes(path, files.readable_json(msgspec.to_builtins(Lock((*lock.locked, locked)))))
