"""The emulator itself: its settings, everything that it keeps, and the executor that runs kernels."""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from contract.errors import InputError
from emulator.accounts import Accounts
from emulator.clock import Clock
from emulator.store.blobs import Blobs
from emulator.store.database import Database
from emulator.store.datasets import DatasetStore
from emulator.store.kernels import KernelStore
from emulator.store.quota import GpuTime
from emulator.store.uploads import Uploads
from emulator.urls import Urls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emulator.settings import EmulatorSettings
    from emulator.store.values import Dataset, Kernel
    from executors.base import Executor

EXECUTORS = {
    "local": "executors.local:LocalExecutor",
    "docker": "executors.docker.executor:DockerExecutor",
}
"""Where kernels can run; each is imported when it is used."""
_LOCK_PATIENCE_SECONDS = 0.5


class Emulator:
    """What the calls, the scheduler and the status page work on; it does nothing by itself.

    Args:
        settings: how it behaves.
        executor: where kernels run, instead of the one that the settings name.
        source: the real time.

    Raises:
        InputError: another emulator works on the same data, or it is of something else.
    """

    def __init__(
        self, settings: EmulatorSettings, executor: Executor | None = None, source: Callable[[], float] = time.time
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
        self.on_change: Callable[[], None] = lambda: None
        """Told when a push, a cancel or a delete may have left the scheduler something to do."""

    def may_see(self, user: str, thing: Kernel | Dataset) -> bool:
        """Whether a call of `user` about a kernel or dataset is answered."""
        is_known = self.clock.now() >= thing.created_at + self.settings.visibility_delay_seconds
        return is_known and (not thing.is_private or thing.owner == user)

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


def open_executor(name: str, root: Path) -> Executor:
    """The executor called `name`, with its sandboxes in `root`.

    Raises:
        InputError: there is none.
    """
    module, _, attribute = EXECUTORS.get(name, "").partition(":")
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except (ValueError, ModuleNotFoundError) as error:
        raise InputError(f"executor {name}", "is not there", f"choose one of {', '.join(EXECUTORS)}") from error
    root.mkdir(parents=True, exist_ok=True)
    executor: Executor = kind(root)
    return executor
