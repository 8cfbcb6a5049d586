"""Whether a session of each job could start where it is to run: as `doit doctor` asks, and nothing is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.errors import InputError
from runner.preflight.checks import backend_checks, job_checks, trial_check
from runner.verifying.findings import Finding, Kind, Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.backends.base import Check
    from runner.workspace import Workspace

_KIND = Kind.BACKENDS


def check_backends(workspace: Workspace, jobs: Sequence[str]) -> Iterator[Finding]:
    """What is found of the backends of jobs, each once, and of the jobs themselves."""
    names: dict[str, list[str]] = {}
    for job in jobs if _can_be_read(workspace) else ():
        try:
            names.setdefault(workspace.backend_name(job), []).append(job)
        except InputError as error:
            what = f"{job}: {error.subject}: {error.problem}"
            yield Finding(_KIND, Level.ISSUE, what, "it cannot run", error.remedy or "correct it in jobs.yaml")
    if not names:
        yield Finding(_KIND, Level.SKIPPED, "backends", "no job can be read that would use one")
    for name, of in sorted(names.items()):
        for check in backend_checks(workspace, name):
            yield _finding(f"{name}: {check.about}", check, f"doit doctor backend={name}")
        for job in of:
            for check in job_checks(workspace, name, job):
                yield _finding(f"{job}: {check.about}", check, f"doit doctor backend={name}")
            yield _finding(f"{job}: trial", trial_check(workspace, job), f"doit doctor:{job}")


def _can_be_read(workspace: Workspace) -> bool:
    """Whether jobs.yaml can be; what is wrong with it is found with the lineages."""
    try:
        return bool(workspace.jobs)
    except InputError:
        return False


def _finding(about: str, check: Check, ask_again: str) -> Finding:
    what = f"{about}: {check.finding.removesuffix(f'; {check.remedy}')}"
    if check.is_well:
        return Finding(_KIND, Level.SUCCESS, what)
    command = f"{check.remedy}, then {ask_again}" if check.remedy else ask_again
    return Finding(_KIND, Level.ISSUE, what, "a session could not run there", command)
