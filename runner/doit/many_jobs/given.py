"""What the loop is given, so that tests can give it another: a clock, and what makes a pass."""

from __future__ import annotations

import time
from collections.abc import Callable  # noqa: TC003 - a named tuple keeps its annotations
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from runner.doit.graph import Graph
    from runner.doit.passes import PassCodes


class Time(NamedTuple):
    """Seconds that pass, and what waits for some of them."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


THIS_MACHINES = Time(time.monotonic, time.sleep)


class MakePass(Protocol):
    """Runs stages of the jobs of a graph."""

    def __call__(self, graph: Graph, *, only_packages: bool = False) -> PassCodes:
        """Run all that are to be done, or those only that package a session; say what came of each job."""
