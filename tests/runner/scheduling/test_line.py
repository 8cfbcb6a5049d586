"""Who gets a pass now: priority, fairness, slots, caps, and a place that is busy."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.scheduling.demands import Demand, Need
from runner.scheduling.line import Line
from runner.scheduling.slots import Caps, Slot

GPU = Slot("kaggle", "gpu", 2, has_gpu=True)
CPU = Slot("kaggle", "cpu", 5)
HERE = Slot("this machine", most=1, is_usual=True)
QUEUE = Slot("slurm")
HOUR = 3600.0


def waiting(job: str, position: int = 0, slot: Slot = GPU, **more: object) -> Demand:
    return replace(Demand(job, Need.BEGIN, slot, position), **more)  # type: ignore[arg-type]


def line_of(*demands: Demand, caps: Caps | None = None) -> Line:
    line = Line(caps or Caps())
    for demand in demands:
        line.put(demand, 0.0)
    return line


def test_as_many_begin_as_there_are_slots_and_each_kind_has_its_own() -> None:
    gpu = [waiting(f"gpu{number}", number) for number in range(4)]
    cpu = [waiting(f"cpu{number}", 10 + number, CPU) for number in range(7)]

    assert line_of(*gpu, *cpu).choose(0.0).begins == ("gpu0", "gpu1", "cpu0", "cpu1", "cpu2", "cpu3", "cpu4")


def test_a_place_with_a_queue_of_its_own_takes_all() -> None:
    assert len(line_of(*(waiting(str(number), number, QUEUE) for number in range(100))).choose(0.0).begins) == 100


def test_one_session_runs_at_once_on_this_machine_unless_more_are_asked_for() -> None:
    jobs = [waiting(name, position, HERE) for position, name in enumerate("abc")]

    assert line_of(*jobs).choose(0.0).begins == ("a",)
    assert line_of(*jobs, caps=Caps(sessions=2)).choose(0.0).begins == ("a", "b")


def test_the_cap_on_sessions_counts_all_places_and_those_that_run_already() -> None:
    line = line_of(Demand("runs", Need.END, CPU, 0), waiting("a", 1), waiting("b", 2, CPU), caps=Caps(sessions=2))

    assert line.choose(0.0).begins == ("a",)
    assert line.choose(1.0).begins == ()


def test_a_higher_priority_comes_first_whatever_the_others_had() -> None:
    jobs = waiting("a"), waiting("b", 1, priority=1, seconds=9 * HOUR), waiting("c", 2, priority=-1)

    assert line_of(*jobs).choose(0.0).begins == ("b", "a")


def test_a_job_of_higher_priority_keeps_its_slot_while_what_it_left_is_brought_home() -> None:
    urgent = Demand("urgent", Need.END, GPU, 0, priority=1)
    line = line_of(urgent, waiting("a", 1), waiting("b", 2))
    assert line.choose(0.0).begins == ("a",)
    line.has_ended("urgent", HOUR)
    assert line.choose(HOUR) == ((), ("urgent",), ())

    line.put(replace(urgent, needs=Need.BEGIN, sessions=1), HOUR)
    assert line.choose(HOUR).begins == ("urgent",)
    line.put(replace(urgent, sessions=1), HOUR)
    line.has_ended("urgent", 2 * HOUR)
    line.hold("urgent", 2 * HOUR, 60.0)  # nothing can be brought home now
    assert line.choose(2 * HOUR).begins == ("b",)


def test_a_job_of_equal_priority_gives_its_slot_away_at_once() -> None:
    line = line_of(Demand("ended", Need.END, HERE, 0), waiting("a", 1, HERE))
    line.has_ended("ended", HOUR)

    assert line.choose(HOUR) == (("a",), ("ended",), ())


def test_the_job_that_had_its_device_for_the_shortest_time_comes_first() -> None:
    jobs = waiting("a", seconds=2 * HOUR), waiting("b", 1, seconds=HOUR), waiting("c", 2, seconds=3 * HOUR)

    assert line_of(*jobs).choose(0.0).begins == ("b", "a")


def test_of_equals_the_one_of_the_group_that_had_less_comes_first() -> None:
    many = [waiting(f"many{number}", number, group="many") for number in range(5)]
    few = [waiting(f"few{number}", 5 + number, group="few") for number in range(5)]

    assert line_of(*many, *few).choose(0.0).begins == ("many0", "few0")


def test_what_the_running_session_of_a_group_has_had_counts() -> None:
    line = line_of(*(waiting(f"a{number}", number, HERE, group="a") for number in range(3)), caps=Caps(sessions=2))
    line.put(Demand("b0", Need.END, HERE, 3, group="b"), 0.0)
    line.put(waiting("b1", 4, HERE, group="b"), 0.0)
    assert line.choose(0.0).begins == ("a0",)
    line.put(waiting("a0", 0, HERE, group="a", sessions=1, seconds=HOUR), HOUR)

    assert line.choose(HOUR).begins == ("a1",)  # both groups had an hour, and one of b's still runs
    line.put(waiting("a1", 1, HERE, group="a", sessions=1, seconds=HOUR), 2 * HOUR)
    assert line.choose(2 * HOUR).begins == ("a2",)
    line.put(Demand("a2", Need.PASS, HERE, 2, group="a", sessions=1, seconds=5 * HOUR), 2 * HOUR)
    assert line.choose(2 * HOUR) == (("b1",), ("a2",), ())


def test_what_needs_no_slot_is_done_at_once() -> None:
    line = line_of(waiting("a"), Demand("ended", Need.PASS, GPU, 1), Demand("asks", Need.ASK, GPU, 2), waiting("b", 3))

    assert line.choose(0.0) == (("a",), ("ended", "asks"), ())  # the one that asks may have a session


def test_a_job_gets_one_pass_until_it_is_said_what_became_of_it() -> None:
    line = line_of(waiting("a"), Demand("ended", Need.PASS, GPU, 1))
    line.choose(0.0)

    assert line.choose(1.0).begins == ()
    line.put(Demand("a", Need.END, GPU, 0), 1.0)
    assert line.choose(2.0).begins == ()
    line.put(Demand("a", Need.PASS, GPU, 0, sessions=1), 3.0)
    assert line.choose(3.0) == ((), ("a",), ())


def test_a_busy_place_keeps_the_turn_of_the_job_and_another_one_tries_once() -> None:
    line = line_of(*(waiting(name, position) for position, name in enumerate("abcd")))
    assert line.choose(0.0).begins == ("a", "b")
    line.found_busy("a", 0.0, 60.0)
    line.found_busy("b", 0.0, 60.0)

    assert line.choose(1.0).begins == ()
    assert line.next_change(1.0) == 60.0
    assert line.choose(60.0).begins == ("a", "b")
    line.found_busy("a", 60.0, 60.0)
    line.was_taken("b")
    line.put(Demand("b", Need.END, GPU, 1), 60.0)
    assert line.choose(61.0).begins == ("c",)


def test_a_pass_that_is_held_comes_later_and_keeps_the_slot_that_the_job_may_have() -> None:
    line = line_of(Demand("asks", Need.ASK, HERE, 0), waiting("a", 1, HERE))
    assert line.choose(0.0) == ((), ("asks",), ())
    line.hold("asks", 0.0, 8.0)

    assert line.choose(7.0) == ((), (), ())
    assert line.choose(8.0) == ((), ("asks",), ())


def test_those_that_wait_are_told() -> None:
    line = line_of(waiting("a", slot=HERE), waiting("b", 1, HERE), Demand("c", Need.PASS, HERE, 2))
    line.choose(0.0)

    assert [each.job for each in line.waiting()] == ["b"]


def test_a_busy_place_does_not_hold_up_another_one() -> None:
    line = line_of(waiting("a"), waiting("b", 1), waiting("c", 2, QUEUE))
    line.choose(0.0)
    line.found_busy("a", 0.0, 60.0)
    line.found_busy("b", 0.0, 60.0)
    line.put(waiting("d", 3, QUEUE), 1.0)

    assert line.choose(1.0).begins == ("d",)


def test_while_a_place_is_known_to_be_busy_one_job_tries_at_a_time() -> None:
    line = line_of(*(waiting(str(number), number, QUEUE) for number in range(9)), caps=Caps(sessions=1))
    line.choose(0.0)
    line.found_busy("0", 0.0, 300.0)

    assert line.choose(1.0).begins == ("1",)


def test_no_session_begins_that_could_go_past_the_cap_on_gpu_time() -> None:
    limits = waiting("a", limit=9 * HOUR), waiting("b", 1, limit=9 * HOUR), waiting("c", 2, CPU, limit=9 * HOUR)
    line = line_of(*limits, caps=Caps(gpu_seconds=12 * HOUR))

    assert line.choose(0.0).begins == ("a", "c")
    line.put(Demand("a", Need.END, GPU, 0, limit=9 * HOUR), 0.0)
    assert line.choose(HOUR) == ((), (), ())  # `b` waits for what `a` leaves
    line.put(Demand("a", Need.PASS, GPU, 0, sessions=1), 2 * HOUR)
    assert line.choose(2 * HOUR) == (("b",), ("a",), ())
    line.put(Demand("b", Need.END, GPU, 1, limit=9 * HOUR), 2 * HOUR)
    line.put(waiting("a", sessions=1, limit=9 * HOUR), 3 * HOUR)
    line.put(Demand("b", Need.PASS, GPU, 1, sessions=1), 4 * HOUR)
    assert line.choose(4 * HOUR) == ((), ("b",), ("a",))  # four hours are spent
    assert "a" not in line


def test_an_attempt_that_found_a_place_busy_spends_no_gpu_time() -> None:
    line = line_of(waiting("a", limit=HOUR), caps=Caps(gpu_seconds=HOUR))
    line.choose(0.0)
    line.found_busy("a", HOUR / 2, 60.0)

    assert line.choose(HOUR).begins == ("a",)


def test_a_job_that_is_dropped_gives_its_slot_back() -> None:
    line = line_of(waiting("a", slot=HERE), waiting("b", 1, HERE))
    line.choose(0.0)
    line.drop("a", 0.0)

    assert line.choose(0.0).begins == ("b",)


@dataclass
class Lab:
    """Jobs whose sessions last as the test says, and a line; beside it the rule as it is written, over all jobs."""

    caps: Caps
    demands: dict[str, Demand]
    ends: dict[str, float] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.line = line_of(*self.demands.values(), caps=self.caps)

    def expected(self) -> list[str]:
        chosen: list[str] = []
        while ranked := sorted((self._rank(demand, chosen), demand) for demand in self._eligible(chosen)):
            chosen.append(ranked[0][1].job)
        return chosen

    def _eligible(self, chosen: list[str]) -> list[Demand]:
        live = [self.demands[job] for job in (*self.ends, *chosen)]
        if self.caps.sessions is not None and len(live) >= self.caps.sessions:
            return []
        used = {slot: sum(each.slot == slot for each in live) for slot in (GPU, CPU, HERE, QUEUE)}
        return [
            demand
            for job, demand in self.demands.items()
            if job not in self.ends
            and job not in chosen
            and ((most := self.caps.most(demand.slot)) is None or used[demand.slot] < most)
        ]

    def _rank(self, demand: Demand, chosen: list[str]) -> tuple[float, ...]:
        had, live = demand.seconds, 0
        if demand.group:
            alike = [each for each in self.demands.values() if each.group == demand.group]
            runs = [each.job for each in alike if each.job in self.ends]
            had = sum(each.seconds for each in alike) + sum(self.now - self.began[job] for job in runs)
            live = len(runs) + sum(each.job in chosen for each in alike)
        return (-demand.priority, demand.seconds, had, live, demand.sessions, demand.position)

    def tick(self, lasts: list[int]) -> list[str]:
        """What begins now; afterwards time goes on to the next end of a session."""
        begun = [job for job in self.line.choose(self.now).begins if job not in self.ends]
        for number, job in enumerate(begun):
            self.line.put(replace(self.demands[job], needs=Need.END), self.now)
            self.began[job], self.ends[job] = self.now, self.now + lasts[number % len(lasts)]
        if self.ends:
            job = min(self.ends, key=lambda each: (self.ends[each], each))
            self.now = self.ends.pop(job)
            had = self.demands[job]
            seconds = had.seconds + self.now - self.began.pop(job)
            self.demands[job] = replace(had, sessions=had.sessions + 1, seconds=seconds)
            self.line.put(self.demands[job], self.now)
        return begun


def labs() -> st.SearchStrategy[Lab]:
    kinds = st.tuples(st.sampled_from((GPU, CPU, HERE, QUEUE)), st.integers(0, 1), st.sampled_from(("", "x", "y")))
    caps = st.builds(Caps, sessions=st.none() | st.integers(1, 6))
    jobs = st.lists(kinds, min_size=1, max_size=14).map(
        lambda each: {
            f"job{number:02d}": Demand(f"job{number:02d}", Need.BEGIN, slot, number, priority, group)
            for number, (slot, priority, group) in enumerate(each)
        }
    )
    return st.builds(Lab, caps, jobs)


@settings(max_examples=40, deadline=None)
@given(labs(), st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_what_is_chosen_is_what_the_rule_says_of_all_jobs(lab: Lab, lasts: list[int]) -> None:
    for _ in range(25):
        expected = lab.expected()
        assert lab.tick(lasts) == expected


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 20), st.lists(st.integers(1, 9), min_size=1, max_size=5), st.sampled_from(("", "g")))
def test_each_of_equal_priority_has_its_turn(jobs: int, lasts: list[int], group: str) -> None:
    demands = {str(number): waiting(str(number), number, group=group) for number in range(jobs)}
    lab = Lab(Caps(), demands)
    begun = [job for _ in range(5 * jobs) for job in lab.tick(lasts)]

    assert set(begun) == set(demands)
    had = [each.seconds for each in lab.demands.values() if each.job not in lab.ends]
    assert not had or max(had) - min(had) <= 2 * max(lasts)
