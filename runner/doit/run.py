"""doit's `run` command, which knows what was asked before the graph is drawn, and goes on for `resume`."""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
from typing import TYPE_CHECKING, Any

from doit.cmd_run import Run
from doit.cmdparse import DefaultUpdate

from contract.errors import HeldElsewhereError, InputError
from runner.doit import reporter
from runner.doit.failures import exiting_on_error
from runner.doit.graph import refuse_old_files
from runner.doit.loader import RelayLoader, backend_variable
from runner.doit.passes import PassCodes, going_on, restrained
from runner.doit.plugins import Plugins
from runner.doit.reporter import RelayReporter, speak_utf8
from runner.doit.selection import select
from runner.doit.state import WriteThrough
from runner.doit.variables import caps_variables
from runner.notifying import Notifier
from runner.scheduling.coming import TheseJobs
from runner.steering.answers import kept_for_answers, wants_json
from runner.steering.exit_codes import DONE, FAILED, INTERRUPTED, UNDER_WAY, worst

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from contract.errors import RelayError
    from runner.doit.graph import Graph
    from runner.scheduling.slots import Caps

_OBJECTS_BEFORE_A_COLLECTION = 100_000


class RelayRun(Run):  # type: ignore[misc] # doit is untyped
    """Runs tasks as doit does, holding the jobs meanwhile.

    A pass executes one session of each job. `resume` makes passes until the goal is met; the other
    commands make a second one only if the first had to finish a session that somebody else began.

    Args:
        began_ns: when a command began that has no options; what it has found to be done is remembered then.
        made_with: what doit makes its commands with.
    """

    name = "run"

    def __init__(self, began_ns: int | None = None, **made_with: Any) -> None:
        super().__init__(**made_with)
        self._began_ns = began_ns

    def get_reporters(self) -> dict[str, Any]:
        """The reporters that there are: ours, those of doit, and installed ones."""
        every = functools.cache(super().get_reporters)
        known = {reporter.NAME: RelayReporter}
        self.cmdparser["reporter"].choices = Plugins(
            {name: each.desc for name, each in known.items()},
            lambda: {name: each.desc for name, each in every().items()},
        )
        return Plugins(known, every)

    def get_backends(self) -> dict[str, Any]:
        """The kinds of memory that there are: ours, those of doit, and installed ones."""
        every = functools.cache(super().get_backends)
        known = {WriteThrough.NAME: WriteThrough}
        self.cmdparser["backend"].choices = Plugins(
            {name: each.desc for name, each in known.items()},
            lambda: {name: getattr(each, "desc", "") for name, each in every().items()},
        )
        return Plugins(known, every)

    def execute(self, params: Any, args: list[str]) -> int:
        """Run the tasks named by `args`; return doit's exit code."""
        speak_utf8()
        if not isinstance(self.loader, RelayLoader):
            refuse_old_files()
        with exiting_on_error(), contextlib.ExitStack() as locks:
            if wants_json():
                locks.enter_context(kept_for_answers())
            chosen = select(args)
            self.loader.setup(params)
            looking = locks.enter_context(contextlib.ExitStack())
            looking.enter_context(_collecting_rarely())
            graph = self.loader.draw(chosen)
            if chosen.runs_sessions and not graph.is_done:  # what begins may last for days
                looking.close()
            elsewhere: list[str] = []
            if chosen.holds_jobs and (chosen.changes_what_is_done or not graph.is_done):
                elsewhere = _hold(graph, locks)
                graph = graph.only([job for job in graph.jobs if job not in elsewhere]).anew()
            notifier = Notifier(graph.workspace.runs)
            locks.callback(notifier.close)
            try:
                code = self._run(params, graph, notifier, elsewhere)
            except KeyboardInterrupt:
                sys.stderr.write(
                    "\nstopped watching; a running session goes on: "
                    f"the same command attaches to it again, `{_cancelling(graph.jobs)}` asks it to stop\n"
                )
                code = INTERRUPTED
        return code

    def _run(self, params: Any, graph: Graph, notifier: Notifier, elsewhere: Sequence[str]) -> int:
        """Make passes for as long as a job goes on.

        Args:
            params: doit's.
            graph: of the jobs that are held.
            notifier: tells of those that go no further.
            elsewhere: the jobs that another process holds.
        """
        chosen = graph.chosen
        if not chosen.runs_sessions:
            code = self._pass(params, graph, chosen.tasks).code
            if graph.workspace.runs.path.exists():  # nothing is begun here by a mere look
                graph.workspace.remember()
            return code
        resting = restrained(graph, notifier) if chosen.chains and not graph.workspace.waits else []
        graph = graph.only([job for job in graph.jobs if job not in resting])
        settled = FAILED if resting else UNDER_WAY if elsewhere else DONE  # the worst of the jobs that have ended
        if settled != DONE and not graph.jobs:
            return settled
        if caps := self._many(params, graph):
            from runner.doit.many_jobs.loop import ManyJobs  # noqa: PLC0415 - not where there is one or nothing to do

            jobs = TheseJobs(tuple(graph.jobs))
            many = ManyJobs(graph, jobs, caps, functools.partial(self._pass_over_jobs, params), notifier)
            return worst(settled, many.run())
        idle = dict.fromkeys(graph.jobs, 0)
        tasks = tuple(task for task in chosen.tasks if task.partition(":")[2] not in {*elsewhere, *resting})
        while True:
            before = {plan.job: plan for plan in graph.plans}
            ended = self._pass(params, graph, tasks)
            if not graph.is_done:
                graph = graph.anew()
            again, code = going_on(graph, before, ended, idle, notifier)
            settled = worst(settled, code)
            if not again:
                graph.workspace.remember()
                notifier.close()
                if notifier.is_complete:
                    self._remember(params, graph, ended)
                return worst(settled, ended.code)
            settled = worst(settled, *(ended.by_job.get(job, 0) for job in {"", *graph.jobs} - {*again}))
            graph = graph.only(again)
            tasks = tuple(f"{chosen.run_task}:{job}" for job in again)

    def _many(self, params: Any, graph: Graph) -> Caps | None:
        """What may be used at most, where there are many jobs to be gone on with; doit's own `-n` does it otherwise."""
        caps = caps_variables()
        if isinstance(params, DefaultUpdate):  # as doit does itself when it begins
            params.update_defaults(self.loader.load_doit_config())
        is_usual = params.get("reporter", reporter.NAME) == reporter.NAME and not params.get("num_process")
        if not is_usual or graph.chosen.names != {graph.chosen.run_task}:
            if caps.is_any:
                problem = "go with a run of sessions alone, without doit's -n, -r or other tasks"
                remedy = f"write `doit {graph.chosen.run_task} sessions=4`"
                raise InputError("variables sessions and gpu_hours", problem, remedy)
            return None
        return caps if not graph.is_done and (len(graph.jobs) > 1 or caps.gpu_seconds is not None) else None

    def _pass_over_jobs(self, params: Any, graph: Graph, *, only_packages: bool = False) -> PassCodes:
        if only_packages:
            live = (each.name for sessions in graph.live_sessions.values() for each in sessions)
            return self._pass(params, graph, [f"package:{name}" for name in live])
        return self._pass(params, graph, [f"{graph.chosen.run_task}:{job}" for job in graph.jobs])

    def _remember(self, params: Any, graph: Graph, ended: PassCodes) -> None:
        """Spare the next command its look at the disk, where this one had nothing to do but to say so."""
        saying_so = {f"{graph.chosen.run_task}:{job}" for job in graph.jobs}
        is_usual = params.get("reporter") == reporter.NAME and params.get("backend") == WriteThrough.NAME
        did_nothing = graph.is_done and ended.code == 0 and ended.executed == saying_so
        if self._began_ns is None or not is_usual or not did_nothing:
            return
        from runner.planning import settling  # noqa: PLC0415 - not where there was something to do

        database = graph.workspace.runs.root / params["dep_file"]
        settling.remember(graph.workspace, graph.plans, backend_variable(sys.argv[1:]), database, self._began_ns)

    def _pass(self, params: Any, graph: Graph, tasks: Sequence[str]) -> PassCodes:
        by_job: dict[str, int] = {}
        executed: set[str] = set()
        said: dict[str, str] = {}
        later: dict[str, RelayError] = {}
        instead, says_later = sys.stdout if wants_json() else None, graph.workspace.backends is None
        self.reporters[reporter.NAME] = reporter.noting(by_job, executed, said, instead, later, says_later=says_later)
        self.loader.use(graph)
        self.dep_manager = None
        code: int = super().execute(params, list(tasks))
        return PassCodes(by_job, worst(*by_job.values()) if by_job else code, executed, said, later)


@contextlib.contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Look for garbage after many more objects: tasks of thousands of jobs are none, and are looked at again."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BEFORE_A_COLLECTION, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _hold(graph: Graph, locks: contextlib.ExitStack) -> list[str]:
    """Hold the jobs, and return those that another process holds, where nobody waits for it.

    Raises:
        JobHeldError: a job cannot be held.
    """
    from runner.commands.mending.collect import look_again  # noqa: PLC0415 - a command with nothing to do needs no lock
    from runner.lock import held  # noqa: PLC0415 - likewise

    elsewhere = []
    for job in graph.jobs:
        try:
            locks.enter_context(held(graph.workspace.runs, job, graph.chosen.command))
        except HeldElsewhereError as error:
            if graph.workspace.waits:
                raise
            sys.stdout.write(f"{error.subject}: {error.problem}, which does what is to be done\n")
            elsewhere.append(job)
            continue
        if graph.chosen.runs_sessions:
            look_again(graph.workspace, job)
    return elsewhere


def _cancelling(jobs: Sequence[str]) -> str:
    """What asks the sessions of these jobs to stop."""
    return f"doit cancel:{jobs[0]}" if len(jobs) == 1 else "doit cancel:NAME"
