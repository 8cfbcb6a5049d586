"""What a session has started: simulators, workers, whatever an environment needs. It ends with the session.

Linux shows of each process who started it and with which variables, so that one is found too that has left its
group, or whose parent has ended. Elsewhere the worker processes are known, and nothing more.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

MARK_VARIABLE = "RELAY_SESSION_PROCESS"
"""Whoever was started by a session has it, as long as nobody takes it away."""
_PROCESSES = Path("/proc")
_TRIES = 5
"""Who starts others while it is being ended may do so a few times."""
_SPARED = b"multiprocessing.resource_tracker"
"""Ends by itself, once it has removed what others have left in shared memory."""


class Offspring:
    """The processes that this one starts from now on."""

    def __init__(self) -> None:
        self._there_before = frozenset(_descendants(os.getpid()))
        self._mark = f"{os.getpid()}-{time.time_ns()}"
        os.environ[MARK_VARIABLE] = self._mark

    def end(self) -> None:
        """Kill what is left of them."""
        if sys.platform == "win32":
            return
        for _ in range(_TRIES):
            left = self._left()
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            if not left:
                return

    def _left(self) -> set[int]:
        if sys.platform != "linux":
            return set()
        found = _descendants(os.getpid()) | _marked(f"{MARK_VARIABLE}={self._mark}".encode())
        return {pid for pid in found - self._there_before - {os.getpid()} if not _is_spared(pid)}


def end_workers() -> None:
    """Kill the worker processes that are left."""
    for worker in multiprocessing.active_children():
        worker.kill()


def _read(pid: int, name: str) -> bytes:
    """What Linux tells of a process; nothing of one that has ended, or is somebody else's."""
    with contextlib.suppress(OSError):
        return (_PROCESSES / str(pid) / name).read_bytes()
    return b""


def _pids() -> list[int]:
    if sys.platform != "linux":
        return []
    with contextlib.suppress(OSError):
        return [int(each.name) for each in _PROCESSES.iterdir() if each.name.isdecimal()]
    return []


def _descendants(ancestor: int) -> set[int]:
    """Who was started by `ancestor`, or by one of those, and is no zombie."""
    children: dict[int, set[int]] = {}
    zombies = set()
    for pid in _pids():
        state, parent, *_ = [*_read(pid, "stat").rpartition(b")")[2].split(), b"", b""][:2]
        if parent:
            children.setdefault(int(parent), set()).add(pid)
        if state == b"Z":
            zombies.add(pid)
    found: set[int] = set()
    waiting = {ancestor}
    while waiting:
        waiting = set().union(*(children.get(pid, ()) for pid in waiting)) - found
        found |= waiting
    return found - zombies


def _marked(mark: bytes) -> set[int]:
    return {pid for pid in _pids() if mark in _read(pid, "environ").split(b"\0")}


def _is_spared(pid: int) -> bool:
    return _SPARED in _read(pid, "cmdline")
