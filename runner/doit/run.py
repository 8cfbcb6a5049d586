"""doit's `run` command, which knows what was asked before the graph is drawn, and goes on for `resume`."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from doit.cmd_run import Run

from runner.decide import REFUSALS, Attach, Finish, Nothing, Rejudge
from runner.doit import selection
from runner.doit.graph import Graph, exiting_on_error
from runner.doit.reporter import RelayReporter

if TYPE_CHECKING:
    from runner.doit.selection import Selection
    from runner.lineage import Lineage
    from runner.workspace import Plan

PASSES_WITHOUT_PROGRESS = 2
_INTERRUPTED = 130


class RelayRun(Run):  # type: ignore[misc] # doit is untyped
    """Runs tasks as doit does, holding the jobs meanwhile.

    A pass executes one session of each job. `resume` makes passes until the goal is met; the other
    commands make a second one only if the first had to finish a session that somebody else began.
    """

    name = "run"

    def execute(self, params: Any, args: list[str]) -> int:
        """Run the tasks named by `args`; return doit's exit code."""
        _speak_utf8()
        with exiting_on_error():
            chosen = selection.select(args)
            self.loader.setup(params)
            graph = next(value for value in self.loader.namespace.values() if isinstance(value, Graph))
            graph.redraw(chosen)
            jobs = chosen.jobs(graph.workspace.jobs)
            with contextlib.ExitStack() as locks:
                if chosen.holds_jobs and (chosen.archives or not _is_all_done(graph, jobs)):
                    from runner.lock import held  # noqa: PLC0415 - a command with nothing to do needs no lock

                    for job in jobs:
                        locks.enter_context(held(graph.workspace.runs, job, chosen.command))
                    graph.redraw(replace(chosen))
                try:
                    return self._run(params, graph, chosen, jobs)
                except KeyboardInterrupt:
                    sys.stderr.write(
                        "\nstopped watching; a running session goes on: "
                        f"`{chosen.command}` attaches to it again, `doit cancel` asks it to stop\n"
                    )
                    return _INTERRUPTED
        raise AssertionError("exiting_on_error swallows nothing")

    def _run(self, params: Any, graph: Graph, chosen: Selection, jobs: list[str]) -> int:
        idle = dict.fromkeys(jobs, 0)
        tasks = list(chosen.tasks)
        settled = 0  # the worst exit code of the jobs that have ended
        while True:
            before = _plans(graph, jobs)
            code = self._pass(params, tasks)
            if not chosen.runs_sessions:
                return code
            if _is_all_done(graph, jobs):
                graph.workspace.remember()
                return max(settled, code)
            graph.redraw(replace(chosen))
            after = _plans(graph, jobs)
            going_on = []
            for job in jobs:
                done = Pass(before[job], after[job])
                if not isinstance(done.before.decision, Rejudge):
                    idle[job] = 0 if done.has_advanced else idle[job] + 1
                if goes_on(done, idle[job], chains=chosen.chains):
                    going_on.append(job)
                elif chosen.chains and done.has_no_session_left:
                    sys.stdout.write(f"{job}: stopped at max_sessions; raise it in jobs.yaml to go on\n")
            if not going_on:
                graph.workspace.remember()
                return max(settled, code)
            settled = max(settled, *(RelayReporter.exit_codes.get(job, 0) for job in {"", *jobs} - {*going_on}))
            tasks = [f"{chosen.run_task}:{job}" for job in going_on]

    def _pass(self, params: Any, tasks: list[str]) -> int:
        RelayReporter.begin()
        self.dep_manager = None
        code: int = super().execute(params, tasks)
        return max(RelayReporter.exit_codes.values(), default=0) or (code if code > _ORDINARY_CODES else 0)


_ORDINARY_CODES = 2


def _plans(graph: Graph, jobs: list[str]) -> dict[str, Plan]:
    return {plan.job: plan for plan in graph.plans if plan.job in jobs}


def _is_all_done(graph: Graph, jobs: list[str]) -> bool:
    return all(isinstance(plan.decision, Nothing) for plan in _plans(graph, jobs).values())


@dataclass(frozen=True)
class Pass:
    """What was planned for a job before a pass, and what is planned after it."""

    before: Plan
    after: Plan

    @property
    def has_advanced(self) -> bool:
        """Whether the job has gained timesteps."""
        return reached(self.after.lineage) > reached(self.before.lineage)

    @property
    def was_stopped(self) -> bool:
        """Whether the user asked the last session to stop."""
        head = self.after.lineage.head
        return head is not None and head.folder.execution_json.exists() and head.execution.cancel_requested

    @property
    def has_no_session_left(self) -> bool:
        """Whether the goal is ahead, and the job has had as many sessions as it may."""
        most = int(self.after.wanted.job["max_sessions"])
        return len(self.after.lineage.sessions) >= most and not isinstance(self.after.decision, Nothing)

    @property
    def finished_a_lesser_one(self) -> bool:
        """Whether it had to finish a session that was begun for a lower goal."""
        begun = self.before.decision
        return isinstance(begun, Attach | Finish) and begun.goal < self.after.wanted.goal


def goes_on(done: Pass, idle: int, *, chains: bool) -> bool:
    """Whether a job needs another pass.

    Args:
        done: the pass that has ended.
        idle: passes in a row in which the job gained no timestep.
        chains: whether sessions are to follow each other until the goal is met.
    """
    if isinstance(done.before.decision, Rejudge):
        return not isinstance(done.after.decision, Rejudge)  # to do, or to say, what follows from it
    if isinstance(done.after.decision, Nothing | REFUSALS) or isinstance(done.before.decision, Nothing | REFUSALS):
        return False
    if idle >= PASSES_WITHOUT_PROGRESS or done.was_stopped:
        return False
    if done.has_no_session_left:
        return False
    return chains or (done.finished_a_lesser_one and idle == 0)


def reached(lineage: Lineage) -> int:
    """Timesteps of the newest adopted checkpoint."""
    checkpoint = lineage.tip.restored.checkpoint if lineage.tip else None
    return checkpoint.timesteps if checkpoint else 0


def _speak_utf8() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and not stream.isatty():
            stream.reconfigure(encoding="utf-8", line_buffering=True)
