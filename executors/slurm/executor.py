"""The Slurm executor: a job of a cluster in a sandbox that the job's node shares with this machine."""

from __future__ import annotations

import contextlib
import shlex
import time
from typing import TYPE_CHECKING

from contract.errors import BackendError, RefusedError
from contract.storage import files
from executors import local_launcher as launcher
from executors.base import Closeable
from executors.sandbox import LOG_FILE, read_if_there, recorded_end
from executors.shared_sandboxes import SharedSandboxes, launcher_command
from executors.slurm import commands
from executors.slurm.array import (
    ARRAY_FILE,
    ARRAY_SCRIPT,
    MOST_TASKS,
    ArrayTask,
    noted_task,
    write_array_script,
)
from executors.slurm.settings import SlurmSettings, request_options
from executors.slurm.standing import STOPS, Seen, standing
from executors.slurm.words import SlurmJob, latest
from executors.watches import Watches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from contract.storage.coming_back import ComingBack
    from executors.base import Status, Workload
    from executors.watches import Sighting

BATCH_SCRIPT = "batch.sh"
SUBMITTED_FILE = "submitted.json"
LOCK_FILE = "submission.lock"
_ARRAY_DIGITS = 16


class SlurmExecutor(Closeable):
    """Scripts as jobs of a Slurm cluster, which outlive whoever submitted them.

    A job is found by its name, which is the sandbox's and the executor's own; what lies in the sandbox decides where
    Slurm has forgotten it. One that Slurm runs twice starts its script once.

    Args:
        root: the folder of all sandboxes, unless the settings name another; each machine of the cluster has it.
        settings: what the scripts that it starts ask for.
    """

    def __init__(self, root: Path, settings: SlurmSettings | None = None) -> None:
        self._sandboxes = SharedSandboxes(root)
        self._settings = settings or SlurmSettings()
        self._watches = Watches[SlurmJob]()

    def start(self, workload: Workload) -> None:
        """Lay out the sandbox and submit its job, unless that was done."""
        sandbox = self._sandboxes.lay_out(workload, self._settings.folder)
        if self.has(workload.name):
            return
        (sandbox / ARRAY_FILE).unlink(missing_ok=True)
        _write_batch_script(sandbox, self._settings.python)
        number = commands.submit(
            [*self._own_options(workload.name, sandbox), *request_options(self._settings)],
            sandbox / BATCH_SCRIPT,
            sandbox / LOCK_FILE,
        )
        self._note_submission(sandbox, number)

    def start_together(self, workloads: Sequence[Workload]) -> None:
        """Do the same for several that ask for the same, as one array; one that was submitted is left as it is.

        A cluster that takes no such array gets a job for each.
        """
        for workload in workloads:
            self._sandboxes.lay_out(workload, self._settings.folder)
        rest = [each for each in workloads if not self.has(each.name)]
        for begin in range(0, len(rest), MOST_TASKS):
            part = rest[begin : begin + MOST_TASKS]
            if len(part) == 1 or not self._submit_array([each.name for each in part]):
                for workload in part:
                    self.start(workload)

    def has(self, name: str) -> bool:
        """Whether its job was ever submitted, by what lies in its sandbox or by what Slurm says."""
        sandbox = self._sandboxes.path(name)
        if not sandbox.exists():
            return False
        if any((sandbox / each).exists() for each in (launcher.STARTED_FILE, SUBMITTED_FILE)):
            return True
        with commands.held(self._lock(sandbox)):
            return any(job.was_taken for job in self._jobs(name, sandbox))

    def status(self, name: str) -> Status:
        """What the launcher recorded; without a record, what Slurm says, which is asked now and then."""
        if (end := self._sandboxes.recorded_end(name, STOPS)) is not None:
            return end
        sandbox = self._sandboxes.path(name)
        sighting = self._sighting(name, sandbox)
        if (end := self._sandboxes.recorded_end(name, STOPS)) is not None:  # it may have ended between the two looks
            return end
        has_started = (sandbox / launcher.STARTED_FILE).exists()
        seen = Seen(sighting.job, has_started, time.monotonic() - sighting.since)
        return standing(seen, sandbox, self._python(sandbox))

    def standing(self, names: Sequence[str]) -> dict[str, Status]:
        """`status` of many, for which Slurm is asked once; those without a sandbox are left out."""
        there = {name: sandbox for name in names if (sandbox := self._sandboxes.path(name)).exists()}
        due = [name for name, box in there.items() if recorded_end(box) is None and self._watches.is_due(name)]
        if due:
            sought = {name: self._sought(name, there[name]) for name in due}
            known = commands.known_among([*sought.values()])
            for name in due:
                self._watches.note(name, there[name], latest(known[sought[name]]))
        return {name: self.status(name) for name in there}

    def logs(self, name: str, offset: int) -> bytes:
        """The bytes of the log from `offset` on; Slurm makes the file when the job begins."""
        return self._sandboxes.logs(name, offset)

    def fetch(self, name: str, folder: Path, coming: ComingBack | None = None) -> None:
        """Copy the files of `kaggle/working`; links, special files and half-written ones stay behind."""
        self._sandboxes.fetch(name, folder, coming)

    def stop(self, name: str) -> None:
        """Ask for a stop by a file, and cancel what has not begun.

        A second SIGTERM of Slurm's would give the running rollout up.
        """
        if self._sandboxes.stop(name):
            with contextlib.suppress(BackendError):
                for job in self._jobs(name, self._sandboxes.path(name)):
                    if job.waits:
                        commands.cancel(job)

    def kill(self, name: str) -> None:
        """End the job with all that it started; one that has ended stays as it is."""
        for job in self._jobs(name, self._sandboxes.existing(name)):
            if not job.is_over:
                commands.cancel(job)

    def remove(self, name: str) -> None:
        """Remove the sandbox; what still writes into it may keep some of it."""
        self._sandboxes.remove(name)
        self._watches.forget(name)

    def close(self) -> None:
        """Nothing is open: each of Slurm's commands ends."""

    def _sighting(self, name: str, sandbox: Path) -> Sighting[SlurmJob]:
        """What Slurm says of its job, asked again only if that is due."""
        if self._watches.is_due(name):
            return self._watches.note(name, sandbox, latest(self._jobs(name, sandbox)))
        return self._watches.latest(name)

    def _jobs(self, name: str, sandbox: Path) -> list[SlurmJob]:
        return commands.known_jobs(self._sought(name, sandbox))

    def _sought(self, name: str, sandbox: Path) -> commands.Sought:
        """By what its job is found."""
        number: str | None = (read_if_there(sandbox / SUBMITTED_FILE) or {}).get("job")
        task = noted_task(sandbox)
        if task is None:
            return commands.Sought(self._sandboxes.job_name(name), number)
        return commands.Sought(task.array, number, task.index)

    def _submit_array(self, names: Sequence[str]) -> bool:
        """Submit one array for several sandboxes; return whether the cluster has taken it."""
        array = self._sandboxes.job_name(f"array-{files.sha256_of_bytes(' '.join(names).encode())[:_ARRAY_DIGITS]}")
        sandboxes = [self._sandboxes.path(name) for name in names]
        for index, sandbox in enumerate(sandboxes):
            _write_batch_script(sandbox, self._settings.python)
            ArrayTask(array, index, names[0]).note(sandbox)
        script = sandboxes[0] / ARRAY_SCRIPT
        write_array_script(script, sandboxes, self._settings.python)
        options = [
            f"--job-name={array}",
            f"--array=0-{len(names) - 1}",
            f"--comment={len(names)} sessions",
            f"--chdir={sandboxes[0].parent}",
            "--output=/dev/null",
            "--no-requeue",
        ]
        try:
            number = commands.submit([*options, *request_options(self._settings)], script, sandboxes[0] / LOCK_FILE)
        except RefusedError as error:
            if "array" not in error.problem.lower():
                raise
            return False
        for index, sandbox in enumerate(sandboxes):
            self._note_submission(sandbox, f"{number}_{index}")
        return True

    def _note_submission(self, sandbox: Path, number: str) -> None:
        files.write_json(sandbox / SUBMITTED_FILE, {"job": number, "python": self._settings.python})

    def _lock(self, sandbox: Path) -> Path:
        """What an sbatch holds that submits its job, alone or with others."""
        task = noted_task(sandbox)
        first = sandbox if task is None else self._sandboxes.path(task.first)
        return (first if first.exists() else sandbox) / LOCK_FILE

    def _own_options(self, name: str, sandbox: Path) -> list[str]:
        """The options by which a job is found, run once, and heard."""
        comment = [f"--comment={self._settings.comment}"] if self._settings.comment else []
        return [
            f"--job-name={self._sandboxes.job_name(name)}",
            *comment,
            f"--chdir={sandbox}",
            f"--output={LOG_FILE}",
            "--open-mode=append",
            "--no-requeue",
        ]

    def _python(self, sandbox: Path) -> str:
        submitted = read_if_there(sandbox / SUBMITTED_FILE) or {}
        return str(submitted.get("python", self._settings.python))


def _write_batch_script(sandbox: Path, python: str) -> None:
    """What Slurm runs: it becomes the launcher, so that the launcher is what signals reach."""
    words = shlex.join(launcher_command(sandbox, python))
    files.write_bytes(sandbox / BATCH_SCRIPT, f"#!/bin/sh\nexec {words}\n".encode())
