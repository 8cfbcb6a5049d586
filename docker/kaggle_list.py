"""The frozen lists of what Kaggle's images have, one for each Python, or what `pip freeze` prints in any image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LISTS = {"3.12": "kaggle-packages.txt", "3.13": "kaggle-packages-3.13.txt"}
"""By the Python of the image that they are about."""
USUAL = "3.12"
"""Whose image the locks mirror."""
_IMAGE = re.compile(r"^# image:\s*(\S+@sha256:[0-9a-f]{64})\s*$", re.MULTILINE)
_LINE = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<wanted>(?:[=<>~!]=?|@)\s*\S+)?$")


@dataclass(frozen=True)
class Listed:
    """One package of a list.

    Args:
        name: as the registry normalises it: `typing-extensions`.
        version: exactly, or the range or address that was asked for; None where the image lacks it.
        source: the word that says where the line is from; empty in a list that has none.
    """

    name: str
    version: str | None
    source: str = ""

    @property
    def exact(self) -> str | None:
        """The version where the list knows it to the digit."""
        return None if self.version is None or self.version[0] in "<>~!@" else self.version


def normalised(name: str) -> str:
    """Spell a package's name as the registry does (https://peps.python.org/pep-0503/#normalized-names)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(path: Path) -> dict[str, Listed]:
    """Read a list, by the packages' names.

    Raises:
        ValueError: a line is none of a list.
    """
    listed = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text, _, source = line.partition("#")
        if not text.strip() or text.startswith("-e "):
            continue
        found = _LINE.match(text.strip().partition(";")[0].strip())
        if found is None:
            raise ValueError(f"{path}, line {number}: {line.strip()!r} names no package; expected NAME==VERSION")
        name = normalised(found["name"])
        wanted = found["wanted"]
        listed[name] = Listed(name, wanted.removeprefix("==").strip() if wanted else None, source.strip())
    return listed


def name_for(python: str) -> str:
    """The name of the list that is about an image with this Python; the usual one's where there is none."""
    minor = ".".join(python.split(".")[:2])
    return minor if minor in LISTS else USUAL


def image_of(path: Path) -> str | None:
    """The image that a list is about, by its digest, where its head states it."""
    found = _IMAGE.search(path.read_text(encoding="utf-8"))
    return found[1] if found else None


def differences(listed: Mapping[str, Listed], versions: Mapping[str, str | None]) -> list[str]:
    """In what the versions that somebody saw differ from a list, as `numpy 2.1.4 (2.1.3)`; builds are left aside."""
    found = []
    for name, version in sorted(versions.items()):
        package = listed.get(normalised(name))
        exact = package.exact if package is not None else None
        if exact is not None and exact.partition("+")[0] != (version or "").partition("+")[0]:
            found.append(f"{name} {version or 'none'} ({exact})")
    return found
