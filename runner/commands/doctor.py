"""`doit doctor`: whether the backends that the jobs use would take a session now; spends nothing."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from contract.errors import BackendError, InputError, RelayError
from contract.events import say
from contract.libraries import library_versions
from runner.backends.base import Check, failed
from runner.backends.registry import backend_entry, open_backend
from runner.planning.decide import BEGINNING
from runner.preflight.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.workspace import Workspace


def examine(workspace: Workspace, jobs: list[str]) -> None:
    """Say what each backend of `jobs` was found to be like.

    Raises:
        BackendError: a session could not run on one of them; the sentence names what is wrong.
        InputError: the backends are well, and a job is not.
    """
    problems: list[str] = []
    for name in sorted({name for job in jobs if (name := _known_backend(workspace, job)) is not None}):
        say(f"backend {name}")
        for check in backend_checks(workspace, name):
            mark = "ok   " if check.is_well else "WRONG"
            say(f"  {mark}  {check.about}: {check.finding}")
            if not check.is_well:
                problems.append(f"{name}: {check.about}")
    of_backends = len(problems)
    for job in jobs:
        say(f"job {job}")
        for check in (trial_check(workspace, job), *own_checks(workspace, job)):
            say(f"  {'ok   ' if check.is_well else 'WRONG'}  {check.about}: {check.finding}")
            if not check.is_well:
                problems.append(f"{job}: {check.about}")
    if problems:
        kind = BackendError if of_backends else InputError
        raise kind(
            "doctor", f"these checks failed: {', '.join(problems)}", "mend what is marked WRONG above, and ask again"
        )


def _known_backend(workspace: Workspace, job: str) -> str | None:
    try:
        return workspace.backend_name(job)
    except InputError:  # said with the job
        return None


def trial_check(workspace: Workspace, job: str) -> Check:
    """What comes of trying a job where nothing of it runs: a session of its would find the same."""
    try:
        plan = workspace.plan(job, "full")
    except RelayError as error:
        return failed("plan", error)
    if not isinstance(plan.decision, BEGINNING):
        return Check("trial", f"none is needed: {plan.decision}")
    try:
        verdict = judge(workspace, plan, at_a_glance=True)
    except RelayError as error:
        return failed("trial", error)
    sound = () if verdict.trial is None else ("its environment and model can be made, stepped, saved and loaded",)
    return Check("trial", "; ".join((*sound, *verdict.said)))


def own_checks(workspace: Workspace, job: str) -> Iterator[Check]:
    """What its backend finds of a job that it would run."""
    name = _known_backend(workspace, job)
    if name is not None:
        yield from job_checks(workspace, name, job)


def job_checks(workspace: Workspace, name: str, job: str) -> Iterator[Check]:
    """What a job needs of the backend of that name beyond what every job does; nothing where it cannot be planned."""
    try:
        wanted = workspace.wanted(job, "full").job
    except RelayError:  # said with its plan
        return
    try:
        yield from backend_entry(name).needs(workspace.runs.backend(name), wanted)
    except RelayError as error:
        yield failed("what it needs there", error)


def backend_checks(workspace: Workspace, name: str) -> Iterator[Check]:
    """What is found of this machine and of a backend."""
    versions = library_versions()
    yield Check("this machine", f"Python {platform.python_version()}, torch {versions.get('torch', 'not installed')}")
    try:
        with open_backend(name, workspace.runs) as backend:
            yield from backend.diagnose()
    except RelayError as error:
        yield failed(name, error)
