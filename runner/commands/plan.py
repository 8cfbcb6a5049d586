"""What a run would do next, and what can be known of it before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.events import say
from runner.preflight.verdict import SPENDING, judge
from runner.wanted import PROFILES

if TYPE_CHECKING:
    from runner.workspace import Workspace


def show_plan(workspace: Workspace, job: str) -> None:
    """Say what `run_quick` and `run_full` would do, and why, and what can be known of it before.

    Raises:
        InputError: no session of the job could train where it is to run.
    """
    plans = [workspace.plan(job, profile) for profile in PROFILES]
    for plan in plans:
        say(f"{job}: run_{plan.wanted.profile} {plan.decision}")
    notes = [note for plan in plans if isinstance(plan.decision, SPENDING) for note in judge(workspace, plan).said]
    for note in dict.fromkeys(notes):
        say(f"{job}: {note}")
