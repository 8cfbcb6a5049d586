"""Those that wait for slots of one kind, in the order of their turns, and those that have one."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.scheduling.demands import Demand

Own = tuple[int, float, int, int]
"""Where a job stands among those of its group: its priority, what it had, its sessions, its position."""
Rank = tuple[int, float, float, int, int, int]
"""Where it stands among all: as above, with what its group had and how many of that have a slot after what it had."""

_MOST_OUT_OF_DATE = 8
"""Entries of a heap to each that is not out of date, after which it is made anew."""


@dataclass
class GroupHad:
    """What the jobs of a group had.

    Args:
        ended: seconds of the sessions that have ended.
        live: how many have a slot now.
        began: the sum of the times at which these got it.
    """

    ended: float = 0.0
    live: int = 0
    began: float = 0.0

    def seconds(self, now: float) -> float:
        """For how long they had their device, until now."""
        return self.ended + (self.live * now - self.began)

    def gives(self, now: float) -> None:
        """One of them gets a slot."""
        self.live, self.began = self.live + 1, self.began + now

    def takes(self, began: float) -> None:
        """One of them gives back the slot that it got at `began`."""
        self.live -= 1
        self.began = self.began - began if self.live else 0.0


@dataclass
class Lane:
    """The jobs that need slots of one kind.

    Args:
        live: those that have one.
        returning: those whose session has ended, and which may wait again after a pass.
        tired: until when none tries to get one.
        refusals: how many found the place busy since it last took one.
    """

    live: set[str] = field(default_factory=set)
    returning: set[str] = field(default_factory=set)
    tired: float = -math.inf
    refusals: int = 0
    _waiting: defaultdict[str, list[tuple[Own, str]]] = field(default_factory=lambda: defaultdict(list))
    """For each group its jobs, by where they stand in it, with entries that are out of date."""
    _ranks: dict[str, Rank] = field(default_factory=dict)
    """Where the first job of each group stands."""
    _heads: list[tuple[Rank, str]] = field(default_factory=list)
    """The groups by that, with entries that are out of date."""

    @property
    def has_waiting(self) -> bool:
        """Whether a job waits."""
        return bool(self._ranks)

    def queue(self, demand: Demand) -> None:
        """Have a job wait; it is to be ranked thereafter."""
        heapq.heappush(self._waiting[demand.group], (standing_in_group(demand), demand.job))

    def rank(self, group: str, had: GroupHad, now: float, waits: Callable[[Own, str], bool]) -> None:
        """Have a group stand where it belongs, by its first job and by what it had.

        Args:
            group: its name; empty for the jobs that have none, each of which is a group of its own.
            had: what it had.
            now: the time.
            waits: whether an entry of its jobs is not out of date.
        """
        waiting = self._waiting.get(group, [])
        while waiting and not waits(*waiting[0]):
            heapq.heappop(waiting)
        if not waiting:
            self._ranks.pop(group, None)
            self._waiting.pop(group, None)
            return
        (priority, seconds, sessions, position), _ = waiting[0]
        of_group = (had.seconds(now), had.live) if group else (seconds, 0)
        rank = (priority, seconds, *of_group, sessions, position)
        if self._ranks.get(group) != rank:
            self._ranks[group] = rank
            heapq.heappush(self._heads, (rank, group))
        if len(self._heads) > _MOST_OUT_OF_DATE * len(self._ranks):
            self._heads = sorted((rank, group) for group, rank in self._ranks.items())

    def first(self) -> tuple[Rank, str] | None:
        """The job whose turn it is."""
        while self._heads:
            rank, group = self._heads[0]
            if self._ranks.get(group) == rank:
                return rank, self._waiting[group][0][1]
            heapq.heappop(self._heads)
        return None


def standing_in_group(demand: Demand) -> Own:
    """Where a job stands among those of its group."""
    return (-demand.priority, demand.seconds, demand.sessions, demand.position)
