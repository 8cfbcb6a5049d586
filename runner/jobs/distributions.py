"""Distributions that are installed here: how they are spelled, and which of them kaggle-relay needs."""

from __future__ import annotations

import re
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import Distribution

OWN_DISTRIBUTION = "kaggle-relay"


def normalised(name: str) -> str:
    """Spell a distribution's name as registries do (https://peps.python.org/pep-0503/#normalized-names)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distribution_name(requirement: str) -> str:
    """The distribution that a requirement is about, spelled so."""
    return normalised(re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0])


def requirements() -> Iterator[Distribution]:
    """Our distribution's requirements, and theirs, as far as they are installed."""
    waiting, seen = [OWN_DISTRIBUTION], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        yield found
        # Of our own optional requirements, whatever is installed counts: sessions of some jobs import it.
        waiting += [
            distribution_name(each)
            for each in found.requires or ()
            if name == OWN_DISTRIBUTION or "extra ==" not in each
        ]
