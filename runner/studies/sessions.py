"""What a search asks of whoever runs sessions, and what it is told."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.studies.judging import Evaluated


class Stand(enum.Enum):
    """Where a job stands once it went on."""

    UNDER_WAY = enum.auto()
    """A session of it runs or waits."""
    ENDED = enum.auto()
    """A session of it has ended, and there may be more to do at once."""
    MET = enum.auto()
    """Its goal is met."""
    STUCK = enum.auto()
    """No further session would get it there."""
    AT_REST = enum.auto()
    """No session of it runs, and none is to begin: somebody has asked it to stop."""


class Went(NamedTuple):
    """How far a job went.

    Args:
        stand: where it stands.
        why: in words.
    """

    stand: Stand
    why: str = ""


class Sessions(Protocol):
    """Has the jobs of a search go on."""

    def look(self, jobs: Sequence[str]) -> None:
        """Ask after the sessions of some jobs at once; `advance` goes by the answers."""
        ...

    def advance(self, job: str, *, begins: bool) -> Went:
        """Do of a job what can be done without waiting, and copy what its session has printed.

        Args:
            job: its name.
            begins: whether a further session may begin.

        Raises:
            RelayError: something is wrong that is no fault of the job.
        """
        ...

    def stop(self, job: str) -> None:
        """Ask a running session to stop after a last checkpoint."""
        ...

    def let_go(self, job: str) -> None:
        """Have done with a job that goes on no more."""
        ...

    def evaluated(self, job: str, frequency: int) -> list[Evaluated]:
        """The evaluations of a job so far, by timesteps.

        Args:
            job: its name.
            frequency: timesteps between two of them.
        """
        ...

    def reached(self, job: str) -> int:
        """Timesteps of the newest adopted checkpoint of a job."""
        ...
