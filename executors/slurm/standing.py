"""Where a script stands that Slurm runs, from what Slurm says and what lies in its sandbox: a pure function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.states import State
from executors.base import Status
from executors.slurm.words import ENDING, ended_words, is_cancelled, waiting_words

if TYPE_CHECKING:
    from pathlib import Path

    from executors.slurm.words import SlurmJob

RECORD_SECONDS = 10.0
"""How late the record of an end may be seen on a shared file system, after Slurm says that a job was ended."""
LATEST_RECORD_SECONDS = 60.0
"""The same where the job ended by itself, and so has left one."""
FORGOTTEN_SECONDS = 60.0
"""For how long Slurm may not know a job before it counts as lost: its controller may just have started."""
STOPS = "as Slurm does before the end of its time and to make way"
"""Who has ended a session by a signal that nobody here has asked to stop."""


@dataclass(frozen=True)
class Seen:
    """What is seen of a script that has left no record of its end.

    Args:
        job: what Slurm says of its job; None where it knows of none.
        has_started: whether its launcher has begun.
        silent: for how many seconds Slurm has said the same, and nothing came of it in the sandbox.
    """

    job: SlurmJob | None
    has_started: bool
    silent: float


def standing(seen: Seen, sandbox: Path, python: str) -> Status:
    """Where it stands."""
    job = seen.job
    unsure = Status(State.RUNNING if seen.has_started else State.QUEUED, is_ending=True)
    if job is None:
        return unsure if seen.silent < FORGOTTEN_SECONDS else _forgotten(seen)
    if job.waits and seen.has_started:  # since Slurm was asked
        return Status(State.RUNNING)
    if job.waits:
        return Status(State.QUEUED, reason=waiting_words(job))
    if not job.is_over:
        return Status(State.RUNNING, is_ending=job.state == ENDING)
    if seen.silent < (LATEST_RECORD_SECONDS if job.state == "COMPLETED" else RECORD_SECONDS):
        return unsure
    reason = ended_words(job, sandbox, python, has_started=seen.has_started)
    return Status(State.CANCELLED if is_cancelled(job) else State.FAILED, reason=reason)


def _forgotten(seen: Seen) -> Status:
    if seen.has_started:
        reason = "Slurm no longer knows its job, which left no record of its end: killed, or its node went down"
        return Status(State.FAILED, reason=reason)
    return Status(State.FAILED, reason="Slurm no longer knows its job, which never began: perhaps it was cancelled")
