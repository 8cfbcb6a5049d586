"""The ray backend: sessions as jobs of a Ray cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from executors.ray.executor import RayExecutor
from runner.backends.on_executor import ExecutorBackend, packaged_job
from runner.backends.ray.settings import job_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from runner.backends.base import Check, Origin, Provisions
    from runner.layout import SessionFolder


class RayBackend(ExecutorBackend):
    """Sessions as jobs of a Ray cluster.

    Args:
        root: the folder of sandboxes, unless a job names another.
    """

    executor: RayExecutor

    name = "ray"

    def __init__(self, root: Path) -> None:
        super().__init__(RayExecutor(root))
        self._root = root

    def provisions(self, job: Mapping[str, Any], parent: Origin | None) -> Provisions:
        """Nothing, once it is clear that the job can be asked for.

        Raises:
            InputError: it needs a GPU and asks for none, or its folder cannot be.
        """
        job_settings(job, self._root, "")
        return super().provisions(job, parent)

    def prepare(self, folder: SessionFolder, key: str) -> None:
        """See that there is a cluster, and that this machine's Ray understands it.

        Raises:
            UnavailableError: Ray is not installed here.
            BackendError: there is no cluster, or one of another kind.
        """
        with RayExecutor(self._root, job_settings(packaged_job(folder), self._root, key)) as executor:
            executor.reach()

    def submit(self, folder: SessionFolder, key: str) -> str:
        """Submit the packaged session, once.

        Raises:
            RefusedError: Ray does not take it.
        """
        with RayExecutor(self._root, job_settings(packaged_job(folder), self._root, key)) as executor:
            executor.start(self.workload(folder, key))
        return key

    def diagnose(self) -> Iterator[Check]:
        """What a session would need of the cluster; starts nothing."""
        from runner.backends.ray.health import checks  # noqa: PLC0415 - only `doit doctor` asks

        return checks()
