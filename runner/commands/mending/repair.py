"""`doit repair`: what `doit verify` finds broken is mended, and nothing is thrown away."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

from contract.errors import RelayError
from contract.events import say
from contract.plain_text import plain
from runner.commands.saying import AlreadySaidError
from runner.steering.answers import is_yes

if TYPE_CHECKING:
    from runner.repairing.planning import Repair
    from runner.workspace import Workspace

_ROUNDS = 5
"""Once files are put back, what is still wrong is looked at anew."""


def repair(workspace: Workspace, jobs: list[str]) -> None:
    """Mend the project and `jobs`, after saying what is done and what it costs; with `dry=yes` say so only.

    Raises:
        RelayError: of one of the jobs nothing sound is left; all others are mended.
    """
    from runner.repairing.project import do_project, plan_project  # noqa: PLC0415 - few commands repair

    runs, dry = workspace.runs, is_yes("dry")
    when = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    project = plan_project(runs)
    for step in project.steps:
        say(f"repair  {_would(step, dry=dry)}")
    if project.steps and not dry:
        do_project(runs, project, when)
    failed: list[RelayError] = []
    for job in jobs:
        try:
            _repair_job(workspace, job, when, dry=dry)
        except RelayError as error:
            failed.append(error)
            say(plain(str(error)))
    if not dry and runs.damaged("", when).exists():
        say(f"what was replaced is kept in {runs.damaged('', when)}")
    if failed:
        raise AlreadySaidError("doit repair", f"{len(failed)} job(s) could not be mended")


def _repair_job(workspace: Workspace, job: str, when: str, *, dry: bool) -> None:
    from runner.repairing.doing import do_repair  # noqa: PLC0415 - it comes with what reads models
    from runner.repairing.planning import plan_repair  # noqa: PLC0415 - likewise

    for number in range(_ROUNDS):
        planned = plan_repair(workspace.runs, job, time.time())
        if not planned.is_needed:
            say(f"{job}: nothing {'more ' if number else ''}to repair")
            return
        _tell(workspace, planned, dry=dry)
        if dry:
            return
        do_repair(workspace.runs, planned, when if number == 0 else f"{when}-{number + 1}", time.time())
        if not planned.found:
            return


def _tell(workspace: Workspace, planned: Repair, *, dry: bool) -> None:
    job, root = planned.job, workspace.runs.job(planned.job)
    for found in planned.found:
        step = f"puts {found.target.relative_to(root)} back, whose content {found.source.relative_to(root)} has"
        say(f"repair  {job}: {_would(step, dry=dry)}")
    for path, why in planned.aside:
        say(f"repair  {job}: {_would(f'puts {path.relative_to(root)} aside', dry=dry)} ({why})")
    for path, _ in planned.documents:
        say(f"repair  {job}: {_would(f'writes {path.relative_to(root)} anew', dry=dry)}")
    if planned.touched:
        say(f"repair  {job}: {_would(f'gives {len(planned.touched)} document(s) the time of now', dry=dry)}")
    if planned.found:
        say(f"{job}: costs no timestep" + ("; what else is wrong is found once that is done" if dry else ""))
        return
    if planned.cost:
        then = f"the next session goes on from {planned.after or 0:,} timesteps"
        say(f"{job}: costs {planned.cost:,} timesteps: it stood at {planned.before or 0:,}, and {then}")
    else:
        say(f"{job}: costs no timestep; the next session goes on from {planned.after or 0:,}")


def _would(step: str, *, dry: bool) -> str:
    """A step as what is done, or as what would be."""
    verb, _, rest = step.partition(" ")
    return f"would {_INFINITIVES[verb]} {rest}" if dry else step


_INFINITIVES = {"puts": "put", "writes": "write", "gives": "give"}
