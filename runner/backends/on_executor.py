"""A backend that runs sessions on an executor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.documents.runs import Package
from contract.storage.coming_back import ComingBack
from executors.base import Closeable, Workload
from runner.backends.base import Provisions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from executors.base import Executor, Status
    from runner.backends.base import Check, Origin
    from runner.layout import SessionFolder

KILL_GRACE_SECONDS = 60.0
"""A session ends by itself at its limit, whatever hangs in it; one that does not is killed this much after it."""
_NAME_LENGTH = 16


class ExecutorBackend(Closeable):
    """Sessions on an executor; the handle is the session's key, whose beginning is the name of the sandbox.

    Args:
        executor: where its sessions run.
    """

    name: str

    def __init__(self, executor: Executor) -> None:
        self.executor = executor

    def provisions(self, job: Mapping[str, Any], parent: Origin | None) -> Provisions:
        """Nothing: what every package holds is all that such a session needs."""
        del job, parent
        return Provisions()

    def prepare(self, folder: SessionFolder, key: str) -> None:
        """Nothing: an executor starts a session at once, or says why not."""
        del folder, key

    def submit(self, folder: SessionFolder, key: str) -> str:
        """Start the packaged session, once."""
        self.executor.start(self.workload(folder, key))
        return key

    def workload(self, folder: SessionFolder, key: str) -> Workload:
        """The packaged session for the executor."""
        from runner.data import mounts  # noqa: PLC0415 - whoever reads jobs.yaml loads this module

        limit = float(packaged_job(folder)["session_limit"]) + KILL_GRACE_SECONDS
        inputs = {folder.path.parent.name: folder.payload}
        data = mounts(folder.path.parents[2], packaged_job(folder))
        return Workload(sandbox_name(key), folder.script, inputs, limit_seconds=limit, data=data)

    def find(self, key: str) -> str | None:
        """The key, if its session was ever started here."""
        return key if self.executor.has(sandbox_name(key)) else None

    def status(self, handle: str) -> Status:
        """Where the session stands."""
        return self.executor.status(sandbox_name(handle))

    def logs(self, handle: str, offset: int) -> bytes:
        """What the session has printed from byte `offset` on."""
        return self.executor.logs(sandbox_name(handle), offset)

    def fetch(self, handle: str, folder: Path) -> Sequence[str]:
        """Copy what the session left into `folder`; say what stays behind."""
        coming = ComingBack()
        self.executor.fetch(sandbox_name(handle), folder, coming)
        return coming.left_behind

    def cancel(self, handle: str) -> None:
        """Ask the session to stop after a last checkpoint."""
        self.executor.stop(sandbox_name(handle))

    def release(self, handle: str) -> None:
        """Remove the sandbox."""
        self.executor.remove(sandbox_name(handle))

    def diagnose(self) -> Iterator[Check]:
        """Nothing: a backend that needs something of its machine says so itself."""
        return iter(())

    def close(self) -> None:
        """Let go of what the executor has open."""
        self.executor.close()


def packaged_job(folder: SessionFolder) -> dict[str, Any]:
    """The job of a package (as JSON), with the section that says in what it runs."""
    return Package.read(folder.package_json).job


def sandbox_name(key: str) -> str:
    """The name of the sandbox of the session with `key`."""
    return key[:_NAME_LENGTH]
