"""Where a script stands that Ray runs, from what Ray says and what lies in its sandbox: a pure function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.states import State
from executors.base import Status
from executors.ray.words import STOPPED, SUCCEEDED, ended_words, waiting_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from executors.ray.words import RayJob

RECORD_SECONDS = 10.0
"""How late the record of an end may be seen on a shared file system, after Ray says that a job was ended."""
LATEST_RECORD_SECONDS = 60.0
"""The same where the job ended by itself, and so has left one, or where Ray only lost sight of it."""
FORGOTTEN_SECONDS = 120.0
"""For how long Ray may not know a job before it counts as lost. A head that is started anew knows nothing of what its
nodes run, and those end a minute after they have lost theirs (`RAY_gcs_rpc_server_reconnect_timeout_s`)."""
STOPS = "as `ray job stop` does"
"""Who has ended a session by a signal that nobody here has asked to stop."""


@dataclass(frozen=True)
class Seen:
    """What is seen of a script that has left no record of its end.

    Args:
        job: what Ray says of its job; None where it knows of none.
        has_started: whether its launcher has begun.
        silent: for how many seconds Ray has said the same, and nothing came of it in the sandbox; where it knows of no
            job, for how many it has answered and would have said the same.
        needs: what it asked for.
    """

    job: RayJob | None
    has_started: bool
    silent: float
    needs: Mapping[str, float]


def standing(seen: Seen, sandbox: Path, python: str) -> Status:
    """Where it stands."""
    job = seen.job
    unsure = Status(State.RUNNING if seen.has_started else State.QUEUED, is_ending=True)
    if job is None:
        return unsure if seen.silent < FORGOTTEN_SECONDS else _forgotten(seen)
    if job.waits and seen.has_started:  # since Ray was asked
        return Status(State.RUNNING)
    if job.waits:
        return Status(State.QUEUED, reason=waiting_words(job, seen.needs))
    if not job.is_over and not job.is_node_gone:
        return Status(State.RUNNING)
    if seen.silent < (LATEST_RECORD_SECONDS if job.state == SUCCEEDED or job.is_given_up else RECORD_SECONDS):
        return unsure
    reason = ended_words(job, sandbox, python, has_started=seen.has_started)
    return Status(State.CANCELLED if job.state == STOPPED else State.FAILED, reason=reason)


def _forgotten(seen: Seen) -> Status:
    if seen.has_started:
        reason = "Ray no longer knows its job, which left no record of its end: the cluster was started anew"
        return Status(State.FAILED, reason=reason)
    reason = "Ray no longer knows its job, which never began: the cluster was started anew"
    return Status(State.FAILED, reason=reason)
