"""Many jobs in one command: each tick asks after all sessions at once, chooses, and makes a pass over just those jobs.

Nothing of this outlives the command, and nothing has to: what the sessions are is on the disk, so that a command that
was killed at any moment is gone on with by the next one.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import replace
from typing import TYPE_CHECKING

from contract.errors import RelayError
from contract.events import say
from contract.plain_text import plain
from runner.backends.opened import OpenBackends
from runner.display import duration_text
from runner.doit.many_jobs.given import THIS_MACHINES
from runner.doit.many_jobs.together import MOST_TOGETHER, one_submission_each
from runner.doit.passes import going_on
from runner.lineage import Phase
from runner.planning.decide import REFUSALS, Nothing
from runner.scheduling.asking import DeviceTime, demand_from
from runner.scheduling.demands import Demand, Need
from runner.scheduling.line import Choice, Line
from runner.scheduling.slots import Slot
from runner.scheduling.watching import Watching
from runner.stages.execute import NotYetItsTurnError, back_off_pause, submit_together
from runner.steering.exit_codes import DONE, UNDER_WAY, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runner.doit.graph import Graph
    from runner.doit.many_jobs.given import MakePass, Time
    from runner.doit.passes import PassCodes
    from runner.notifying import Notifier
    from runner.scheduling.coming import Jobs
    from runner.scheduling.slots import Caps
    from runner.workspace import Plan

MOST_AT_ONCE = 4
"""Sessions that begin in one pass, after which those that run are looked at again."""
_SECONDS_OF_AN_HOUR = 3600.0


class ManyJobs:
    """Goes on with many jobs for as long as one of them goes on.

    Args:
        graph: of those that are held.
        jobs: which there are, asked at each tick.
        caps: what the command may use at most.
        make_pass: runs the stages of the jobs of a graph.
        notifier: tells of those that go no further.
        hold: holds jobs that have come; gives those that another process holds.
        time: the clock.
    """

    def __init__(
        self,
        graph: Graph,
        jobs: Jobs,
        caps: Caps,
        make_pass: MakePass,
        notifier: Notifier,
        *,
        hold: Callable[[Sequence[str]], Sequence[str]] = lambda _jobs: (),
        time: Time = THIS_MACHINES,
    ) -> None:
        self._graph = graph
        self._jobs = jobs
        self._caps = caps
        self._make_pass = make_pass
        self._notifier = notifier
        self._hold = hold
        self._clock, self._sleep = time
        self._waits = graph.workspace.waits
        self._backends = OpenBackends(graph.workspace.runs)
        self._watching = Watching(self._backends)
        self._line = Line(caps)
        self._had = DeviceTime()
        self._held = {*graph.jobs}
        self._named: Sequence[str] = ()
        self._positions: dict[str, int] = {}
        self._count = 0
        self._idle: defaultdict[str, int] = defaultdict(int)
        self._failures: defaultdict[str, int] = defaultdict(int)
        self._asked: deque[str] = deque()
        """The jobs that are to get a pass for what needs no slot."""
        self._only_said: set[str] = set()
        """Those of them that have nothing to do but to say so."""
        self._busy: dict[Slot, str] = {}
        """What is busy, as was said, and took no session since."""
        self._code = DONE

    def run(self) -> int:
        """Go on until no job does; the worst exit code of all."""
        with self._backends, self._watching:
            if self._waits:
                self._graph = self._graph.anew(self._backends)
            while True:
                self._take_up()
                for job in self._watching.look(self._clock()):
                    self._line.has_ended(job, self._clock())
                choice = self._choose()
                self._asked.extend(choice.passes)
                for job in choice.beyond:
                    self._say_beyond(job)
                if choice.begins:
                    self._begin(choice.begins)
                if self._asked:
                    self._pass(self._next_asked())
                elif choice.begins:
                    continue
                elif self._is_over():
                    break
                else:
                    self._sleep(self._pause())
        self._graph.workspace.remember()
        return self._code

    def _is_over(self) -> bool:
        """Whether this command has nothing left to do; what is left for a later one is said."""
        if self._waits:
            return not len(self._line) and self._positions.keys() >= {*self._jobs.now()}
        if len(self._line):
            self._code = worst(self._code, UNDER_WAY)
        for demand in self._line.waiting():
            if not self._failures[demand.job]:  # else it was said why
                why = self._busy.get(demand.slot) or self._caps.words(demand.slot)
                say(f"{demand.job}: waits for its turn: {why}; the same command later goes on")
        return True

    def _pause(self) -> float:
        now, pause = self._clock(), self._watching.next_look(self._clock())
        change = self._line.next_change(now)
        return pause if change is None else min(pause, max(change - now, 0.0))

    def _take_up(self) -> None:
        """Look which jobs there are now."""
        named = self._jobs.now()
        if named is self._named or [*named] == [*self._named]:
            return
        self._named = named
        for job in self._positions.keys() - {*named}:
            if self._line.is_waiting(job):
                self._line.drop(job, self._clock())
                del self._positions[job]
        new = [job for job in named if job not in self._positions]
        for job in new:
            self._positions[job] = self._count
            self._count += 1
        unheld = [job for job in new if job not in self._held]
        elsewhere = self._hold(unheld) if unheld else ()
        self._held.update(unheld)
        for job in elsewhere:
            self._ends(job, UNDER_WAY)
        graph = (self._graph.anew() if unheld else self._graph).only([job for job in new if job not in elsewhere])
        for plan in graph.plans:
            self._put(plan)
            if isinstance(plan.decision, Nothing | REFUSALS):
                self._only_said.add(plan.job)
        for job in graph.refused:
            self._line.put(Demand(job, Need.PASS, Slot(), self._positions[job]), self._clock())
            self._only_said.add(job)

    def _put(self, plan: Plan, *, was_asked: bool = False) -> Demand:
        """Have a job wait for what it needs by its plan; a session that runs is watched, or else asked after once."""
        demand = demand_from(plan, self._graph.workspace, self._positions[plan.job], self._had)
        if demand.needs is Need.END and self._waits:
            head = plan.lineage.head
            assert head is not None  # noqa: S101 - it is what is attached to
            self._watching.add(plan.job, head, self._clock(), is_new=was_asked)
        elif demand.needs is Need.END and not was_asked:
            demand = replace(demand, needs=Need.ASK)
        self._line.put(demand, self._clock())
        return demand

    def _next_asked(self) -> list[str]:
        """Who gets the next pass: one alone, as it may have much to bring home while slots of others get free."""
        if not self._waits:
            together = [*self._asked]
        elif self._asked[0] in self._only_said:
            together = [job for job in self._asked if job in self._only_said]
        else:
            together = [self._asked[0]]
        self._asked = deque(job for job in self._asked if job not in {*together})
        return together

    def _choose(self) -> Choice:
        """Whose turn it is; more begin in one pass where their place takes several in one submission."""
        choice = self._line.choose(self._clock(), MOST_AT_ONCE)
        if len(choice.begins) < MOST_AT_ONCE or not one_submission_each(self._graph, choice.begins, self._backends):
            return choice
        more = self._line.choose(self._clock(), MOST_TOGETHER - MOST_AT_ONCE)
        return Choice(choice.begins + more.begins, choice.passes + more.passes, choice.beyond + more.beyond)

    def _begin(self, jobs: Sequence[str]) -> None:
        """Begin a session of each job: of several in one submission, where their place takes that."""
        failed: set[str] = set()
        for alike in one_submission_each(self._graph, jobs, self._backends):
            before, ended = self._do(alike, only_packages=True)
            for job in alike:
                if job not in before or _code_after(ended, job):
                    failed.add(job)
                    self._see(job, before.get(job), ended)
            plans = [self._graph.plan(job) for job in alike if job not in failed]
            self._submit_together(plans)
        if rest := [job for job in jobs if job not in failed]:
            self._pass(rest)

    def _submit_together(self, plans: Sequence[Plan]) -> None:
        heads = [head for plan in plans if (head := plan.lineage.head) is not None and head.phase is Phase.PACKAGED]
        if heads:
            backend = self._backends.get(str(heads[0].package.job["backend"]))
            if count := submit_together([head.folder for head in heads], backend):
                group = self._graph.workspace.group(plans[0].job)
                say(f"{group}: {count} sessions were submitted to the {backend.name} backend in one")

    def _pass(self, jobs: Sequence[str]) -> None:
        """Make a pass over some jobs, and see what has become of each."""
        before, ended = self._do(jobs)
        self._code = worst(self._code, ended.by_job.get("", DONE))
        for job in jobs:
            self._see(job, before.get(job), ended)

    def _do(self, jobs: Sequence[str], *, only_packages: bool = False) -> tuple[dict[str, Plan], PassCodes]:
        """Run stages of some jobs; what was planned for each that has a plan, and what came of it."""
        self._graph.workspace.remember()  # so that another look at the disk reads nothing again
        graph = self._graph.only(jobs).anew()
        before = {plan.job: plan for plan in graph.plans}
        graph.workspace.remember()
        ended = self._make_pass(graph, only_packages=only_packages)
        self._graph = graph.anew()
        return before, ended

    def _see(self, job: str, before: Plan | None, ended: PassCodes) -> None:
        """See what a pass has made of a job."""
        code = _code_after(ended, job)
        if before is None or (code and not ended.by_job):
            self._ends(job, code)
        elif code == UNDER_WAY:
            self._goes_on_later(job, ended.later.get(job))
        else:
            self._failures[job] = 0
            again, found = going_on(self._graph, {job: before}, ended, self._idle, self._notifier)
            if again and job in self._named:
                self._line.was_taken(job)
                self._put(self._graph.plan(job))
            else:
                self._ends(job, found if again else worst(code, found))

    def _goes_on_later(self, job: str, error: RelayError | None) -> None:
        """Have a job wait that is not at its end: for its session, for its turn, or for an answer."""
        try:
            plan = self._graph.plan(job)
        except RelayError as unplanned:  # jobs.yaml has changed meanwhile; the session that may run goes on
            say(plain(str(unplanned)))
            self._ends(job, unplanned.exit_code)
            return
        demand, now = self._put(plan, was_asked=True), self._clock()
        if demand.needs is Need.END:
            self._failures[job] = 0
            self._line.was_taken(job)
            self._busy.pop(demand.slot, None)
            return
        self._failures[job] += 1
        if isinstance(error, NotYetItsTurnError):
            pause = error.busy.wait_seconds
            if self._waits and demand.slot not in self._busy:
                say(f"{job}: waits for its turn: {error.busy}; trying again every {pause:.0f} s")
            self._busy[demand.slot] = str(error.busy)
            self._line.found_busy(job, now, pause if self._waits else math.inf)
            return
        pause = back_off_pause(self._failures[job])
        if self._waits:
            say(f"{job}: {error}; trying again in {pause:.0f} s")
        self._line.hold(job, now, pause if self._waits else math.inf)

    def _say_beyond(self, job: str) -> None:
        hours = (self._caps.gpu_seconds or 0.0) / _SECONDS_OF_AN_HOUR
        left = duration_text(max(0.0, self._line.gpu_seconds_left or 0.0))
        say(
            f"{job}: begins no further session: {left} are left of gpu_hours={hours:g}, which a session may exceed; "
            "lower its session_limit, or give the command again"
        )
        self._ends(job, UNDER_WAY)

    def _ends(self, job: str, code: int) -> None:
        """A job goes no further."""
        self._code = worst(self._code, code)
        self._line.drop(job, self._clock())
        self._jobs.has_ended(job, code)


def _code_after(ended: PassCodes, job: str) -> int:
    """The exit code of a job in a pass."""
    return ended.by_job.get(job, DONE if ended.by_job else ended.code)
