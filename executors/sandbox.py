"""The sandbox of a script that runs as a process: laid out as on Kaggle, and what is read of it afterwards.

The local executor runs its launcher on this machine, the Slurm executor on a node that has the same folder.
"""

from __future__ import annotations

import shutil
import signal
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from contract.errors import SessionLostError
from contract.states import State
from contract.storage import files
from executors import local_launcher as launcher
from executors.base import Status
from executors.local_files import is_segment, mount

if TYPE_CHECKING:
    from collections.abc import Mapping

    from executors.base import Workload

LOG_FILE = "log.txt"
NO_RECORD = "its process ended without a record: killed, out of memory, or the machine went down"
CANCELLED_EXIT_CODES = frozenset({128 + signal.SIGTERM, 128 + signal.SIGINT})


def lay_out(workload: Workload, sandbox: Path, temporary: Mapping[str, str]) -> None:
    """Make the sandbox of a workload, whole or not at all.

    Args:
        workload: what is to run.
        sandbox: where; it is not there yet.
        temporary: what the launcher is told of the folder for temporary files.
    """
    building = sandbox.with_name(f"{sandbox.name}.building")
    remove_tree(building)
    mounted = building / launcher.INPUT
    mounted.mkdir(parents=True)
    for place, folder in workload.inputs.items():
        shutil.copytree(folder, mounted / PurePosixPath(place), copy_function=_place)
    for place, folder in workload.data.items():
        mount(folder, mounted / PurePosixPath(place))
    script = building / launcher.SCRIPT
    script.parent.mkdir(parents=True)
    shutil.copyfile(workload.script, script)
    for name in (launcher.WORKING, launcher.TEMPORARY):
        (building / name).mkdir(parents=True)
    for path in (script, *mounted.rglob("*")):
        # A segment may be a second name of the parent's artifact, which would become read-only with it.
        if path.is_file() and not path.is_symlink() and not is_segment(path):
            path.chmod(stat.S_IREAD | stat.S_IRGRP | stat.S_IROTH)
    orders = {"environment": dict(workload.environment), "limit_seconds": workload.limit_seconds, **temporary}
    files.write_json(building / launcher.ORDERS_FILE, orders)
    building.rename(sandbox)
    files.fsync_directory(sandbox.parent)


def existing(sandbox: Path) -> Path:
    """The sandbox, which is to be there.

    Raises:
        SessionLostError: it is not.
    """
    if not sandbox.exists():
        raise SessionLostError(f"session {sandbox.name}", f"its sandbox {sandbox} is gone")
    return sandbox


def recorded_end(sandbox: Path) -> Status | None:
    """How its script ended, by the launcher's record; None where there is none."""
    ended = read_if_there(sandbox / launcher.ENDED_FILE)
    if ended is None:
        return None
    code = int(ended["exit_code"])
    if ended.get("out_of_time"):
        return Status(State.FAILED, code, ended["error"])
    if code == 0:
        return Status(State.COMPLETE, code)
    if code in CANCELLED_EXIT_CODES:
        return Status(State.CANCELLED, code, ended["error"] or f"asked to stop ({signal.Signals(code - 128).name})")
    return Status(State.FAILED, code, ended["error"] or f"exit code {code}")


def read_if_there(path: Path) -> dict[str, Any] | None:
    """One of its documents, or None where it is not there, or not whole."""
    try:
        document: dict[str, Any] = files.read_json(path)
    except (FileNotFoundError, ValueError):
        return None
    return document


def remove_tree(folder: Path) -> None:
    """Remove a folder, what is read-only in it too."""

    def make_writable_and_retry(function: Any, path: str, _error: Any) -> None:
        Path(path).chmod(stat.S_IWRITE)
        function(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=make_writable_and_retry)


def _place(source: str, target: str) -> None:
    """Bring a file of the payload into the sandbox."""
    if is_segment(Path(source)):
        files.link_or_copy(Path(source), Path(target))
    else:
        shutil.copyfile(source, target)
