"""Many jobs in one command: a place with two slots, sessions that end by a clock, and whatever else a place may say."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from contract.errors import BackendBusyError, BackendUnreachableError, RelayError, SessionLostError, UnderWayError
from contract.states import State
from executors.base import Closeable, Status
from runner.backends.base import BackendEntry
from runner.backends.registry import BACKENDS
from runner.doit.graph import Graph
from runner.doit.many_jobs.given import Time
from runner.doit.many_jobs.loop import ManyJobs
from runner.doit.passes import PassCodes
from runner.doit.selection import select
from runner.lineage import Phase
from runner.notifying import Notifier
from runner.planning.decide import Attach, Nothing
from runner.scheduling.coming import TheseJobs
from runner.scheduling.slots import Caps, Slot
from runner.stages.execute import NotYetItsTurnError
from runner.steering.exit_codes import DONE, ERROR, FAILED, UNDER_WAY
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import JobOnDisk, as_wanted, write_jobs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runner.backends.base import Backend, Known
    from runner.scheduling.coming import Jobs
    from runner.workspace import Plan

LASTS = 100.0
HALF, GOAL = 128, 256


@dataclass
class Place(Closeable):
    """A backend whose sessions end by a clock, each after 100 seconds.

    Args:
        begins: the sessions in the order in which they began, each with when.
        busy: how often it takes no session yet.
        silent: how often it gives no answer.
        lost: the handles of which it knows nothing.
    """

    name = "place"
    now: float = 0.0
    begins: list[tuple[str, float]] = field(default_factory=list)
    ends: dict[str, float] = field(default_factory=dict)
    busy: int = 0
    silent: int = 0
    most_at_once: int = 0
    lost: set[str] = field(default_factory=set)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def submit(self, job: str, handle: str) -> None:
        if self.busy:
            self.busy -= 1
            raise BackendBusyError("the place", "is full", wait_seconds=60.0)
        self.begins.append((job, self.now))
        self.ends[handle] = self.now + LASTS
        self.most_at_once = max(self.most_at_once, sum(end > self.now for end in self.ends.values()))

    def status(self, handle: str) -> Status:
        if self.silent:
            self.silent -= 1
            raise BackendUnreachableError("the place", "gives no answer")
        if handle in self.lost:
            raise SessionLostError(handle, "is gone")
        return Status(State.COMPLETE if self.now >= self.ends[handle] else State.RUNNING)

    def logs(self, handle: str, offset: int) -> bytes:
        printed = f"{handle[:8]} prints\n".encode()
        return printed[offset:] if self.now > self.ends[handle] - LASTS / 2 else b""

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Lab:
    """A project whose passes do to the disk what the stages would, at once."""

    root: Path
    place: Place
    passes: list[tuple[str, ...]] = field(default_factory=list)
    refused: str = ""
    wanted: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self, **jobs: dict[str, Any]) -> None:
        write_jobs(self.root, **{name: cart_pole(backend="place", **changes) for name, changes in jobs.items()})

    def run(
        self, *command: str, caps: Caps | None = None, jobs: Jobs | None = None, waits: bool = True
    ) -> tuple[int, ManyJobs]:
        graph = Graph(Workspace(self.root, waits=waits), select([*command] or ["resume"]))
        time = Time(lambda: self.place.now, self.place.sleep)
        named = jobs or TheseJobs(tuple(graph.jobs))
        many = ManyJobs(graph, named, caps or Caps(), self._pass, Notifier(graph.workspace.runs), time=time)
        return many.run(), many

    def _pass(self, graph: Graph, *, only_packages: bool = False) -> PassCodes:
        assert not only_packages
        self.passes.append(tuple(graph.jobs))
        later: dict[str, RelayError] = {}
        codes: dict[str, int] = {}
        for plan in graph.plans:
            try:
                code = self._goes_on(plan)
            except RelayError as error:
                later[plan.job], code = error, UNDER_WAY
            if code:
                codes[plan.job] = code
        return PassCodes(codes, max(codes.values(), default=DONE), set(), {}, later)

    def _goes_on(self, plan: Plan) -> int:
        job = JobOnDisk(self.root, plan.job)
        match plan.decision:
            case Nothing():
                return DONE
            case Attach(session=number):
                session = plan.lineage.session(number)
                assert session is not None
                handle = str(session.ledger.handle)
                if handle not in self.place.lost:
                    assert self.place.status(handle).state.is_terminal
                shutil.rmtree(session.folder.path)
                reached = HALF if plan.wanted.job["session_limit"] < 1_000 and number == 1 else GOAL
                self._add(job, Phase.RESTORED, reached)
                return DONE
        if plan.job == self.refused:
            return FAILED
        handle = f"{plan.job}-{len(plan.lineage.sessions) + 1}"
        try:
            self.place.submit(plan.job, handle)
        except BackendBusyError as busy:
            raise NotYetItsTurnError(plan.job, str(busy), None, busy) from None
        self._add(job, Phase.SUBMITTED, None, ledger={"backend": "place", "handle": handle})
        raise UnderWayError(plan.job, "goes on")

    def _add(self, job: JobOnDisk, phase: Phase, timesteps: int | None, **changes: Any) -> None:
        if job.name not in self.wanted:
            self.wanted[job.name] = as_wanted(Workspace(self.root), job.name)
        tip = job.lineage.tip
        parent = tip.restored.checkpoint if tip else None
        job.add(phase, timesteps=timesteps, parent=parent, **{**self.wanted[job.name], **changes})


def entry(place: Place) -> BackendEntry:
    """How it is found; it has two slots."""

    def slot(job: Mapping[str, Any], _known: Known) -> Slot:
        return Slot(most=2, has_gpu=job["device"] == "cuda")

    return BackendEntry(lambda _root: cast("Backend", place), slot=slot)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    place = Place()
    monkeypatch.setitem(BACKENDS, "place", lambda: entry(place))
    return Lab(tmp_path, place)


SHORT: dict[str, Any] = {"session_limit": "5m"}
"""What makes a job one that takes two sessions."""


def test_both_slots_are_used_and_each_job_has_its_turn(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    lab.write(a=SHORT, b=SHORT, c=SHORT)

    assert lab.run()[0] == DONE
    assert [job for job, _ in lab.place.begins] == ["a", "b", "c", "a", "b", "c"]
    assert lab.place.most_at_once == 2
    assert lab.place.now < 3 * LASTS * 1.05
    assert "a 0001  a-1 prints" in capfd.readouterr().out


def test_a_job_of_higher_priority_has_all_its_sessions_first(lab: Lab) -> None:
    lab.write(a={}, b={}, c=SHORT | {"priority": 1})

    assert lab.run(caps=Caps(sessions=1))[0] == DONE
    assert [job for job, _ in lab.place.begins] == ["c", "c", "a", "b"]


def test_a_busy_place_is_waited_for_and_said_once(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    lab.write(a={}, b={}, c={})
    lab.place.busy = 4

    assert lab.run()[0] == DONE
    assert [job for job, _ in lab.place.begins] == ["a", "b", "c"]
    said = capfd.readouterr().out
    assert said.count("waits for its turn: the place: is full; trying again every 60 s") == 1


def test_a_place_without_an_answer_is_asked_ever_more_slowly(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    lab.write(a={}, b={})
    lab.place.silent = 3

    assert lab.run()[0] == DONE
    said = capfd.readouterr().out
    assert [f"asking again in {pause} s" in said for pause in (2, 4, 8, 16)] == [True, True, True, False]


def test_a_session_that_was_lost_has_ended(lab: Lab) -> None:
    lab.write(a={}, b={})
    lab.place.lost = {"a-1"}

    assert lab.run()[0] == DONE
    assert lab.place.now < LASTS * 1.05


def test_one_jobs_failure_is_told_and_stops_no_other(lab: Lab) -> None:
    lab.write(a={}, b={}, c={})
    lab.refused = "a"

    assert lab.run("run_full")[0] == FAILED
    assert [job for job, _ in lab.place.begins] == ["b", "c"]


def test_a_command_that_was_cut_off_is_gone_on_with(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lab.write(a={}, b={}, c={})

    def cut_off(seconds: float) -> None:
        del seconds
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lab.place, "sleep", cut_off)
        with pytest.raises(KeyboardInterrupt):
            lab.run()

    assert lab.run()[0] == DONE
    assert [job for job, _ in lab.place.begins] == ["a", "b", "c"]
    assert "a 0001  attaching to session 0001 on the place backend" in capfd.readouterr().out


def test_without_waiting_as_many_begin_as_have_a_slot(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    lab.write(a={}, b={}, c={}, d={})

    assert lab.run(waits=False)[0] == UNDER_WAY
    assert [job for job, _ in lab.place.begins] == ["a", "b"]
    waits = "waits for its turn: place runs 2 sessions at once; the same command later goes on"
    assert [f"{job}: {waits}" in capfd.readouterr().out for job in "c"] == [True]

    lab.place.now = LASTS
    assert lab.run(waits=False)[0] == UNDER_WAY
    assert [job for job, _ in lab.place.begins] == ["a", "b", "c", "d"]


def test_no_session_begins_that_gpu_hours_leave_no_time_for(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    lab.write(a=SHORT | {"device": "cuda"}, b=SHORT | {"device": "cuda"})
    code, _ = lab.run(caps=Caps(gpu_seconds=450.0))  # each session may last for 300 seconds, and lasts for 100

    assert code == UNDER_WAY
    assert [job for job, _ in lab.place.begins] == ["a", "b"]
    assert "a: begins no further session: 4m" in capfd.readouterr().out


def test_a_jobs_file_that_is_broken_meanwhile_ends_the_command_and_no_session(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lab.write(a={}, b={}, c={})
    lab.wanted = {job: as_wanted(Workspace(lab.root), job) for job in "abc"}
    submit = lab.place.submit

    def submit_and_break(job: str, handle: str) -> None:
        submit(job, handle)
        write_jobs(lab.root, a={"env": {}})

    monkeypatch.setattr(lab.place, "submit", submit_and_break)
    assert lab.run()[0] == ERROR
    assert "jobs.yaml" in capfd.readouterr().out
    lab.write(a={}, b={}, c={})
    monkeypatch.setattr(lab.place, "submit", submit)
    assert lab.run()[0] == DONE
    assert sorted(job for job, _ in lab.place.begins) == ["a", "b", "c"]


@dataclass
class Coming:
    """Jobs of which one is named when another has ended, as a search does; one is given up."""

    named: list[str]
    then: dict[str, list[str]]
    ended: list[tuple[str, int]] = field(default_factory=list)

    def now(self) -> Sequence[str]:
        return self.named

    def has_ended(self, job: str, code: int) -> None:
        self.ended.append((job, code))
        self.named = self.then.get(job, self.named)


def test_jobs_come_and_go_between_ticks(lab: Lab) -> None:
    lab.write(a={}, b=SHORT, c={}, d={})
    coming = Coming(["a", "b"], {"a": ["c"], "c": ["c", "d"]})

    assert lab.run(jobs=coming)[0] == DONE
    assert [job for job, _ in lab.place.begins] == ["a", "b", "c", "d"]  # `b` had one session, and is named no more
    assert [job for job, _ in coming.ended] == ["a", "b", "c", "d"]
