"""Whether what a session keeps in memory fits where it is to run: decided from numbers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.errors import InputError
from contract.storage.files import human_bytes

if TYPE_CHECKING:
    from contract.documents.trial import Memory

OF_THE_PROCESS = 300 << 20
"""Python with torch, before anything is trained; at least."""
NEAR = 0.8
WORTH_SAYING = 1 << 30


def memory_note(job: dict[str, Any], memory: Memory, there: int | None) -> str | None:
    """What a session of the job needs and what there is, where that is worth a line.

    The pages of a replay buffer are taken as it fills, and it fills no further than to the goal.

    Args:
        job: as JSON.
        memory: what its buffers and networks take.
        there: bytes of memory where it is to run; None where that is not known.

    Raises:
        InputError: a session of the job cannot fit.
    """
    filled = min(1.0, job["total_timesteps"] / _capacity(job)) if memory.replay else 0.0
    beside = memory.rollout + memory.networks + OF_THE_PROCESS
    full, used = memory.replay + beside, int(memory.replay * filled) + beside
    if there is not None and (used > there or memory.replay > 2 * there):
        problem = f"{_shares(memory)} take {human_bytes(full)} of memory"
        place = f"a session on the {job['backend']} backend has {human_bytes(there)}"
        raise InputError(f"job {job['name']}", f"{problem}, and {place}", _remedy(memory, job, there - beside))
    if full < WORTH_SAYING:
        return None
    said = f"needs {human_bytes(full)} of memory once its buffers are full"
    if there is None:
        return said
    warning = " (near, or beyond once the goal is raised)" if full > NEAR * there else ""
    return f"{said}, of {human_bytes(there)} that a session on the {job['backend']} backend has{warning}"


def _capacity(job: dict[str, Any]) -> int:
    if stated := job["hyperparameters"].get("buffer_size"):
        return int(stated)
    from job.algorithms.off_policy import OffPolicyHyperparameters  # noqa: PLC0415 - it imports pydantic

    return OffPolicyHyperparameters.default_buffer_size


def _shares(memory: Memory) -> str:
    if memory.replay:
        return f"its full replay buffer ({human_bytes(memory.replay)}) and the rest"
    return f"its rollout ({human_bytes(memory.rollout)}) and the rest"


def _remedy(memory: Memory, job: dict[str, Any], left: int) -> str:
    if not memory.replay:
        return "lower n_steps, n_envs or the size of the network"
    fitting = int(_capacity(job) * NEAR * left / memory.replay)
    return f"set hyperparameters.buffer_size to {fitting:,} or less" if fitting > 0 else "give it more memory"
