"""A command that goes on with many jobs, as `runner.doit.many_jobs` does: its waiting line, and no session.

What is on the disk is a value, written in the order in which the stages write; where the command is killed, the next
one makes its line of that alone.
"""

from __future__ import annotations

import random
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from measuring.places import LATE, BusyError
from runner.doit.many_jobs.loop import MOST_AT_ONCE
from runner.scheduling.demands import Demand, Need
from runner.scheduling.line import Line
from runner.scheduling.slots import Caps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measuring.places import Key, Places
    from runner.scheduling.slots import Slot

LOOK_SECONDS: Final = 60.0
"""Between two looks at the sessions that run."""
BUSY_SECONDS: Final = 3600.0
"""After which a place that was busy is tried again."""
_STEPS = 3
"""Of a session, before which a command may be killed."""
MOMENTS: Final = (0.25, 0.5, 0.75)
"""Parts of the sessions of equal jobs after which it is looked how even their device times are."""


class KilledError(Exception):
    """The command was killed."""


@dataclass
class OnDisk:
    """A job and what its sessions left.

    Args:
        name: of the job.
        slot: what a session takes.
        priority: as jobs.yaml states it.
        group: likewise.
        limit: seconds of a session.
        ended: the seconds of each session that has ended.
        intent: whether a session is to be submitted, and perhaps was.
        is_submitted: whether it is known that it was.
        ready: since when the job waits for a slot.
    """

    name: str
    slot: Slot
    priority: int
    group: str
    limit: float
    ended: list[float] = field(default_factory=list)
    intent: bool = False
    is_submitted: bool = False
    ready: float = 0.0

    @property
    def key(self) -> Key:
        """Of the session to come, or of the one that runs."""
        return self.name, len(self.ended) + 1


@dataclass
class Evenness:
    """How even it is among equal jobs.

    Args:
        jain: Jain's index of their device times at each of the moments.
        waits: how long each of their sessions waited for a slot.
        ended: their sessions that have ended.
    """

    jain: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    ended: int = 0


