"""Which jobs there are: asked at each tick, so that a search may add some and give others up while the loop runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Jobs(Protocol):
    """The jobs of a command, which may come and go between ticks."""

    def now(self) -> Sequence[str]:
        """The names of the jobs that are to go on, in the order in which equals come first.

        A name that is new is taken in. A job that is named no more begins no further session, and the session that it
        has is watched and brought home. The loop ends once each job that is named has ended, and none has a session.
        """

    def has_ended(self, job: str, code: int) -> None:
        """`job` goes no further: its goal is met, or something that was said keeps it from there; told once for each.

        Args:
            job: its name; what `now` gives next need not have it.
            code: as the command would end if this job were its only one.
        """


@dataclass(frozen=True)
class TheseJobs:
    """Those that a command line names: none comes, and none goes."""

    names: tuple[str, ...]

    def now(self) -> Sequence[str]:
        """All of them."""
        return self.names

    def has_ended(self, job: str, code: int) -> None:
        """Nothing is to be done about it."""
