"""The verdict on a session to come: what a trial of its job found, remembered by content, and what follows from it."""

from __future__ import annotations

import contextlib
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from contract.documents.trial import Trial
from contract.errors import InputError, UnavailableError
from contract.storage import files
from runner.backends.base import Known
from runner.backends.registry import backend_entry, installed
from runner.data import mounts
from runner.lineage import Phase
from runner.planning.decide import Continue, Redo, Start
from runner.preflight import trial
from runner.preflight.memory import memory_note

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runner.backends.base import Settled
    from runner.sources import Sources
    from runner.workspace import Plan, Workspace

SPENDING = (Start, Continue, Redo)
"""The decisions that a new session follows from."""

MOST_REMEMBERED = 200


@dataclass(frozen=True)
class Verdict:
    """What is known of a session to come.

    Args:
        trial: what came of trying its job; None where this machine lacks what that needs.
        notes: what is to be said of it, a sentence each.
        settled: its job with what that leaves to the backend decided.
    """

    trial: Trial | None
    notes: tuple[str, ...]
    settled: Settled

    @property
    def said(self) -> tuple[str, ...]:
        """What is to be said of it and of where it is to run."""
        return (*self.notes, *([self.settled.said] if self.settled.said else []))


def judge(workspace: Workspace, plan: Plan) -> Verdict:
    """Try the job of a plan, unless a trial of the same content is remembered.

    Raises:
        InputError: no session of it could train where it is to run.
    """
    job, entry = plan.wanted.job, backend_entry(plan.wanted.job["backend"])
    try:
        data = mounts(workspace.runs.root, job)
    except UnavailableError as error:
        if not entry.has_data:
            raise
        return _untried(plan, error)
    try:
        found = _tried(workspace.runs.cache("trials"), plan, workspace.sources(plan), _wheels(workspace, plan), data)
    except UnavailableError as error:
        if job["backend"] == "local":
            raise
        return _untried(plan, error)
    note = memory_note(job, found.memory, entry.memory(job))
    return Verdict(found, (*found.notes, *([note] if note else [])), _settled(plan, found.parameters))


def _settled(plan: Plan, parameters: Mapping[str, tuple[int, ...]] | None) -> Settled:
    """The job of a plan with what it leaves to its backend decided."""
    job = plan.wanted.job
    submitted = [each for each in plan.lineage.sessions if each.phase >= Phase.SUBMITTED and not each.is_adopted]
    packages = (each.package for each in reversed(submitted))
    earlier = next((each for each in packages if each.job["backend"] == job["backend"]), None)
    return backend_entry(job["backend"]).settle(job, Known(parameters, earlier))


def _untried(plan: Plan, error: UnavailableError) -> Verdict:
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


def _tried(cache: Path, plan: Plan, sources: Sources, wheels: list[Path], data: dict[str, Path]) -> Trial:
    key = _trial_digest(plan.wanted.job, sources, wheels)
    known = _remembered(cache)
    if key in known:
        return known[key]
    found = trial.try_job(plan.wanted.job, plan.wanted.profile, sources.bundle(), None, wheels, data)
    latest = [*known.items(), (key, found)][-MOST_REMEMBERED:]
    with contextlib.suppress(OSError):  # a project that may only be read is tried anew each time
        files.write_bytes(cache, msgspec.json.encode(dict(latest)))
    return found


def _trial_digest(job: dict[str, Any], sources: Sources, wheels: list[Path]) -> str:
    """A digest of all that a trial depends on; what was refused is not remembered, since its cause may be anywhere."""
    parts = {name: job[name] for name in ("env", "algorithm", "policy", "hyperparameters")}
    evaluation = job["eval"]["episodes"] if job["eval"]["frequency"] else 0
    beside = [files.sha256_of_file(each) for each in wheels]
    return files.sha256_of_value(
        [parts, evaluation, sources.identity().content, installed(), platform.python_version(), *beside]
    )


def _remembered(cache: Path) -> dict[str, Trial]:
    try:
        return msgspec.json.decode(cache.read_bytes(), type=dict[str, Trial])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
