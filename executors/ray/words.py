"""What Ray says, as values and in words: pure functions, so that each answer can be tried."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

PENDING, RUNNING, STOPPED, SUCCEEDED, FAILED = "PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"
GAVE_UP_WAITING = "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"
NODE_DIED = "JOB_SUPERVISOR_ACTOR_DIED"
COMMAND_FAILED = "JOB_ENTRYPOINT_COMMAND_ERROR"
_OVER = frozenset({STOPPED, SUCCEEDED, FAILED})
_GIB = 1 << 30
_STATUS = re.compile(r"Request failed with status code (\d+): ?(.*)", re.DOTALL)
_TAKEN = "already exists"
_NOT_FOUND, _BAD_REQUEST, _NO_LONGER_THE_CALLERS_FAULT = 404, 400, 500


@dataclass(frozen=True)
class RayJob:
    """What Ray says of a job.

    Args:
        name: its submission id.
        state: Ray's word for where it stands.
        error: Ray's word for why it failed.
        message: Ray's sentence about it.
        is_node_gone: whether the node that it runs on is known to be dead.
    """

    name: str
    state: str
    error: str | None = None
    message: str = ""
    is_node_gone: bool = False

    @property
    def waits(self) -> bool:
        """Whether it is to begin yet."""
        return self.state == PENDING

    @property
    def is_over(self) -> bool:
        """Whether it stays as it is; a state that only a later Ray has is taken for one of a job that runs."""
        return self.state in _OVER

    @property
    def is_given_up(self) -> bool:
        """Whether Ray has failed it for a reason of its own, so that what it ran may run yet."""
        return self.state == FAILED and self.error not in {None, COMMAND_FAILED, NODE_DIED}


@dataclass(frozen=True)
class RayNode:
    """A node of the cluster.

    Args:
        identity: Ray's id of it.
        is_alive: whether it takes part.
        has: what it has in all, by Ray's names.
    """

    identity: str
    is_alive: bool
    has: Mapping[str, float]


def waiting_words(job: RayJob, needs: Mapping[str, float]) -> str:
    """What a job waits for, in a sentence's part."""
    return f"job {job.name} waits until a node of the Ray cluster has {amounts(needs)} free"


def amounts(needs: Mapping[str, float]) -> str:
    """Resources in words, such as `2 CPU and 1 GPU`."""
    each = [
        f"{amount / _GIB:g} GiB of memory" if name == "memory" else f"{amount:g} {name}"
        for name, amount in needs.items()
    ]
    return " and ".join(part for part in (", ".join(each[:-1]), *each[-1:]) if part) or "room"


def ended_words(job: RayJob, sandbox: object, python: str, *, has_started: bool) -> str:
    """Why a job ended that left no record of its end."""
    if job.state == STOPPED:
        did = "did not end by itself in the time that was left to it" if has_started else "never began"
        return f"job {job.name} was stopped by `ray job stop` or an administrator, and {did}"
    if job.is_node_gone or job.error == NODE_DIED:
        return f"job {job.name} ended as its node failed, or as Ray killed it there for want of memory"
    if job.is_given_up:
        did = "was given up by Ray" if has_started else "could not be started"
        return f"job {job.name} {did}: {one_line(job.message, 200) or job.error}"
    if not has_started:
        return (
            f"job {job.name} ended before the session began: its node cannot see {sandbox} (set ray.folder to a "
            f"folder that all nodes share), or has no {python} (set ray.python)"
        )
    if job.state == SUCCEEDED:
        return f"job {job.name} has ended, and the record of that cannot be seen in its sandbox"
    return f"job {job.name} ended without a record: killed, or its process broke down"


def is_answer(said: str) -> bool:
    """Whether an error of Ray's client is what the cluster has answered."""
    return _STATUS.search(said) is not None


def is_unknown(said: str) -> bool:
    """Whether an error of Ray's client says that there is no such job."""
    return _code(said) == _NOT_FOUND


def is_taken(said: str) -> bool:
    """Whether it says that a job of that name was submitted before."""
    return _TAKEN in said


def is_refusal(said: str) -> bool:
    """Whether it says that the cluster does not take what it was given, and that nothing was started."""
    return _BAD_REQUEST <= _code(said) < _NO_LONGER_THE_CALLERS_FAULT


def refusal(said: str) -> str:
    """What was refused: the last line of Ray's traceback."""
    found = _STATUS.search(said)
    lines = [line.strip() for line in (found[2] if found else said).splitlines() if line.strip(" .")]
    return one_line(lines[-1].rstrip("."), 300) if lines else "it does not say why"


def _code(said: str) -> int:
    found = _STATUS.search(said)
    return int(found[1]) if found else 0
