"""What the sessions of a job ask of a Ray cluster, as its executor has it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from contract.errors import InputError
from executors.ray.settings import RaySettings
from runner.backends.ray.section import Ray
from runner.backends.shared_folder import stated_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def job_settings(job: Mapping[str, Any], root: Path, key: str) -> RaySettings:
    """What the sessions of `job` (as JSON) ask for.

    Args:
        job: the job.
        root: the backend's folder, which lies in the project's.
        key: of the session, for people who look at the jobs.

    Raises:
        InputError: it needs a GPU and asks for none, or its folder cannot be.
    """
    own = Ray.model_validate(job.get("ray", {}))
    if job["device"] == "cuda" and not own.gpus:
        remedy = "set `ray: {gpus: 1}` in jobs.yaml, or `device: auto`"
        raise InputError(f"job {job['name']}", "device: cuda, but its sessions ask Ray for no GPU", remedy)
    return RaySettings(
        address=own.address,
        cpus=own.cpus,
        gpus=own.gpus,
        memory=own.memory,
        resources=own.resources,
        folder=stated_folder(job["name"], "ray.folder", own.folder, root.parents[2]),
        python=own.python or sys.executable,
        note=key,
    )
