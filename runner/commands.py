"""What users ask beside running: the plan, the standing, a fresh start, a check, a stop."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from contract.documents.runs import Ledger, Submission
from contract.errors import BackendError, BackendUnreachableError, InputError, RelayError
from contract.events import say
from contract.plain_text import plain
from restore.adoption import problem_with
from runner import doctor
from runner.backends.registry import open_backend
from runner.changes import changed_code
from runner.lineage import Phase, SessionState, read_lineage
from runner.preflight.verdict import SPENDING, judge
from runner.wanted import PROFILES

if TYPE_CHECKING:
    from pathlib import Path

    from contract.documents.runs import ResumeVerdict
    from runner.workspace import Workspace


def show_plan(workspace: Workspace, job: str) -> None:
    """Say what `run_quick` and `run_full` would do, and why, and what can be known of it before.

    Raises:
        InputError: no session of the job could train where it is to run.
    """
    plans = [workspace.plan(job, profile) for profile in PROFILES]
    for plan in plans:
        say(f"{job}: run_{plan.wanted.profile} {plan.decision}")
    notes = [note for plan in plans if isinstance(plan.decision, SPENDING) for note in judge(workspace, plan).notes]
    for note in dict.fromkeys(notes):
        say(f"{job}: {note}")


def show_status(workspace: Workspace, jobs: list[str]) -> None:
    """Show every session of `jobs` in a table.

    Raises:
        RelayError: something of a job is odd, so that nothing more can be planned for it; all others are shown.
    """
    from rich.console import Console  # noqa: PLC0415 - only this command needs it
    from rich.table import Table  # noqa: PLC0415 - only this command needs it
    from rich.text import Text  # noqa: PLC0415 - only this command needs it

    table = Table("job", "session", "profile", "from", "reached", "goal", "backend", "state", "resume", "best reward")
    lineages = {job: read_lineage(workspace.runs, job) for job in jobs}
    for job, lineage in lineages.items():
        sessions = lineage.sessions
        for session in sessions:
            table.add_row(*(Text(plain(cell)) for cell in _status_row(job, session)))
        if not sessions:
            table.add_row(job, "-", *[""] * 5, "not started", "", "")
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    known = workspace.jobs
    refused: list[RelayError] = []
    for job in (each for each in jobs if each in known):
        try:
            wanted = workspace.wanted(job, "full")
        except RelayError as error:
            refused.append(error)
            continue
        tip = lineages[job].tip
        if tip is not None and (change := changed_code(tip, wanted)):
            say(f"{job}: {change} since session {tip.folder.number}")
    for each in refused[:-1]:
        say(plain(str(each)))
    if refused:
        raise refused[-1]


def _status_row(job: str, session: SessionState) -> tuple[str, ...]:
    request = session.request if session.folder.request.exists() else None
    parent = request.parent if request else None
    backend = session.package.job["backend"] if session.phase >= Phase.PACKAGED else ""
    state, reached, resume, best = session.phase.name.lower(), "", "", ""
    if session.phase is Phase.SUBMITTED and session.ledger.entry is Submission.SUBMITTING:
        state = "perhaps submitted"
    if session.phase >= Phase.EXECUTED:
        state = session.execution.state.lower()
    if session.phase is Phase.RESTORED and (checkpoint := session.restored.checkpoint):
        reached = f"{checkpoint.timesteps:,}"
        resume = _resume(checkpoint.resume)
        best = "" if checkpoint.best_mean_reward is None else f"{checkpoint.best_mean_reward:,.1f}"
    start = f"{parent.timesteps:,}" if parent else "0"
    profile, goal = (request.profile, f"{request.goal:,}") if request else ("", "")
    return job, session.folder.number, profile, start, reached, goal, backend, state, resume, best


def _resume(verdict: ResumeVerdict) -> str:
    """Whether going on is exact, why not, and what of kaggle-relay changed on the way."""
    said = "exact" if verdict.exact else f"approximate: {'; '.join(verdict.reasons)}"
    return "; ".join((said, *verdict.changes))


def start_afresh(workspace: Workspace, job: str) -> None:
    """Archive the lineage of `job`; nothing is deleted.

    Raises:
        InputError: a session of it is still running.
        BackendError: one may have been submitted, and its backend does not say whether it was.
    """
    lineage = read_lineage(workspace.runs, job)
    if lineage.head is None:
        say(f"{job}: has no sessions yet, so there is nothing to archive")
        return
    if lineage.head.phase is Phase.SUBMITTED and _submitted_handle(workspace, lineage.head) is not None:
        problem = f"session {lineage.head.folder.number} may still be running"
        raise InputError(
            f"job {job}", problem, f"let it end with `doit resume:{job}`, or stop it with `doit cancel:{job}`"
        )
    target = workspace.runs.archive(job, lineage.generation)
    target.parent.mkdir(parents=True, exist_ok=True)
    workspace.runs.job(job).rename(target)
    say(f"{job}: {len(lineage.sessions)} session(s) archived in {target}; the next run starts at 0 timesteps")


def verify(workspace: Workspace, job: str) -> None:
    """Check that every adopted file of `job` still is what was adopted.

    Raises:
        RelayError: one is not; the sentence names it.
    """
    problems, checked = [], 0
    judged: dict[Path, str | None] = {}
    for session in read_lineage(workspace.runs, job).sessions:
        if session.phase is not Phase.RESTORED:
            continue
        restored = session.restored
        for reference in (*restored.candidates, restored.best_model):
            if reference is None or reference.session != session.folder.number:
                continue
            checked += 1
            problem = problem_with(reference, workspace.runs.job(job), judged)
            if problem:
                problems.append(f"{reference.file} {problem}")
    if problems:
        remedy = "restore it from a backup; runs go on from the newest intact checkpoint"
        raise RelayError(f"job {job}", "; ".join(problems), remedy)
    say(f"{job}: {checked} file(s) are as they were adopted")


def cancel(workspace: Workspace, job: str) -> None:
    """Ask the running session of `job` to stop after a last checkpoint.

    Raises:
        BackendError: its backend cannot ask it, or gives no answer.
    """
    head = read_lineage(workspace.runs, job).head
    if head is None or head.phase is not Phase.SUBMITTED:
        say(f"{job}: no session is running")
        return
    handle = _submitted_handle(workspace, head)
    if handle is None:
        say(f"{job}: session {head.folder.number} was never submitted, so nothing is running")
        return
    ledger = Ledger.read(head.folder.ledger_json)
    if ledger.handle is None:
        ledger = ledger.submitted(handle)
    ledger.asked_to_stop().write(head.folder.ledger_json)
    try:
        with open_backend(ledger.backend, workspace.runs) as backend:
            backend.cancel(handle)
    except BackendUnreachableError:
        raise  # perhaps it was asked
    except BackendError:
        # It goes on, and so does a `resume` that watches it.
        written = Ledger.read_if_there(head.folder.ledger_json) or ledger
        written.asked_to_stop(asked=False).write(head.folder.ledger_json)
        raise
    say(f"{job}: session {head.folder.number} was asked to stop; `doit resume:{job}` restores its last checkpoint")


def _submitted_handle(workspace: Workspace, session: SessionState) -> str | None:
    """The backend's reference to a session that may have been submitted, None where it was not.

    Raises:
        BackendError: the backend does not say whether it was.
    """
    ledger = session.ledger
    if ledger.handle is not None:
        return ledger.handle
    try:
        with open_backend(ledger.backend, workspace.runs) as backend:
            return backend.find(ledger.key)
    except BackendError as error:
        number, name = session.folder.number, ledger.backend
        problem = f"session {number} may have been submitted to the {name} backend, which does not say so ({error})"
        remedy = (
            "run the same command again once it answers; if you know that nothing runs there, remove "
            f"{session.folder.ledger_json}"
        )
        kind = BackendUnreachableError if isinstance(error, BackendUnreachableError) else BackendError
        raise kind(f"job {session.folder.path.parent.name}", problem, remedy) from None


def examine(workspace: Workspace, jobs: list[str]) -> None:
    """Check that the backends of `jobs` would take a session."""
    doctor.examine(workspace, jobs)
