"""What a run would do next, and what can be known of it before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from contract.errors import RelayError
from contract.events import say
from contract.plain_text import plain
from runner.planning.decide import BEGINNING
from runner.planning.restraint import why_not
from runner.planning.wanted import PROFILES
from runner.steering.answers import gather, wants_json
from runner.steering.documents import PlanAnswer, PlannedJob, PlannedRun
from runner.steering.standing import exit_code, judge_standing

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.workspace import Plan, Workspace


def show_plan(workspace: Workspace, job: str) -> int:
    """Say what `run_quick` and `run_full` would do, and why, and what can be known of it before.

    Returns the exit code: 0, or for programs, which ask for JSON, where the job stands.

    Raises:
        InputError: nothing can be planned, or no session of the job could train where it is to run.
    """
    as_json = wants_json()
    found, error = plan_job(workspace, job, (lambda _line: None) if as_json else say)
    if as_json:
        gather("plan", lambda jobs: PlanAnswer(jobs=jobs), found)
    if error is not None:
        raise error
    return exit_code([found.standing] if found.standing is not None else []) if as_json else 0


def plan_job(workspace: Workspace, job: str, tell: Callable[[str], None]) -> tuple[PlannedJob, RelayError | None]:
    """What is planned for a job, and what stands in the way of it.

    Args:
        workspace: the project.
        job: its name.
        tell: is told of each finding, as soon as there is one.
    """
    found = PlannedJob(job=job, backend=None, standing=None)
    try:
        lineage = workspace.lineage(job)
        plans = [workspace.plan(job, profile, lineage=lineage) for profile in PROFILES]
        found = _decided(plans, workspace.resume_command(job))
        for run in found.runs:
            tell(f"{job}: run_{run.profile} {run.sentence}")
        for plan in (each for each in plans if isinstance(each.decision, BEGINNING)):
            found = _with_notes(found, _judged(workspace, plan), tell)
        for number, plan in enumerate(plans):
            found = _with_estimate(workspace, found, plan, number, tell)
    except RelayError as error:
        return msgspec.structs.replace(found, problem=plain(str(error))), error
    return found, None


def _decided(plans: list[Plan], resume: str) -> PlannedJob:
    """What was decided, before anything is tried; `resume` is the command that goes on."""
    runs = tuple(
        PlannedRun(
            profile=plan.wanted.profile,
            standing=judge_standing(plan.decision),
            decision=type(plan.decision).__name__.lower(),
            sentence=str(plan.decision),
            goal=plan.wanted.goal,
        )
        for plan in plans
    )
    full = plans[-1]
    return PlannedJob(
        job=full.job,
        backend=full.wanted.job["backend"],
        standing=runs[-1].standing,
        runs=runs,
        waits_for_a_person=why_not(full, resume),
    )


def _judged(workspace: Workspace, plan: Plan) -> tuple[str, ...]:
    """What is to be said of a session to come."""
    from runner.preflight.verdict import judge  # noqa: PLC0415 - not where no session begins

    return judge(workspace, plan, at_a_glance=True).said


def _with_notes(found: PlannedJob, notes: tuple[str, ...], tell: Callable[[str], None]) -> PlannedJob:
    new = tuple(note for note in dict.fromkeys(notes) if note not in found.notes)
    for note in new:
        tell(f"{found.job}: {note}")
    return msgspec.structs.replace(found, notes=(*found.notes, *new))


def _with_estimate(
    workspace: Workspace, found: PlannedJob, plan: Plan, number: int, tell: Callable[[str], None]
) -> PlannedJob:
    if not isinstance(plan.decision, BEGINNING):
        return found
    from runner.steering.estimate import estimate, in_words  # noqa: PLC0415 - as above

    taken = estimate(workspace, plan, plan.decision)
    tell(f"{found.job}: run_{plan.wanted.profile} has {in_words(taken, plan.wanted.job['backend'])}")
    runs = list(found.runs)
    runs[number] = msgspec.structs.replace(runs[number], estimate=taken)
    return msgspec.structs.replace(found, runs=tuple(runs))
