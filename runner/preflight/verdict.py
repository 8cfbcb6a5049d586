"""The verdict on a session to come: what a trial of its job found, remembered by content, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.errors import InputError, UnavailableError
from runner.backends.base import Known
from runner.backends.registry import backend_entry
from runner.data import mounts
from runner.lineage import Phase
from runner.preflight.memory import memory_note

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from contract.documents.trial import Tried
    from runner.backends.base import Settled
    from runner.workspace import Plan, Workspace

NOT_YET = "has not been tried yet, and is before its session is packaged"
"""What is said of a job that a look at many goes without a trial of."""


@dataclass(frozen=True)
class Verdict:
    """What is known of a session to come.

    Args:
        trial: what came of trying its job; None where this machine lacks what that needs.
        notes: what is to be said of it, a sentence each.
        settled: its job with what that leaves to the backend decided.
    """

    trial: Tried | None
    notes: tuple[str, ...]
    settled: Settled

    @property
    def said(self) -> tuple[str, ...]:
        """What is to be said of it and of where it is to run."""
        return (*self.notes, *([self.settled.said] if self.settled.said else []))


def judge(workspace: Workspace, plan: Plan, *, at_a_glance: bool = False) -> Verdict:
    """Try the job of a plan, unless a trial of the same content is remembered.

    Args:
        workspace: the project.
        plan: whose job a session may begin of.
        at_a_glance: whether this is only a look: the trial of a job that is alike will do, and a command makes a few
            at most. A job has a trial of its own before its session is packaged.

    Raises:
        InputError: no session of it could train where it is to run.
    """
    job, entry = plan.wanted.job, backend_entry(plan.wanted.job["backend"])
    try:
        data = mounts(workspace.runs.root, job)
    except UnavailableError as error:
        if not entry.has_data:
            raise
        return _untried_here(plan, error)
    try:
        found = _tried(workspace, plan, data, at_a_glance=at_a_glance)
    except UnavailableError as error:
        if job["backend"] == "local":
            raise
        return _untried_here(plan, error)
    if found is None:
        return Verdict(None, (NOT_YET,), _settled(plan, None))
    note = memory_note(job, found.memory, entry.memory(job))
    return Verdict(found, (*found.notes, *([note] if note else [])), _settled(plan, found.parameters))


def _settled(plan: Plan, parameters: Mapping[str, tuple[int, ...]] | None) -> Settled:
    """The job of a plan with what it leaves to its backend decided."""
    job = plan.wanted.job
    submitted = [each for each in plan.lineage.sessions if each.phase >= Phase.SUBMITTED and not each.is_adopted]
    packages = (each.package for each in reversed(submitted))
    earlier = next((each for each in packages if each.job["backend"] == job["backend"]), None)
    return backend_entry(job["backend"]).settle(job, Known(parameters, earlier))


def _untried_here(plan: Plan, error: UnavailableError) -> Verdict:
    job = plan.wanted.job
    place = f"this machine, which may lack what the {job['backend']} backend has"
    doubt = f"it could not be tried on {place}, and is tried there first"
    return Verdict(None, (f"{doubt}: {error}",), _settled(plan, None))


def _wheels(workspace: Workspace, plan: Plan) -> list[Path]:
    """The wheels of a job's packages for this machine, once there are some for where its sessions run.

    Raises:
        UnavailableError: for this machine alone there are none.
        InputError: there are none for where its sessions run.
    """
    workspace.wheels(plan)
    try:
        return workspace.wheels(plan, here=True)
    except InputError as error:
        raise UnavailableError(error.subject, error.problem, error.remedy) from error


def _tried(workspace: Workspace, plan: Plan, data: dict[str, Path], *, at_a_glance: bool) -> Tried | None:
    """What a trial found; None where a look goes without one."""
    job, sources, wheels = plan.wanted.job, workspace.sources(plan), _wheels(workspace, plan)
    known = workspace.trials.found(job, sources, wheels, alike=at_a_glance)
    if known is not None or (at_a_glance and not workspace.trials.may_go_on):
        return known
    from runner.preflight import trial  # noqa: PLC0415 - most jobs were tried before

    found = trial.try_job(job, plan.wanted.profile, sources.bundle(), None, wheels, data)
    workspace.trials.remember(job, sources, wheels, found)
    return found
