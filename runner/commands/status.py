"""What each session came to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from contract.documents.runs import Submission
from contract.errors import RelayError
from contract.events import say
from contract.plain_text import plain
from runner.layout import RUNS
from runner.lineage import Phase
from runner.planning.changes import changed_code
from runner.steering.answers import answer, wants_json
from runner.steering.documents import JobStatus, SessionStatus, StatusAnswer, StudyStatus
from runner.steering.ended import ended
from runner.steering.standing import exit_code, judge_standing
from runner.studies import records, summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.lineage import Lineage, SessionState
    from runner.steering.standing import Standing
    from runner.workspace import Workspace

_COLUMNS = (
    "job",
    "session",
    "profile",
    "from",
    "reached",
    "goal",
    "backend",
    "state",
    "ended",
    "resume",
    "best reward",
)
_PERHAPS = "perhaps submitted"


def show_status(workspace: Workspace, jobs: list[str]) -> int:
    """Show every session of `jobs` in a table, and below it why those ended that did not meet their goal.

    Returns the exit code: whether something of a job is odd, so that nothing more can be planned for it; for programs,
    which ask for JSON, also where the jobs stand.
    """
    as_json = wants_json()
    found = [judge_status(workspace, job) for job in jobs]
    statuses = [status for status, _ in found]
    left = _left(workspace, jobs)
    if as_json:
        studies = tuple(_studies(workspace, jobs))
        answer(StatusAnswer(jobs=tuple(statuses), studies=studies, left=tuple(left)))
    else:
        _print_table(statuses)
        for status in statuses:
            for each in status.sessions:
                if each.reason:
                    say(plain(f"{status.job} {each.session} {each.ending or 'ended'}: {each.reason}"))
            for note in status.notes:
                say(f"{status.job}: {note}")
        for study in _studies(workspace, jobs):
            trials = records.trials(workspace.runs.study(study.study))
            say(summary.sentence(study.study, trials, study.planned))
        for job, count in left.items():
            where = f"has {count} session(s) in {RUNS}/{job}, and is not in jobs.yaml"
            say(f"{job}: {where}; write it there again to go on with it, or move that folder away")
    problems = [error for _, error in found if error is not None]
    for error in problems:
        (sys.stderr.write if as_json else sys.stdout.write)(f"{plain(str(error))}\n")
    if problems or not as_json:
        return max((error.exit_code for error in problems), default=0)
    return exit_code(each.standing for each in statuses if each.standing is not None)


def _left(workspace: Workspace, jobs: list[str]) -> dict[str, int]:
    """How many sessions there are of each job that jobs.yaml has no more, where all jobs are asked for."""
    try:
        own, known = {*workspace.jobs}, {*workspace.jobs, *workspace.jobs_file.trials}
    except RelayError:
        return {}
    if not own <= {*jobs}:
        return {}
    return {job: len(workspace.runs.sessions(job)) for job in workspace.runs.jobs_with_sessions() if job not in known}


def judge_status(workspace: Workspace, job: str) -> tuple[JobStatus, RelayError | None]:
    """Where a job stands, and why nothing more can be planned for it."""
    lineage = workspace.lineage(job)
    sessions = tuple(map(session_status, lineage.sessions))
    standing: Standing | None = None
    sentence: str | None = None
    notes: tuple[str, ...] = ()
    problem: RelayError | None = None
    try:
        if workspace.has(job) or job in workspace.jobs_file.trials:
            plan = workspace.plan(job, "full", lineage=lineage)
            standing, sentence = judge_standing(plan.decision), str(plan.decision)
            change = changed_code(lineage.tip, plan.wanted)
            notes = (f"{change} since session {_number(lineage)}",) if change else ()
    except RelayError as error:
        problem = error
    status = JobStatus(
        job=job,
        lineage=lineage.generation,
        standing=standing,
        sentence=sentence,
        sessions=sessions,
        notes=notes,
        problem=None if problem is None else plain(str(problem)),
    )
    return status, problem


def _studies(workspace: Workspace, jobs: list[str]) -> Iterator[StudyStatus]:
    """How the studies stand: those of whose trials it was asked, or all where it was asked of every job."""
    try:
        asks_for_all, stated = {*workspace.jobs} <= {*jobs}, workspace.jobs_file.studies
    except RelayError:  # said with the jobs
        return
    for name in dict.fromkeys([*stated, *workspace.runs.studies]):
        trials = records.trials(workspace.runs.study(name))
        if not asks_for_all and not any(each.name in jobs for each in trials):
            continue
        planned = workspace.jobs_file.study(name).trials if name in stated else None
        best = summary.best(trials)
        yield StudyStatus(
            study=name,
            trials=len(trials),
            planned=planned,
            **summary.counted(trials),
            best=best.name if best else None,
            best_value=best.outcome.value if best and best.outcome else None,
            parameters=best.parameters if best else None,
        )


def _number(lineage: Lineage) -> str:
    return lineage.tip.folder.number if lineage.tip is not None else ""


def session_status(session: SessionState) -> SessionStatus:
    """What a session came to."""
    request = session.request if session.folder.request.exists() else None
    execution = session.execution if session.phase >= Phase.EXECUTED else None
    restored = session.restored if session.phase is Phase.RESTORED else None
    checkpoint = restored.checkpoint if restored else None
    is_uncertain = session.phase is Phase.SUBMITTED and session.ledger.entry is Submission.SUBMITTING
    why = ended(session)
    return SessionStatus(
        session=session.folder.number,
        profile=request.profile if request else None,
        phase=_PERHAPS if is_uncertain else session.phase.name.lower(),
        begins=request.parent.timesteps if request and request.parent else 0,
        reached=checkpoint.timesteps if checkpoint else None,
        goal=request.goal if request else None,
        backend=session.package.job["backend"] if session.phase >= Phase.PACKAGED else None,
        state=execution.state if execution else None,
        ending=why.words,
        reason=why.reason,
        steps_per_second=restored.outcome.steps_per_second if restored else None,
        exact=checkpoint.resume.exact if checkpoint else None,
        reasons=checkpoint.resume.reasons if checkpoint else (),
        changes=checkpoint.resume.changes if checkpoint else (),
        best_mean_reward=checkpoint.best_mean_reward if checkpoint else None,
        removed_bytes=sum(each.bytes for each in session.removed.files.values()),
    )


def _print_table(statuses: list[JobStatus]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only this command needs it

    from runner.commands.table import print_table  # noqa: PLC0415 - likewise

    rows: list[tuple[str, ...]] = []
    for status in statuses:
        rows += [tuple(map(plain, _row(status.job, session))) for session in status.sessions]
        if not status.sessions:
            rows.append((status.job, "-", *[""] * 5, "not started", *[""] * 3))
    print_table(Console(width=None if sys.stdout.isatty() else 160), _COLUMNS, rows)


def _row(job: str, session: SessionStatus) -> tuple[str, ...]:
    return (
        job,
        session.session,
        session.profile or "",
        f"{session.begins:,}",
        "" if session.reached is None else f"{session.reached:,}",
        "" if session.goal is None else f"{session.goal:,}",
        session.backend or "",
        session.state.lower() if session.state else session.phase,
        session.ending or "",
        _resume(session),
        "" if session.best_mean_reward is None else f"{session.best_mean_reward:,.1f}",
    )


def _resume(session: SessionStatus) -> str:
    """Whether going on is exact, why not, and what of kaggle-relay changed on the way."""
    if session.exact is None:
        return ""
    said = "exact" if session.exact else f"approximate: {'; '.join(session.reasons)}"
    return "; ".join((said, *session.changes))
