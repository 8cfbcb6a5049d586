"""The local executor: a detached process in a folder laid out as on Kaggle."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from contract.states import State
from contract.storage.coming_back import ComingBack
from executors import local_launcher as launcher
from executors.base import Closeable, Status
from executors.local_files import fetch_files
from executors.sandbox import LOG_FILE, NO_RECORD, existing, lay_out, read_if_there, recorded_end, remove_tree
from executors.short_folders import name_short_folder, short_folder_named

if TYPE_CHECKING:
    from executors.base import Workload

START_PATIENCE_SECONDS = 10.0
KILL_PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.05


class LocalExecutor(Closeable):
    """Scripts as processes of this machine that outlive the one that started them.

    Each has a sandbox of its own: `kaggle/input` (read-only, but for replay segments), `kaggle/working`,
    `kaggle/src`, `kaggle/temp`, and its log; its temporary files lie elsewhere (`executors.short_folders`), and go with
    it. The network and a GPU are there as they are for everybody.

    Args:
        root: the folder of all sandboxes.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, workload: Workload) -> None:
        """Lay out the sandbox and start its process; a sandbox starts one script at most."""
        sandbox = self._sandbox(workload.name)
        if not sandbox.exists():
            lay_out(workload, sandbox, {"temporary": str(name_short_folder())})
        with (sandbox / LOG_FILE).open("ab") as log:
            child = subprocess.Popen(  # noqa: S603 - our own launcher, with a path of ours
                _command(sandbox),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=sandbox,
                **_detachment(),
            )
        self._children.append(child)

    def has(self, name: str) -> bool:
        """Whether a process has started in the sandbox or is about to."""
        sandbox = self._sandbox(name)
        if not sandbox.exists():
            return False
        return (sandbox / launcher.STARTED_FILE).exists() or self._launcher_process(sandbox) is not None

    def status(self, name: str) -> Status:
        """Running while its process lives; else what the launcher recorded."""
        sandbox = self._existing_sandbox(name)
        self._reap()
        if self._is_alive(sandbox):
            return Status(State.RUNNING)
        return recorded_end(sandbox) or Status(State.FAILED, None, NO_RECORD)

    def logs(self, name: str, offset: int) -> bytes:
        """The bytes of the log from `offset` on."""
        with (self._existing_sandbox(name) / LOG_FILE).open("rb") as log:
            log.seek(offset)
            return log.read()

    def fetch(self, name: str, folder: Path, coming: ComingBack | None = None) -> None:
        """Copy the files of `kaggle/working`; links, special files and half-written ones stay behind."""
        fetch_files(self._existing_sandbox(name) / launcher.WORKING, folder, coming or ComingBack.all_of_it())

    def stop(self, name: str) -> None:
        """Ask for a stop by a file, which every system has; asking twice is asking once."""
        (self._existing_sandbox(name) / launcher.STOP_FILE).touch()

    def kill(self, name: str) -> None:
        """End the process and all that it started; one that has ended stays as it is."""
        sandbox = self._existing_sandbox(name)
        process = self._launcher_process(sandbox)
        if process is not None:
            with contextlib.suppress(psutil.Error):
                for each in (process, *process.children(recursive=True)):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        each.kill()
                process.wait(KILL_PATIENCE_SECONDS)
        launcher.end_sandbox(sandbox)
        for child in self._children:
            if child.args == _command(sandbox):  # a second start of the same sandbox has one too
                child.kill()
                child.wait(KILL_PATIENCE_SECONDS)
        self._reap()

    def remove(self, name: str) -> None:
        """Remove the sandbox; where its process is not quite gone yet, some of it may stay."""
        sandbox = self._sandbox(name)
        self._see_off(sandbox)
        orders = read_if_there(sandbox / launcher.ORDERS_FILE) or {}
        for folder in (short_folder_named(orders.get("temporary")), sandbox):
            with contextlib.suppress(OSError):
                if folder is not None:
                    remove_tree(folder)
        self._reap()

    def close(self) -> None:
        """Take note of the processes that have ended; the others go on by themselves."""
        self._reap()

    def _see_off(self, sandbox: Path) -> None:
        """Wait for the end of a process of ours that has left its record, which is the last thing that it does."""
        for child in self._children if (sandbox / launcher.ENDED_FILE).exists() else ():
            if child.args == _command(sandbox):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(KILL_PATIENCE_SECONDS)

    def _reap(self) -> None:
        self._children = [child for child in self._children if child.poll() is None]

    def _sandbox(self, name: str) -> Path:
        return self._root / name

    def _existing_sandbox(self, name: str) -> Path:
        return existing(self._sandbox(name))

    def _is_alive(self, sandbox: Path) -> bool:
        if (sandbox / launcher.ENDED_FILE).exists():
            return False
        if self._launcher_process(sandbox):
            return True
        # Its process may be starting, or may have ended between the two looks.
        deadline = time.monotonic() + START_PATIENCE_SECONDS
        while not (sandbox / launcher.STARTED_FILE).exists() and time.monotonic() < deadline:
            if self._launcher_process(sandbox):
                return True
            time.sleep(_POLL_SECONDS)
        return self._launcher_process(sandbox) is not None

    def _launcher_process(self, sandbox: Path) -> psutil.Process | None:
        started = read_if_there(sandbox / launcher.STARTED_FILE)
        if started is not None:
            try:
                process = psutil.Process(int(started["pid"]))
            except psutil.Error:
                return None
            return process if _is_launcher(process, sandbox) else None
        for child in self._children:
            if child.args == _command(sandbox) and child.poll() is None:  # it may not have its command line yet
                with contextlib.suppress(psutil.NoSuchProcess):
                    return psutil.Process(child.pid)
        return next((each for each in psutil.process_iter() if _is_launcher(each, sandbox)), None)


def _command(sandbox: Path) -> list[str]:
    """What starts a sandbox's process."""
    return [sys.executable, launcher.__file__, str(sandbox)]


def _detachment() -> dict[str, Any]:
    """What makes a process outlive the terminal and the command that started it."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def _is_launcher(process: psutil.Process, sandbox: Path) -> bool:
    """Whether `process` is the launcher of `sandbox`; a number that was given away again is not.

    The same folder may have been named by another path, through a link.
    """
    try:
        *_, script, folder = ["", "", *process.cmdline()]
        return (
            Path(script).name == Path(launcher.__file__).name
            and process.status() != psutil.STATUS_ZOMBIE
            and sandbox.samefile(folder)
        )
    except (psutil.Error, OSError):
        return False
