"""What the sessions of a job ask of a Slurm cluster, as its executor has it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from contract.errors import InputError
from executors.slurm.settings import SlurmSettings, asked_seconds, longest_session
from runner.backends.shared_folder import stated_folder
from runner.backends.slurm.section import Slurm, asks_for_gpu

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def session_limit(job: Mapping[str, Any]) -> float:
    """As `job` (as JSON) has it, or what fits into the time that it asks for: a session ends before Slurm ends it."""
    stated, time = float(job["session_limit"]), Slurm.model_validate(job.get("slurm", {})).time
    return stated if time is None else min(stated, longest_session(time))


def job_settings(job: Mapping[str, Any], root: Path, key: str) -> SlurmSettings:
    """What the sessions of `job` (as JSON) ask for.

    Args:
        job: the job.
        root: the backend's folder, which lies in the project's.
        key: of the session, for people who look at the queue.

    Raises:
        InputError: it needs a GPU and asks for none, or its folder cannot be.
    """
    own = Slurm.model_validate(job.get("slurm", {}))
    if job["device"] == "cuda" and not asks_for_gpu(own):
        remedy = "set `slurm: {gres: gpu:1}` in jobs.yaml, or `device: auto`"
        raise InputError(f"job {job['name']}", "device: cuda, but its sessions ask Slurm for no GPU", remedy)
    return SlurmSettings(
        partition=own.partition,
        account=own.account,
        qos=own.qos,
        gres=own.gres,
        cpus=own.cpus,
        memory=own.memory,
        time=own.time if own.time is not None else asked_seconds(float(job["session_limit"])),
        extra=own.extra,
        folder=stated_folder(job["name"], "slurm.folder", own.folder, root.parents[2]),
        python=own.python or sys.executable,
        comment=key,
    )
