"""The frozen list of what Kaggle's image has: `kaggle-packages.txt`, or what `pip freeze` prints in any image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

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
