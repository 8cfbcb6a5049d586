"""What each session came to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from contract.documents.runs import Submission
from contract.errors import RelayError
from contract.events import say
from contract.plain_text import plain
from runner.changes import changed_code
from runner.lineage import Phase, read_lineage

if TYPE_CHECKING:
    from contract.documents.runs import ResumeVerdict
    from runner.lineage import SessionState
    from runner.workspace import Workspace


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
