"""The docker backend: sessions in containers laid out and limited as on Kaggle."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from contract.errors import InputError
from contract.events import say
from contract.make import target
from executors.docker.executor import DockerExecutor
from executors.docker.limits import DockerSettings
from runner.backends.docker.section import Docker
from runner.backends.on_executor import ExecutorBackend, packaged_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from executors.base import Workload
    from runner.backends.base import Check
    from runner.layout import SessionFolder

CPU_IMAGE = DockerSettings.image


class DockerBackend(ExecutorBackend):
    """Sessions as containers of a Docker engine.

    Args:
        root: the backend's folder, of which its containers' names are made.
    """

    executor: DockerExecutor

    name = "docker"

    def __init__(self, root: Path) -> None:
        super().__init__(DockerExecutor(root))
        self._root = root

    def submit(self, folder: SessionFolder, key: str) -> str:
        """Start the packaged session, once.

        Raises:
            InputError: its image has nothing to compute with on a GPU, which the job asks for.
            BackendError: the engine cannot start it; nothing stays behind.
        """
        with DockerExecutor(self._root, container_settings(packaged_job(folder)), say) as executor:
            executor.start(self.workload(folder, key))
        return key

    def workload(self, folder: SessionFolder, key: str) -> Workload:
        """The packaged session for the executor."""
        job = packaged_job(folder)
        return replace(
            super().workload(folder, key),
            internet=job["internet"],
            gpu=job["device"] != "cpu",
        )

    def diagnose(self) -> Iterator[Check]:
        """What a session would need of the engine; starts nothing."""
        from runner.backends.docker.health import checks  # noqa: PLC0415 - only `doit doctor` asks

        return checks()


def container_settings(job: dict[str, Any]) -> DockerSettings:
    """How the containers of `job` (as JSON) are made.

    Raises:
        InputError: it asks for a GPU, and for an image that has nothing to compute with there.
    """
    own = Docker.model_validate(job.get("docker", {}))
    if job["device"] == "cuda" and own.image == CPU_IMAGE:
        image = f"`docker: {{image: kaggle-relay:cuda}}` in jobs.yaml (`{target('image', profile='cuda')}`)"
        remedy = f"set {image}, or `device: auto`"
        raise InputError(f"job {job['name']}", f"device: cuda, but {CPU_IMAGE} has no CUDA build of torch", remedy)
    return DockerSettings(
        image=own.image,
        memory=own.memory,
        cpus=own.cpus,
        shm=own.shm,
        user=own.user,
        gpu_is_optional=job["device"] == "auto",
    )
