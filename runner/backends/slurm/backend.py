"""The slurm backend: sessions as jobs of a Slurm cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from executors.slurm.executor import SlurmExecutor
from runner.backends.on_executor import KILL_GRACE_SECONDS, ExecutorBackend, packaged_job, sandbox_name
from runner.backends.slurm.settings import job_settings, session_limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from executors.base import Status, Workload
    from executors.slurm.settings import SlurmSettings
    from runner.backends.base import Check, Origin, Provisions
    from runner.layout import SessionFolder


class SlurmBackend(ExecutorBackend):
    """Sessions as jobs of a Slurm cluster.

    Args:
        root: the folder of sandboxes, unless a job names another.
    """

    executor: SlurmExecutor

    name = "slurm"

    def __init__(self, root: Path) -> None:
        super().__init__(SlurmExecutor(root))
        self._root = root

    def provisions(self, job: Mapping[str, Any], parent: Origin | None) -> Provisions:
        """How long the session has, once it is clear that the job can be asked for.

        Raises:
            InputError: it needs a GPU and asks for none, or its folder cannot be.
        """
        job_settings(job, self._root, "")
        return replace(super().provisions(job, parent), session_limit=session_limit(job))

    def submit(self, folder: SessionFolder, key: str) -> str:
        """Submit the packaged session, once.

        Raises:
            RefusedError: Slurm does not take it.
            BackendBusyError: nor does it, as a limit is reached.
        """
        settings = job_settings(packaged_job(folder), self._root, key)
        with SlurmExecutor(self._root, settings) as executor:
            executor.start(self.workload(folder, key))
        return key

    def submit_together(self, packaged: Mapping[str, SessionFolder]) -> Mapping[str, str]:
        """Submit packaged sessions, given by their keys, each once: those that ask for the same as one array.

        Raises what `submit` raises: then some of them may have been submitted.
        """
        alike: dict[SlurmSettings, list[Workload]] = {}
        for key, folder in packaged.items():
            settings = job_settings(packaged_job(folder), self._root, "")
            alike.setdefault(settings, []).append(self.workload(folder, key))
        for settings, workloads in alike.items():
            with SlurmExecutor(self._root, settings) as executor:
                executor.start_together(workloads)
        return {key: key for key in packaged}

    def workload(self, folder: SessionFolder, key: str) -> Workload:
        """The packaged session for the executor."""
        limit = session_limit(packaged_job(folder)) + KILL_GRACE_SECONDS
        return replace(super().workload(folder, key), limit_seconds=limit)

    def standing(self, handles: Sequence[str]) -> Mapping[str, Status]:
        """Where many sessions stand, for which Slurm is asked once."""
        names = {sandbox_name(handle): handle for handle in handles}
        return {names[name]: status for name, status in self.executor.standing([*names]).items()}

    def diagnose(self) -> Iterator[Check]:
        """What a session would need of the cluster; starts nothing."""
        from runner.backends.slurm.health import checks  # noqa: PLC0415 - only `doit doctor` asks

        return checks()
