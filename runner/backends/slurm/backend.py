"""The slurm backend: sessions as jobs of a Slurm cluster."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.errors import InputError
from executors.slurm.executor import SlurmExecutor
from executors.slurm.settings import SlurmSettings, asked_seconds, longest_session
from runner.backends.on_executor import KILL_GRACE_SECONDS, ExecutorBackend, packaged_job, sandbox_name
from runner.backends.shared_folder import stated_folder
from runner.backends.slurm.section import Slurm

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from executors.base import Status, Workload
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
    folder = None
    if own.folder is not None:
        folder = stated_folder(job["name"], "slurm.folder", own.folder, root.parents[2])
    return SlurmSettings(
        partition=own.partition,
        account=own.account,
        qos=own.qos,
        gres=own.gres,
        cpus=own.cpus,
        memory=own.memory,
        time=own.time if own.time is not None else asked_seconds(float(job["session_limit"])),
        extra=own.extra,
        folder=folder,
        python=own.python or sys.executable,
        comment=key,
    )


def asks_for_gpu(own: Slurm) -> bool:
    """Whether sessions with such a section ask for a GPU."""
    return own.gres is not None or any("gpu" in each or "gres" in each for each in own.extra)
