"""What `doit doctor` asks of a Ray cluster: whether it answers, and whether a node could take a job's session."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from contract.errors import BackendError, UnavailableError
from executors.ray.cluster import RayCluster, stated_address
from executors.ray.settings import Submission
from executors.ray.words import amounts
from runner.backends.base import Check, failed
from runner.backends.ray.settings import job_settings
from runner.backends.shared_folder import look_at_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from executors.ray.words import RayNode


def checks() -> Iterator[Check]:
    """Whether the cluster that Ray finds by itself answers; that of a job is asked with the job."""
    try:
        cluster = RayCluster(stated_address(None, os.environ))
        yield _answers(cluster)
    except UnavailableError as error:
        yield failed("ray", error)
    except BackendError as error:
        yield Check("cluster", f"none is found where jobs name none: {error}")


def session_checks(root: Path, job: Mapping[str, Any]) -> Iterator[Check]:
    """What a session of a job (as JSON) would need.

    Args:
        root: the backend's folder.
        job: the job.

    Raises:
        InputError: it cannot be asked for.
    """
    settings = job_settings(job, root, "")
    yield look_at_folder(settings.folder or root, "ray.folder")
    try:
        cluster = RayCluster(stated_address(settings.address, os.environ))
        yield _answers(cluster)
        yield _room(cluster.nodes(), Submission.made(settings, cluster.address).needs())
    except (BackendError, UnavailableError) as error:
        yield failed("submission", error)


def _answers(cluster: RayCluster) -> Check:
    there, here = cluster.versions()
    versions = f"Ray {there}" if there == here else f"Ray {there}, and {here} on this machine"
    return Check("cluster", f"answers at {cluster.address}: {versions}")


def _room(nodes: Sequence[RayNode], needs: Mapping[str, float]) -> Check:
    """Whether there is a node that could take a session once it is idle."""
    alive = [node for node in nodes if node.is_alive]
    fit = sum(all(node.has.get(name, 0.0) >= amount for name, amount in needs.items()) for node in alive)
    if fit:
        return Check("nodes", f"{fit} of {len(alive)} could take a session, which needs {amounts(needs)}")
    problem = f"none of {len(alive)} has {amounts(needs)}"
    remedy = "ask for less under `ray` in jobs.yaml, or add a node; a cluster that grows by itself may have one in time"
    return Check("nodes", f"{problem}: {remedy}", is_well=False, remedy=remedy)
