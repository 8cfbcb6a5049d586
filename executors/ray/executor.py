"""The Ray executor: a job of a cluster in a sandbox that the job's node shares with this machine."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from contract.errors import BackendError, BackendUnreachableError
from contract.states import State
from contract.storage import files
from executors import local_launcher as launcher
from executors.base import Closeable, Status
from executors.ray.cluster import connected, entrypoint, stated_address
from executors.ray.settings import RaySettings, Submission
from executors.ray.standing import STOPS, Seen, standing
from executors.ray.words import GAVE_UP_WAITING, RayJob
from executors.sandbox import LOG_FILE, read_if_there
from executors.shared_sandboxes import SharedSandboxes, launcher_command
from executors.watches import Watches

if TYPE_CHECKING:
    from pathlib import Path

    from contract.storage.coming_back import ComingBack
    from executors.base import Workload
    from executors.watches import Sighting

GIVEN_UP_SECONDS = 900.0
"""How long ago a stop was asked for, where neither the session nor its cluster gives an answer any more."""
GIVEN_UP = "it was asked to stop, and neither it nor its cluster has answered since"
REQUEST_FILE = "request.json"
SUBMITTED_FILE = "submitted.json"


class RayExecutor(Closeable):
    """Scripts as jobs of a Ray cluster, which outlive whoever submitted them.

    A job is found by its submission id, which is the sandbox's and the executor's own; what lies in the sandbox decides
    where Ray has forgotten it. One that Ray runs twice starts its script once.

    Args:
        root: the folder of all sandboxes, unless the settings name another; each node of the cluster has it.
        settings: what the scripts that it starts ask for.
    """

    def __init__(self, root: Path, settings: RaySettings | None = None) -> None:
        self._sandboxes = SharedSandboxes(root)
        self._settings = settings or RaySettings()
        self._watches = Watches[RayJob]()

    def reach(self) -> None:
        """See that there is a cluster to submit to.

        Raises:
            UnavailableError: Ray is not installed here.
            BackendError: there is none, or it gives no answer.
        """
        connected(stated_address(self._settings.address, os.environ))

    def start(self, workload: Workload) -> None:
        """Lay out the sandbox and submit its job, unless that was done."""
        sandbox = self._sandboxes.lay_out(workload, self._settings.folder)
        if self.has(workload.name):
            return
        cluster = connected(stated_address(self._settings.address, os.environ))
        submission = Submission.made(self._settings, cluster.address)
        # Noted first: whoever looks for the job has to know at which cluster.
        files.write_json(sandbox / REQUEST_FILE, submission.document())
        self._submit(workload.name, sandbox, submission)

    def has(self, name: str) -> bool:
        """Whether its job was ever submitted, by what lies in its sandbox or by what Ray says."""
        sandbox = self._sandboxes.path(name)
        if any((sandbox / each).exists() for each in (launcher.STARTED_FILE, SUBMITTED_FILE)):
            return True
        submission = _submission(sandbox)
        return submission is not None and self._known(name, submission) is not None

    def status(self, name: str) -> Status:
        """What the launcher recorded; without a record, what Ray says, which is asked now and then."""
        sandbox = self._sandboxes.existing(name)
        if (end := self._sandboxes.recorded_end(name, STOPS)) is not None:
            return end
        submission = _submission(sandbox) or Submission.made(self._settings, "")
        try:
            sighting = self._sighting(name, sandbox, submission)
        except BackendUnreachableError:
            stop = sandbox / launcher.STOP_FILE
            if stop.exists() and _age(stop) > GIVEN_UP_SECONDS:
                return Status(State.CANCELLED, reason=GIVEN_UP)
            raise
        if (end := self._sandboxes.recorded_end(name, STOPS)) is not None:  # it may have ended between the two looks
            return end
        has_started = (sandbox / launcher.STARTED_FILE).exists()
        seen = Seen(sighting.job, has_started, time.monotonic() - sighting.since, submission.needs())
        return standing(seen, sandbox, submission.python)

    def logs(self, name: str, offset: int) -> bytes:
        """The bytes of the log from `offset` on; there is none before the job begins."""
        return self._sandboxes.logs(name, offset)

    def fetch(self, name: str, folder: Path, coming: ComingBack | None = None) -> None:
        """Copy the files of `kaggle/working`; links, special files and half-written ones stay behind."""
        self._sandboxes.fetch(name, folder, coming)

    def stop(self, name: str) -> None:
        """Ask for a stop by a file, and have Ray drop what has not begun.

        Ray's own stop would send SIGTERM to each process of the script, and not only to the one that knows what to do.
        """
        if self._sandboxes.stop(name):
            with contextlib.suppress(BackendError):
                self.kill(name)

    def kill(self, name: str) -> None:
        """Have Ray end the job, which sends SIGKILL where SIGTERM has not sufficed for its stop wait."""
        submission = _submission(self._sandboxes.existing(name))
        if submission is not None:
            connected(submission.address).stop(submission.submission_id(self._sandboxes.job_name(name)))

    def remove(self, name: str) -> None:
        """Remove the sandbox; what still writes into it may keep some of it."""
        self._sandboxes.remove(name)
        self._watches.forget(name)

    def close(self) -> None:
        """Nothing is open: each question of Ray's client is a connection of its own."""

    def _submit(self, name: str, sandbox: Path, submission: Submission) -> None:
        command = entrypoint(launcher_command(sandbox, submission.python), str(sandbox / LOG_FILE))
        submission_id = submission.submission_id(self._sandboxes.job_name(name))
        connected(submission.address).submit(submission_id, command, submission)
        files.write_json(sandbox / SUBMITTED_FILE, {"job": submission_id})

    def _sighting(self, name: str, sandbox: Path, submission: Submission) -> Sighting[RayJob]:
        """What Ray says of its job, asked again only if that is due."""
        if not self._watches.is_due(name):
            return self._watches.latest(name)
        job = self._known(name, submission)
        if job is not None and job.error == GAVE_UP_WAITING:
            job = self._wait_on(name, sandbox, submission) or job
        # Of several that a head has forgotten, the first one has waited for all.
        since = connected(submission.address).answers_since if job is None else None
        return self._watches.note(name, sandbox, job, would_have_said_since=since)

    def _wait_on(self, name: str, sandbox: Path, submission: Submission) -> RayJob | None:
        """Hand a job in again that Ray gave up, as no node had room in time: it never began, and Ray has dropped it.

        Were it to begin all the same, the second one would find its sandbox taken.
        """
        if (sandbox / launcher.STARTED_FILE).exists():
            return None
        again = replace(submission, attempt=submission.attempt + 1)
        self._submit(name, sandbox, again)
        files.write_json(sandbox / REQUEST_FILE, again.document())
        return self._known(name, again)

    def _known(self, name: str, submission: Submission) -> RayJob | None:
        return connected(submission.address).known_job(submission.submission_id(self._sandboxes.job_name(name)))


def _submission(sandbox: Path) -> Submission | None:
    """What was submitted for a sandbox, or is about to be."""
    document = read_if_there(sandbox / REQUEST_FILE)
    return None if document is None else Submission.read(document)


def _age(path: Path) -> float:
    """For how many seconds a file has been as it is."""
    return time.time() - path.stat().st_mtime
