"""What came of one pass over the jobs, and which of them need another."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from contract.errors import RelayError
from contract.plain_text import plain
from runner.lineage import Phase
from runner.notifying import GOAL_MET, PERSON_NEEDED, Notice
from runner.planning.decide import REFUSALS, Attach, Finish, Nothing, Rejudge
from runner.planning.endings import may_pass, why_ended
from runner.planning.restraint import sessions_without_progress, why_not
from runner.steering.exit_codes import DONE, FAILED, UNDER_WAY, worst

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.doit.graph import Graph
    from runner.lineage import Lineage
    from runner.notifying import Notifier
    from runner.planning.endings import Ending
    from runner.workspace import Plan


def restrained(graph: Graph, notifier: Notifier) -> list[str]:
    """The jobs whose next session a person has to ask for, each of which is said."""
    resume = graph.workspace.resume_command
    reasons = {plan.job: reason for plan in graph.plans if (reason := why_not(plan, resume(plan.job))) is not None}
    for plan in graph.plans:
        if plan.job in reasons:
            sys.stdout.write(f"{plan.job}: {reasons[plan.job]}\n")
            _tell(graph, notifier, plan, reasons[plan.job])
    return [*reasons]


def _tell(graph: Graph, notifier: Notifier, plan: Plan, reason: str) -> None:
    """Notify of a job that goes no further: its goal is met, or a person is needed for that reason."""
    is_met = isinstance(plan.decision, Nothing)
    if graph.chosen.profile != "full":
        return
    head = plan.lineage.head
    notice = Notice(
        plan.job,
        GOAL_MET if is_met else PERSON_NEEDED,
        str(plan.decision) if is_met else reason,
        head.folder.number if head is not None else "",
        reached(plan.lineage),
        plan.wanted.goal,
    )
    notifier.tell(notice, graph.workspace.notified(plan.job))


def going_on(
    graph: Graph, before: dict[str, Plan], ended: PassCodes, idle: dict[str, int], notifier: Notifier
) -> tuple[list[str], int]:
    """The jobs that need another pass, and the worst exit code of what is said of the others.

    Args:
        graph: after the pass.
        before: what was planned for each job before it.
        ended: how it ended.
        idle: for each job, the passes in a row in which it gained no timestep; counted on.
        notifier: tells of those that go no further.
    """
    chains, waits = graph.chosen.chains, graph.workspace.waits
    again, code = [], DONE
    for job, planned in before.items():
        if ended.by_job.get(job) == UNDER_WAY:
            continue
        try:
            done = Pass(planned, graph.plan(job))
        except RelayError as error:
            sys.stdout.write(f"{plain(str(error))}\n")
            code = worst(code, error.exit_code)
            continue
        passes = idle[job] if isinstance(done.before.decision, Rejudge) else 0 if done.has_advanced else idle[job] + 1
        if chains and not waits:  # sessions of earlier commands count, and a pass that failed without any
            sessions = sessions_without_progress(done.after)
            idle[job] = max(sessions, passes) if ended.by_job.get(job) else sessions
        else:
            idle[job] = passes
        if goes_on(done, idle[job], chains=chains):
            again.append(job)
            continue
        is_met = isinstance(done.after.decision, Nothing)
        if is_met or ended.by_job.get(job) or chains:
            _tell(graph, notifier, done.after, ended.said.get(job, str(done.after.decision)))
        if chains and done.has_no_session_left:
            sys.stdout.write(f"{job}: stopped at max_sessions; raise it in jobs.yaml to go on\n")
        if chains and not waits and not is_met:
            code = FAILED if code == DONE else code
    return again, code


class PassCodes(NamedTuple):
    """How a pass ended.

    Args:
        by_job: the exit code of each job that failed.
        code: the worst of all.
        executed: the tasks that ran.
        said: what was said last of each job that failed.
        later: why a job goes on later.
    """

    by_job: dict[str, int]
    code: int
    executed: set[str]
    said: dict[str, str]
    later: Mapping[str, RelayError] = MappingProxyType({})


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
    def ending(self) -> Ending | None:
        """Why the newest session ended, once it is restored."""
        head = self.after.lineage.head
        is_known = head is not None and head.phase is Phase.RESTORED and head.folder.execution_json.exists()
        return why_ended(head) if head is not None and is_known else None

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
    if done.was_stopped or not may_pass(done.ending, idle):
        return False
    if done.has_no_session_left:
        return False
    return chains or (done.finished_a_lesser_one and idle == 0)


def reached(lineage: Lineage) -> int:
    """Timesteps of the newest adopted checkpoint."""
    checkpoint = lineage.tip.restored.checkpoint if lineage.tip else None
    return checkpoint.timesteps if checkpoint else 0
