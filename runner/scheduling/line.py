"""Who gets a pass now: a waiting line that is fair, keeps to slots and caps, has no clock and asks nobody.

Among those that wait for a slot the highest priority comes first, then the job that had its device for the shortest
time, then the group that had, then the order of jobs.yaml. What a job had only grows, so that each of equal priority
has its turn. A slot that a session gives back is kept for its job while that has its pass, if only jobs of a lower
priority wait: else one of these would have it for hours.

A tick costs what has changed since the last one and what has a session, and not what merely waits: 10,000 jobs that
wait are as cheap as ten.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from runner.scheduling.demands import Need
from runner.scheduling.lanes import GroupHad, Lane, standing_in_group

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from runner.scheduling.demands import Demand
    from runner.scheduling.lanes import Own, Rank
    from runner.scheduling.slots import Caps, Slot

BUSY_IN_A_ROW = 2
"""Jobs that find a place busy one after the other, after which no other one tries for as long."""


class Choice(NamedTuple):
    """What is to be done now.

    Args:
        begins: the jobs that get a pass in which a session begins, in the order of their turns.
        passes: the jobs that get one for what needs no slot.
        beyond: the jobs that the cap on GPU time leaves too little for; they are in the line no more.
    """

    begins: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()


class Line:
    """All jobs of a command, by what they need.

    Args:
        caps: what the command may use at most.
    """

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._demands: dict[str, Demand] = {}
        self._passes: set[str] = set()
        self._lanes: dict[Slot, Lane] = {}
        self._began: dict[str, float] = {}
        self._groups: defaultdict[str, GroupHad] = defaultdict(GroupHad)
        self._held: list[tuple[float, int, str]] = []
        self._held_until: dict[str, float] = {}
        self._gpu_spent = 0.0
        self._gpu_promised: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._demands)

    def __contains__(self, job: object) -> bool:
        return job in self._demands

    @property
    def live(self) -> int:
        """How many jobs have a slot."""
        return len(self._began)

    def put(self, demand: Demand, now: float) -> None:
        """Take in a job, or what has become of one."""
        job, before = demand.job, self._demands.get(demand.job)
        if before == demand and demand.needs is Need.BEGIN and job not in self._began:
            return
        if before is not None:
            has_run = before.needs.holds_slot or demand.sessions > before.sessions
            stays = demand.needs.holds_slot and (before.slot, before.group) == (demand.slot, demand.group)
            self._take_out(before, now, has_run=has_run, keeps_slot=stays)
            if before.group != demand.group:
                self._rank(before.group, now)
        self._demands[job] = demand
        self._groups[demand.group].ended += demand.seconds
        if demand.needs in (Need.PASS, Need.ASK):
            self._passes.add(job)
        if demand.needs.holds_slot:
            self._give_slot(demand, now)
        elif demand.needs is Need.BEGIN:
            self._lane(demand.slot).queue(demand)
        self._rank(demand.group, now)

    def drop(self, job: str, now: float) -> None:
        """Forget a job that needs nothing any more."""
        if (demand := self._demands.get(job)) is not None:
            self._take_out(demand, now, has_run=demand.needs.holds_slot)
            del self._demands[job]
            self._rank(demand.group, now)

    @property
    def gpu_seconds_left(self) -> float | None:
        """What the cap on GPU time leaves, if there is one, of sessions that have ended."""
        return None if self._caps.gpu_seconds is None else self._caps.gpu_seconds - self._gpu_spent

    def has_ended(self, job: str, now: float) -> None:
        """The session of `job` has ended: it gives its slot back, and needs a pass."""
        self.put(replace(self._demands[job], needs=Need.PASS), now)
        self._lane(self._demands[job].slot).returning.add(job)

    def is_waiting(self, job: str) -> bool:
        """Whether `job` waits for a slot."""
        demand = self._demands.get(job)
        return demand is not None and demand.needs is Need.BEGIN and job not in self._began

    def waiting(self) -> list[Demand]:
        """Those that wait for a slot, in the order of their positions; looks at all jobs."""
        waiting = (each for job, each in self._demands.items() if self.is_waiting(job))
        return sorted(waiting, key=lambda demand: demand.position)

    def hold(self, job: str, now: float, seconds: float) -> None:
        """Give `job` no pass for so long: it keeps its turn, and others go on."""
        demand = self._demands[job]
        self._take_out(demand, now, has_run=False, keeps_slot=demand.needs.holds_slot)
        self._groups[demand.group].ended += demand.seconds
        self._held_until[job] = now + seconds
        heapq.heappush(self._held, (now + seconds, demand.position, job))
        self._rank(demand.group, now)

    def found_busy(self, job: str, now: float, seconds: float) -> None:
        """The place takes no session of `job` now: it is held, and soon no other job tries either."""
        self.hold(job, now, seconds)
        lane = self._lane(self._demands[job].slot)
        lane.refusals += 1
        if lane.refusals >= BUSY_IN_A_ROW:
            lane.refusals, lane.tired = 0, now + seconds

    def was_taken(self, job: str) -> None:
        """The place took a session of `job`: it is not busy."""
        self._lane(self._demands[job].slot).refusals = 0

    def choose(self, now: float, most: int | None = None) -> Choice:
        """Which jobs get a pass now; those that begin a session have their slot from now on.

        Args:
            now: the time.
            most: how many begin one at most; the others keep their turns.
        """
        self._let_go_of_held(now)
        passes = sorted(self._passes, key=lambda job: self._demands[job].position)
        self._passes.clear()
        begun: list[str] = []
        beyond: list[str] = []
        tried: set[Slot] = set()
        while (most is None or len(begun) < most) and (demand := self._first(now, tried)) is not None:
            if self._is_beyond(demand):
                beyond.append(demand.job)
                self.drop(demand.job, now)
                continue
            begun.append(demand.job)
            self._give_slot(demand, now)
            self._rank(demand.group, now)
            if self._lane(demand.slot).refusals:
                tried.add(demand.slot)  # first see what comes of this one
        return Choice(tuple(begun), tuple(passes), tuple(beyond))

    def next_change(self, now: float) -> float | None:
        """When a job may get a pass that gets none now, though nothing else has changed; None for never."""
        times = [self._held[0][0]] if self._held else []
        times += [lane.tired for lane in self._lanes.values() if lane.tired > now and lane.has_waiting]
        return min(times, default=None)

    def _is_open(self, slot: Slot, lane: Lane, now: float, kept: int = 0) -> bool:
        """Whether a job may have a slot now, with so many kept for others."""
        most, every = self._caps.most(slot), self._caps.sessions
        has_slot = most is None or len(lane.live) + kept < most
        return has_slot and (every is None or len(self._began) + kept < every) and lane.tired <= now

    def _first(self, now: float, tried: AbstractSet[Slot]) -> Demand | None:
        """The first of all that wait for a slot and can have one."""
        best: tuple[Rank, Demand] | None = None
        for slot, lane in self._lanes.items():
            if slot in tried or not self._is_open(slot, lane, now) or (first := self._head(lane, now)) is None:
                continue
            rank, demand = first[0], self._demands[first[1]]
            kept = sum(self._demands[job].priority > demand.priority for job in lane.returning)
            if kept and not self._is_open(slot, lane, now, kept):
                continue
            if (best is None or rank < best[0]) and (self._is_beyond(demand) or self._fits(demand)):
                best = rank, demand
        return None if best is None else best[1]

    def _head(self, lane: Lane, now: float) -> tuple[Rank, str] | None:
        """The job of a lane whose turn it is.

        What a group had grows while sessions of it are live, so that it may stand further back than when it was ranked,
        and never further ahead: only those are ranked anew that come first.
        """
        while (first := lane.first()) is not None:
            group = self._demands[first[1]].group
            lane.rank(group, self._groups[group], now, self._waits)
            if lane.first() == first:
                break
        return first

    def _fits(self, demand: Demand) -> bool:
        """Whether the cap on GPU time has room for a session beside those that run."""
        cap = self._caps.gpu_seconds if demand.slot.has_gpu else None
        return cap is None or self._gpu_spent + sum(self._gpu_promised.values()) + demand.limit <= cap

    def _is_beyond(self, demand: Demand) -> bool:
        """Whether it has none, even if those that run ended at once."""
        cap = self._caps.gpu_seconds if demand.slot.has_gpu else None
        return cap is not None and self._gpu_spent + demand.limit > cap

    def _lane(self, slot: Slot) -> Lane:
        return self._lanes.setdefault(slot, Lane())

    def _waits(self, own: Own, job: str) -> bool:
        """Whether an entry of a group's jobs is not out of date."""
        demand = self._demands.get(job)
        if demand is None or demand.needs is not Need.BEGIN or job in self._began or job in self._held_until:
            return False
        return standing_in_group(demand) == own

    def _rank(self, group: str, now: float) -> None:
        for lane in self._lanes.values():
            lane.rank(group, self._groups[group], now, self._waits)

    def _give_slot(self, demand: Demand, now: float) -> None:
        """Give a job a slot, unless it has it."""
        if demand.job in self._began:
            return
        self._began[demand.job] = now
        self._lane(demand.slot).live.add(demand.job)
        self._groups[demand.group].gives(now)
        if demand.slot.has_gpu:
            self._gpu_promised[demand.job] = demand.limit

    def _take_out(self, demand: Demand, now: float, *, has_run: bool, keeps_slot: bool = False) -> None:
        """Take a job out of where it is.

        Args:
            demand: of the job, as it was.
            now: the time.
            has_run: whether it used the slot that it has.
            keeps_slot: whether it is to have it further.
        """
        job, had = demand.job, self._groups[demand.group]
        self._passes.discard(job)
        self._held_until.pop(job, None)
        self._lane(demand.slot).returning.discard(job)
        had.ended -= demand.seconds
        if keeps_slot or (began := self._began.pop(job, None)) is None:
            return
        self._lane(demand.slot).live.discard(job)
        had.takes(began)
        promised = self._gpu_promised.pop(job, 0.0)
        self._gpu_spent += min(now - began, promised) if has_run else 0.0

    def _let_go_of_held(self, now: float) -> None:
        while self._held and self._held[0][0] <= now:
            until, _, job = heapq.heappop(self._held)
            if self._held_until.get(job) == until:
                del self._held_until[job]
                demand = self._demands[job]
                if demand.needs is Need.BEGIN:
                    self._lane(demand.slot).queue(demand)
                    self._rank(demand.group, now)
                elif demand.needs is not Need.END:
                    self._passes.add(job)
