"""Sandboxes on a file system that the nodes of a cluster share with the machine that asks for them."""

from __future__ import annotations

import contextlib
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from contract.states import State
from contract.storage import files
from contract.storage.coming_back import ComingBack
from executors import local_launcher as launcher
from executors.local_files import fetch_files
from executors.sandbox import LOG_FILE, existing, lay_out, read_if_there, recorded_end, remove_tree
from executors.short_folders import name_short_folder

if TYPE_CHECKING:
    from executors.base import Status, Workload

PLACE_SUFFIX = ".place.json"
NEVER_BEGAN = "its job was cancelled before it began"
LAUNCHER = "local_launcher.py"
_SCOPE_DIGITS = 8
_TERMINATED = "SIGTERM"


class SharedSandboxes:
    """The sandboxes of one executor of a cluster, and what is done in them without asking the cluster.

    Args:
        root: the folder of all of them, unless another is named; each node sees it under this path.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def job_name(self, name: str) -> str:
        """What a workload's job is called: the same one may stand in another folder, and is another job there."""
        scope = files.sha256_of_bytes(str(self._root.resolve()).encode())[:_SCOPE_DIGITS]
        return f"relay-{name}-{scope}"

    def path(self, name: str) -> Path:
        """Where the sandbox of a workload is, or is to be."""
        place = read_if_there(self._place(name))
        root = self._root if place is None else Path(place["folder"])
        return root.absolute() / (name if place is None else self.job_name(name))

    def existing(self, name: str) -> Path:
        """The sandbox, which is to be there.

        Raises:
            SessionLostError: it is not.
        """
        return existing(self.path(name))

    def lay_out(self, workload: Workload, folder: Path | None) -> Path:
        """The sandbox of a workload, made if it was not there.

        Args:
            workload: what is to run.
            folder: where a new one goes, or None for the root; noted first, since later commands know no settings.
        """
        if folder is not None and not self.path(workload.name).exists():
            files.write_json(self._place(workload.name), {"folder": str(folder)})
        sandbox = self.path(workload.name)
        if not sandbox.exists():
            sandbox.parent.mkdir(parents=True, exist_ok=True)
            lay_out(workload, sandbox, {launcher.OWN_NAME: name_short_folder().name})
        return sandbox

    def recorded_end(self, name: str, stops: str) -> Status | None:
        """How its script ended, by the launcher's record; None where there is none.

        Args:
            name: of the workload.
            stops: in words, that the cluster ends it by a signal.

        Raises:
            SessionLostError: the sandbox is not there.
        """
        sandbox = self.existing(name)
        is_asked_to_stop = (sandbox / launcher.STOP_FILE).exists()
        end = recorded_end(sandbox)
        return None if end is None else with_who_asked(end, stops, is_asked_to_stop=is_asked_to_stop)

    def logs(self, name: str, offset: int) -> bytes:
        """The bytes of the log from `offset` on; there is none before the script begins."""
        try:
            with (self.existing(name) / LOG_FILE).open("rb") as log:
                log.seek(offset)
                return log.read()
        except FileNotFoundError:
            return b""

    def fetch(self, name: str, folder: Path, coming: ComingBack | None) -> None:
        """Copy the files of `kaggle/working`; links, special files and half-written ones stay behind."""
        fetch_files(self.existing(name) / launcher.WORKING, folder, coming or ComingBack.all_of_it())

    def stop(self, name: str) -> bool:
        """Ask for a stop by a file; return whether the script had not begun, which it never will now.

        A file and no signal: it needs no answer of the cluster, and asking twice is asking once. Whoever claims the
        sandbox first decides whether the script has begun.
        """
        sandbox = self.existing(name)
        (sandbox / launcher.STOP_FILE).touch()
        if not launcher.claim(sandbox):
            return False
        end = {"exit_code": 128 + signal.SIGTERM, "error": NEVER_BEGAN}
        files.write_json(sandbox / launcher.ENDED_FILE, end)
        return True

    def remove(self, name: str) -> None:
        """Remove the sandbox; what still writes into it may keep some of it."""
        with contextlib.suppress(OSError):
            remove_tree(self.path(name))
            self._place(name).unlink(missing_ok=True)

    def _place(self, name: str) -> Path:
        return self._root / f"{name}{PLACE_SUFFIX}"


def with_who_asked(end: Status, stops: str, *, is_asked_to_stop: bool) -> Status:
    """A recorded end, with what is known of who asked for it."""
    if end.state is State.CANCELLED and _TERMINATED in str(end.reason) and not is_asked_to_stop:
        return replace(end, reason=f"{end.reason}, {stops}")
    return end


def launcher_command(sandbox: Path, python: str) -> list[str]:
    """What starts a sandbox's script on a node.

    The launcher lies in the sandbox: a job may wait for days, while this code is changed.
    """
    own = sandbox / LAUNCHER
    shutil.copyfile(launcher.__file__, own)
    return [python, str(own), str(sandbox)]


def log_size(sandbox: Path) -> int:
    """How long the log is; -1 where there is none."""
    try:
        return (sandbox / LOG_FILE).stat().st_size
    except OSError:
        return -1