class Command:
    """One command after the other, each killed at a moment of chance, until all jobs have had their sessions.

    Args:
        jobs: as they stand on the disk.
        places: where sessions run.
        sessions: of each job.
        kills: how often it is killed, on average, among as many steps as there are.
        seed: of the moments.
    """

    def __init__(self, jobs: Sequence[OnDisk], places: Places, sessions: int, kills: int, seed: int) -> None:
        self.jobs = {each.name: each for each in jobs}
        self.positions = {each.name: position for position, each in enumerate(jobs)}
        self.places = places
        self.now = 0.0
        self.ticks: list[float] = []
        self.restarts: list[float] = []
        self.evenness: defaultdict[tuple[Slot, int], Evenness] = defaultdict(Evenness)
        self.full_until: dict[Slot, float] = {}
        """When a place had fewer jobs left than slots."""
        self._left: defaultdict[Slot, int] = defaultdict(int)
        self._equals: defaultdict[tuple[Slot, int], list[OnDisk]] = defaultdict(list)
        for each in jobs:
            self._equals[each.slot, each.priority].append(each)
            self._left[each.slot] += 1
        self._sessions = sessions
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._risk = kills / (_STEPS * sessions * len(jobs))
        self.line = Line(Caps())
        self._watched: set[str] = set()

    def run(self) -> None:
        """Go on until every job has had its sessions."""
        while True:
            try:
                self.begin_anew()
                while len(self.line):
                    self._tick()
            except KilledError:
                continue
            return

    def begin_anew(self) -> None:
        """Make a line of what is on the disk."""
        began = time.thread_time()
        self.line, self._watched = Line(Caps()), set()
        for name, job in self.jobs.items():
            if len(job.ended) < self._sessions:
                needs = Need.END if job.is_submitted else Need.ASK if job.intent else Need.BEGIN
                self.line.put(self._demand(job, needs), self.now)
                if job.is_submitted:
                    self._watched.add(name)
        self.restarts.append(time.thread_time() - began)

    def _tick(self) -> None:
        self.places.move_to(self.now)
        over = [name for name in self._watched if self.places.has_ended(self.jobs[name].key, self.now)]
        began = time.thread_time()
        for name in over:
            self.line.has_ended(name, self.now)
        choice = self.line.choose(self.now, MOST_AT_ONCE)
        took = time.thread_time() - began
        self._watched.difference_update(over)
        for name in choice.begins:
            took += self._submit(self.jobs[name])
        for name in choice.passes:
            job = self.jobs[name]
            took += self._bring_home(job) if job.is_submitted else self._submit(job)
        self.ticks.append(took)
        if not choice.begins and not choice.passes:
            self._wait()

    def _wait(self) -> None:
        """Move the clock to where something may have changed, which is seen at a look."""
        times = [time for time in (self.places.next_end, self.line.next_change(self.now)) if time is not None]
        times += [self.now + LATE] if self._watched else []
        self.now = max(self.now + LOOK_SECONDS, -(-min(times) // LOOK_SECONDS) * LOOK_SECONDS)

    def _submit(self, job: OnDisk) -> float:
        """Begin a session, unless it has begun; the seconds that the line took."""
        job.intent = True
        if job.key not in self.places.sessions:
            if self.places.allowed(job.slot, job.limit, self.now):
                self._perhaps_die()
            try:
                self.places.submit(job.key, job.slot, job.limit, self.now)
            except BusyError:
                job.intent = False
                began = time.thread_time()
                self.line.put(self._demand(job, Need.BEGIN), self.now)
                self.line.found_busy(job.name, self.now, BUSY_SECONDS)
                return time.thread_time() - began
            self.evenness[job.slot, job.priority].waits.append(self.now - job.ready)
            self._perhaps_die()
        job.is_submitted = True
        self._watched.add(job.name)
        began = time.thread_time()
        self.line.was_taken(job.name)
        self.line.put(self._demand(job, Need.END), self.now)
        return time.thread_time() - began

    def _bring_home(self, job: OnDisk) -> float:
        """Take in what a session left; the seconds that the line took."""
        self._perhaps_die()
        running = self.places.sessions[job.key]
        job.ended.append(running.seconds)
        job.intent = job.is_submitted = False
        job.ready = self.now
        self._look_how_even(job)
        began = time.thread_time()
        if len(job.ended) < self._sessions:
            self.line.put(self._demand(job, Need.BEGIN), self.now)
        else:
            self.line.drop(job.name, self.now)
            self._left[job.slot] -= 1
            if self._left[job.slot] < (job.slot.most or 1):
                self.full_until.setdefault(job.slot, self.now)
        return time.thread_time() - began

    def _look_how_even(self, job: OnDisk) -> None:
        equals, found = self._equals[job.slot, job.priority], self.evenness[job.slot, job.priority]
        found.ended += 1
        total = len(equals) * self._sessions
        if found.ended in {int(total * moment) for moment in MOMENTS}:
            had = [sum(each.ended) + self._so_far(each) for each in equals]
            found.jain.append(sum(had) ** 2 / (len(had) * sum(each * each for each in had)))

    def _so_far(self, job: OnDisk) -> float:
        running = self.places.sessions.get(job.key)
        return min(self.now, running.ends) - running.began if running is not None else 0.0

    def _demand(self, job: OnDisk, needs: Need) -> Demand:
        return Demand(
            job=job.name,
            needs=needs,
            slot=job.slot,
            position=self.positions[job.name],
            priority=job.priority,
            group=job.group,
            sessions=len(job.ended),
            seconds=sum(job.ended),
            limit=job.limit,
        )

    def _perhaps_die(self) -> None:
        if self._chance.random() < self._risk:
            raise KilledError


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which that part of all lies."""
    return sorted(values)[min(int(part * len(values)), len(values) - 1)]


def mean(values: Sequence[float]) -> float:
    """Their mean, 0 of none."""
    return statistics.fmean(values) if values else 0.0
