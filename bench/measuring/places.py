"""Places that run sessions by Kaggle's rules and by a cluster's, by a clock that stands until somebody moves it."""

from __future__ import annotations

import heapq
import math
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from emulator.store.quota import WEEK, refresh_time, used_seconds, week_start

if TYPE_CHECKING:
    from runner.scheduling.slots import Slot

HOUR: Final = 3600.0
QUOTA: Final = 30 * HOUR
"""GPU time of a week."""
LEAST_WORTH: Final = 0.25 * HOUR
"""Of GPU quota for a session; with less left none is pushed."""
LONGEST: Final = 12 * HOUR
"""A session of Kaggle's, whatever it asks for."""
LATE: Final = 0.5 * HOUR
"""After which a session that is lost is known to be."""
ENDS: Final = (("limit", 0.7), ("crash", 0.2), ("loss", 0.1))

Key = tuple[str, int]
"""A job, and the number of its session."""


class BusyError(Exception):
    """The place takes no session now."""


class Running(NamedTuple):
    """A session that runs, or did.

    Args:
        slot: what it takes.
        began: when.
        ends: when, which only the place knows before.
        limit: seconds after which it has ended at the latest.
        is_cut: whether it was given less time than it asked for, so that the quota holds.
        how: it ends.
    """

    slot: Slot
    began: float
    ends: float
    limit: float
    is_cut: bool
    how: str

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.ends - self.began

    def is_like(self, other: Running) -> bool:
        """Whether another one ran as long and ended likewise."""
        return self.how == other.how and math.isclose(self.seconds, other.seconds, abs_tol=1e-3)


@dataclass
class Tally:
    """What a place has seen.

    Args:
        most_live: sessions at once.
        refused: how often it was busy.
        ends: how sessions ended, and how many.
    """

    most_live: int = 0
    refused: int = 0
    ends: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


class Places:
    """All places, which know each session by its key.

    Args:
        seed: how long a session runs and how it ends follow from it and from its key, not from when it begins.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.sessions: dict[Key, Running] = {}
        self.tallies: defaultdict[Slot, Tally] = defaultdict(Tally)
        self.submitted_twice = 0
        self.most_used = 0.0
        """GPU time of the week in which most was used."""
        self._live: defaultdict[Slot, set[Key]] = defaultdict(set)
        self._coming: list[tuple[float, Key]] = []
        self._week: list[tuple[float, float]] = []

    @property
    def next_end(self) -> float | None:
        """When the next session ends, None where none runs."""
        return self._coming[0][0] if self._coming else None

    def submit(self, key: Key, slot: Slot, limit: float, now: float) -> None:
        """Begin a session.

        Raises:
            BusyError: the slots are taken, or the quota is.
        """
        allowed = self.allowed(slot, limit, now)
        live, tally = self._live[slot], self.tallies[slot]
        if not allowed:
            tally.refused += 1
            raise BusyError
        self.submitted_twice += key in self.sessions
        how, seconds = self._fate(key, limit)
        cut = seconds > allowed
        running = Running(slot, now, now + min(seconds, allowed), allowed, cut, "quota" if cut else how)
        self.sessions[key] = running
        live.add(key)
        tally.most_live = max(tally.most_live, len(live))
        heapq.heappush(self._coming, (running.ends, key))

    def has_ended(self, key: Key, now: float) -> bool:
        """Whether a session has ended, as far as anybody can tell."""
        running = self.sessions[key]
        return now >= running.ends + (LATE if running.how == "loss" else 0.0)

    def move_to(self, now: float) -> None:
        """End what has ended by then."""
        while self._coming and self._coming[0][0] <= now:
            _, key = heapq.heappop(self._coming)
            running = self.sessions[key]
            self._live[running.slot].discard(key)
            self.tallies[running.slot].ends[running.how] += 1
            if running.slot.has_gpu:
                self._note_use(running)

    def share_used(self, slot: Slot, until: float) -> float:
        """How much of its slots, and of the quota where there is one, sessions used until then."""
        ran = [each for each in self.sessions.values() if each.slot == slot and each.began < until]
        used = sum(min(each.ends, until) - each.began for each in ran)
        possible = until * (slot.most or 1)
        if slot.has_gpu:
            weeks, possible = week_start(0.0), 0.0
            while weeks < until:
                there = min(weeks + WEEK, until) - max(weeks, 0.0)
                possible, weeks = possible + min(QUOTA, there * (slot.most or 1)), weeks + WEEK
        return used / possible

    def _note_use(self, running: Running) -> None:
        """Count a GPU session, in each week that it ran in."""
        self._week = [each for each in self._week if each[1] > week_start(running.began)]
        self._week.append((running.began, running.ends))
        for at in {min(running.ends, refresh_time(running.began) - 1e-6), running.ends}:
            running_now = [(self.sessions[key].began, None) for slot in self._live for key in self._gpu(slot)]
            self.most_used = max(self.most_used, used_seconds([*self._week, *running_now], at))

    def _gpu(self, slot: Slot) -> set[Key]:
        return self._live[slot] if slot.has_gpu else set()

    def allowed(self, slot: Slot, limit: float, now: float) -> float:
        """How long a session that begins now may last, 0 where none may begin.

        What is left of the quota of its week is for it and for those that run, each up to its limit.
        """
        self.move_to(now)
        live = [self.sessions[key] for key in self._live[slot]]
        if slot.most is not None and len(live) >= slot.most:
            return 0.0
        if not slot.has_gpu:
            return limit
        used = used_seconds([*self._week, *((each.began, None) for each in live)], now)
        reserved = sum(max(0.0, each.began + each.limit - now) for each in live)
        most = min(limit, LONGEST, QUOTA - used - reserved)
        return most if most >= LEAST_WORTH else 0.0

    def _fate(self, key: Key, limit: float) -> tuple[str, float]:
        chance = random.Random(f"{self._seed} {key}")  # noqa: S311 - no secret
        how = chance.choices([name for name, _ in ENDS], [weight for _, weight in ENDS])[0]
        return how, limit if how == "limit" else limit * chance.uniform(0.01, 1.0)
