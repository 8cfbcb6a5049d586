"""Where a session may run, as far as it matters to what can be installed there."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.jobs.distributions import normalised, requirements

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST_GLIBC = 5
LEGACY = ("manylinux2014", "manylinux2010", "manylinux1")


@dataclass(frozen=True)
class Place:
    """A Python on a kind of machine, with what is installed there.

    Args:
        name: by which the lock names it.
        called: in a sentence, after "for".
        has: versions by distribution, which stay as they are.
        python: as `3.12`; None for the one that runs here.
        platforms: the tags of wheels that run there, best first; empty for this machine's own.
    """

    name: str
    called: str
    has: Mapping[str, str]
    python: str | None = None
    platforms: tuple[str, ...] = ()

    @property
    def options(self) -> list[str]:
        """What pip is told of the place."""
        if self.python is None:
            return []
        platforms = [f"--platform={each}" for each in self.platforms]
        return ["--implementation=cp", f"--python-version={self.python}", *platforms]


def this_machine() -> Place:
    """Where local sessions run, and trials; of what is installed, only what kaggle-relay needs belongs to it."""
    python = ".".join(platform.python_version_tuple()[:2])
    has = {normalised(each.name): each.version for each in requirements()}
    machine = platform.machine().lower()
    return Place(f"{sys.platform}-{machine}-{python}", f"Python {python} on this machine", has)


def linux(glibc: int, machine: str = "x86_64") -> tuple[str, ...]:
    """The tags of wheels that run on Linux with glibc 2.`glibc`, best first."""
    numbered = [f"manylinux_2_{minor}_{machine}" for minor in range(glibc, OLDEST_GLIBC - 1, -1)]
    return (*numbered, *(f"{each}_{machine}" for each in LEGACY), f"linux_{machine}")
