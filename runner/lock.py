"""One worker to a job: a lock that the system gives back when its holder dies."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import platform
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from contract.errors import HeldElsewhereError, JobHeldError
from contract.storage import files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.layout import RunsFolder


@contextlib.contextmanager
def held(runs: RunsFolder, job: str, command: str) -> Iterator[None]:
    """Hold `job` while the block runs.

    Args:
        runs: where the lock lies.
        job: the job's name.
        command: what holds it, for whoever finds it held.

    Raises:
        HeldElsewhereError: another process holds it, and the sentence says which.
        JobHeldError: nobody can hold it here.
    """
    path = runs.lock(job)
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise HeldElsewhereError(f"job {job}", f"is held by {holder(runs, job)}", "wait until it has ended") from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or "this file system has no locks"
        problem = f"cannot be held, since {path} cannot be locked ({reason})"
        remedy = "make the project's folder writable, or copy it to another disk"
        raise JobHeldError(f"job {job}", problem, remedy) from None
    try:
        since = dt.datetime.now().astimezone().isoformat(timespec="seconds")
        told = {"pid": os.getpid(), "host": platform.node(), "command": command, "since": since}
        # Only for whoever finds the job held: it need not outlive the machine.
        with contextlib.suppress(OSError):
            runs.lock_holder(job).write_text(json.dumps(told), encoding="utf-8")
        yield
    finally:
        # So that a note which is there while nobody holds the job tells of a command that was killed.
        with contextlib.suppress(OSError):
            runs.lock_holder(job).unlink(missing_ok=True)
        lock.release()


def is_held(runs: RunsFolder, job: str) -> bool:
    """Whether a process holds `job` now; where nothing can be locked, nobody does."""
    if not runs.lock(job).exists():
        return False
    lock = FileLock(runs.lock(job))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return False
    lock.release()
    return False


def holder(runs: RunsFolder, job: str) -> str:
    """Who holds a job, or held it last, in words."""
    try:
        told = files.read_json(runs.lock_holder(job))
        return f"process {told['pid']} on {told['host']} (`{told['command']}`, since {told['since']})"
    except (OSError, ValueError, KeyError):
        return "another process"
