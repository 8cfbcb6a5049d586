"""The emulator itself: its settings, and everything that it keeps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from contract.errors import InputError
from emulator.clock import Clock
from emulator.http.accounts import Accounts
from emulator.http.urls import Urls
from emulator.sessions.executors import open_executor
from emulator.sessions.quota import GpuTime, refresh_time
from emulator.store.blobs import Blobs
from emulator.store.database import Database
from emulator.store.datasets import DatasetStore
from emulator.store.kernels import KernelStore
from emulator.store.state import DatasetSnapshot, KernelSnapshot, QuotaSnapshot, Snapshot, Version, VersionSnapshot
from emulator.store.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emulator.settings import Settings
    from emulator.store.state import Dataset, Kernel
    from executors.base import Executor

_LOG_TAIL_ENTRIES = 20
_LOCK_PATIENCE_SECONDS = 0.5


class Emulator:
    """Everything that the calls, the scheduler and the status page work on.

    Args:
        settings: how it behaves.
        executor: where kernels run, instead of the one that the settings name.
        source: the real time.

    Raises:
        InputError: another emulator works on the same data, or it is of something else.
    """

    def __init__(
        self, settings: Settings, executor: Executor | None = None, source: Callable[[], float] = time.time
    ) -> None:
        self.settings = settings
        self._lock = _locked(settings.data)
        self.database = Database(settings.data / "emulator.db")
        now = source()
        self.clock = self.database.clock(Clock(now, now, settings.time_scale, source))
        self.accounts = Accounts(settings.users)
        self.urls = Urls(
            settings.public_url or f"http://{settings.host}:{settings.port}",
            self.database.secret(),
        )
        self.kernels = KernelStore(self.database)
        self.datasets = DatasetStore(self.database)
        self.gpu_time = GpuTime(self.database)
        self.blobs = Blobs(settings.data / "blobs")
        self.uploads = Uploads(self.database, settings.data / "uploads")
        self.executor = executor or open_executor(settings.executor, settings.data / "sandboxes")
        self.on_push: Callable[[], None] = lambda: None
        """Told when there may be something to do."""

    def may_see(self, user: str, thing: Kernel | Dataset) -> bool:
        """Whether a call of `user` about a kernel or dataset is answered."""
        is_known = self.clock.now() >= thing.created_at + self.settings.visibility_delay_seconds
        return is_known and (not thing.is_private or thing.owner == user)

    def snapshot(self) -> Snapshot:
        """All that it knows, for the status page."""
        now = self.clock.now()
        settings = self.settings
        return Snapshot(
            now=now,
            time_scale=settings.time_scale,
            executor=settings.executor,
            gpu_slots=settings.gpu_slots,
            cpu_slots=settings.cpu_slots,
            quotas=tuple(
                QuotaSnapshot(user, self.gpu_time.used(user, now), settings.gpu_quota_seconds, refresh_time(now))
                for user in self.accounts.names
            ),
            kernels=tuple(
                KernelSnapshot(kernel, tuple(map(self._seen, self.kernels.versions_of(kernel.id))))
                for kernel in self.kernels.all()
            ),
            datasets=tuple(
                DatasetSnapshot(
                    dataset, tuple((each, each.state(now)) for each in self.datasets.versions_of(dataset.id))
                )
                for dataset in self.datasets.all()
            ),
        )

    def _seen(self, version: Version) -> VersionSnapshot:
        outputs = self.kernels.outputs(version.id)
        tail = "".join(entry.data for entry in self.kernels.log_tail(version.id, _LOG_TAIL_ENTRIES))
        return VersionSnapshot(version, len(outputs), sum(each.bytes for each in outputs), tail)

    def close(self) -> None:
        """Close the database, and let another emulator work on it."""
        self.database.close()
        self._lock.release()


def _locked(data: Path) -> FileLock:
    """The lock on a folder of data: two emulators would start each session twice. A kill gives it back."""
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            str(data), f"cannot hold an emulator's data ({error.strerror})", "choose another --data"
        ) from None
    lock = FileLock(data / "emulator.lock")
    try:
        lock.acquire(timeout=_LOCK_PATIENCE_SECONDS)
    except Timeout:
        raise InputError(
            str(data), "is in use by another running emulator", "stop that one, or choose another --data"
        ) from None
    return lock
