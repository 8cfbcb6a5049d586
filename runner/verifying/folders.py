"""Folders and space: what can be written, renamed and locked, room for the next session, and what kills left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from filelock import FileLock, Timeout

from contract.storage import files
from contract.storage.files import human_bytes
from runner.layout import DOIT_MEMORY, LOCKS
from runner.lock import holder, is_held
from runner.verifying.findings import Finding, Kind, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from runner.layout import RunsFolder, SessionFolder

_KIND = Kind.FOLDERS
COPIES_OF_A_SESSION = 3
"""As the next one is packaged, trains and is downloaded, what it goes on from and leaves is there so many times."""
LEAST_FREE_BYTES = 256 << 20
CLOCK_TOLERANCE_SECONDS = 120.0
_MAGIC = b"SQLite format 3\0"


class Leftover(NamedTuple):
    """What a command that was killed has left, and what it is."""

    path: Path
    what: str


def check_folders(
    runs: RunsFolder,
    jobs: Sequence[str],
    now: Callable[[], float] = time.time,
    free: Callable[[Path], int] = lambda place: shutil.disk_usage(place).free,
) -> Iterator[Finding]:
    """What is found of the project's folders.

    Args:
        runs: where they are.
        jobs: the jobs whose sessions lie there.
        now: the clock, in seconds.
        free: the bytes that are free where a folder is.
    """
    can_write = yield from _writable(runs)
    if can_write:
        yield from _lockable(runs)
    yield from _room(runs, jobs, free)
    yield from _memory(runs.root)
    for job in jobs:
        if is_held(runs, job):
            what = f"{job}: is held by {holder(runs, job)}"
            yield Finding(_KIND, Level.SKIPPED, what, "what it works on is not looked at")
            continue
        yield from _of_job(runs, job, now)


def _writable(runs: RunsFolder) -> Generator[Finding, None, bool]:
    """Write a file, rename and remove it, in each folder that commands write to."""
    places = [each for each in (runs.root, runs.path, runs.path / LOCKS, runs.path / ".backends") if each.exists()]
    for place in places:
        try:
            probe = place / f"{files.TEMPORARY_PREFIX}verify"
            with files.replacing(probe) as temporary:
                temporary.write_bytes(b"verify")
            probe.unlink()
        except OSError as error:
            why = f"no session can run, as nothing can be written there ({error.strerror or error})"
            command = f'icacls "{place}" /grant "%USERNAME%:(OI)(CI)F"' if os.name == "nt" else f"chmod u+rwx '{place}'"
            yield Finding(_KIND, Level.ISSUE, f"{place} is not writable", why, command)
            return False
    yield Finding(_KIND, Level.SUCCESS, f"{runs.root} can be written to, and files take each other's place there")
    return True


def _lockable(runs: RunsFolder) -> Iterator[Finding]:
    """A lock that is held is refused to a second one."""
    place = runs.path / LOCKS if (runs.path / LOCKS).exists() else runs.root
    path = place / f"{files.TEMPORARY_PREFIX}verify.lock"
    first, second = FileLock(path), FileLock(path)
    try:
        with first, contextlib.suppress(Timeout):
            second.acquire(timeout=0)
            second.release()
            why = "two commands could work on one job at the same time"
            yield Finding(
                _KIND, Level.ISSUE, f"locks in {place} keep nobody out", why, f"copy {runs.root} to a local disk"
            )
            return
    except (OSError, NotImplementedError) as error:
        why = f"no command that changes a job can run ({getattr(error, 'strerror', None) or 'no locks here'})"
        yield Finding(_KIND, Level.ISSUE, f"nothing can be locked in {place}", why, f"copy {runs.root} to a local disk")
        return
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    yield Finding(_KIND, Level.SUCCESS, "locks work there")


def _room(runs: RunsFolder, jobs: Sequence[str], free: Callable[[Path], int]) -> Iterator[Finding]:
    place = runs.path if runs.path.exists() else runs.root
    newest = [sessions[-1] for job in jobs if (sessions := runs.sessions(job))]
    needed = LEAST_FREE_BYTES + COPIES_OF_A_SESSION * max(map(_size, newest), default=0)
    there = free(place)
    if there < needed:
        what = f"{human_bytes(there)} are free on the disk of {place}, and the next session needs {human_bytes(needed)}"
        why = "it would end with a full disk; the checkpoint before it would stay whole"
        command = f"make {human_bytes(needed - there)} of room there, then doit verify"
        yield Finding(_KIND, Level.ISSUE, what, why, command)
    else:
        what = f"{human_bytes(there)} are free, and the next session needs {human_bytes(needed)}"
        yield Finding(_KIND, Level.SUCCESS, what)


def _size(session: SessionFolder) -> int:
    size = 0
    for path in session.artifacts.rglob("*"):
        with contextlib.suppress(OSError):
            size += path.stat().st_size if path.is_file() else 0
    return size


def _memory(root: Path) -> Iterator[Finding]:
    for damaged in damaged_memories(root):
        why = "what is done is looked at again, which costs time and nothing else"
        was = "was not a database, and was put aside" if damaged.name != DOIT_MEMORY else "is no longer a database"
        level = Level.WARNING if damaged.name != DOIT_MEMORY else Level.ISSUE
        yield Finding(_KIND, level, f"doit's memory {damaged} {was}", why, "doit repair")


def damaged_memories(root: Path) -> list[Path]:
    """Doit's memory where it cannot be read, and those that were put aside because of that."""
    file = root / DOIT_MEMORY
    aside = sorted(root.glob(f"{DOIT_MEMORY}.damaged*"))
    if not file.exists() or _is_sound_database(file):
        return aside
    return [file, *aside]


def _is_sound_database(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            if stream.read(len(_MAGIC)) not in (_MAGIC, b""):
                return False
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as known:
            return bool(known.execute("pragma quick_check(1)").fetchone() == ("ok",))
    except sqlite3.OperationalError:  # held by another command, or its folder may only be read
        return True
    except (OSError, sqlite3.Error):
        return False


def _of_job(runs: RunsFolder, job: str, now: Callable[[], float]) -> Iterator[Finding]:
    command = f"doit repair:{job}"
    if runs.lock_holder(job).exists():
        what = f"{job}: {holder(runs, job)} was killed while it held the job"
        why = "the system has released the lock, and only the note is left"
        yield Finding(_KIND, Level.WARNING, what, why, command)
    for leftover in leftovers(runs, job):
        what = f"{job}: {leftover.path.relative_to(runs.path)} is {leftover.what}"
        yield Finding(_KIND, Level.WARNING, what, "a command that was killed has left it; nothing reads it", command)
    later = from_the_future(runs, job, now())
    if later:
        newest = max(later, key=lambda path: path.stat().st_mtime)
        ahead = newest.stat().st_mtime - now()
        what = f"{job}: {newest.relative_to(runs.path)} was written {ahead:,.0f} s from now, by this machine's clock"
        why = "the clock was ahead then, or is behind now; Kaggle refuses a clock that is far off"
        clock = {"win32": "w32tm /resync", "darwin": "sudo sntp -sS time.apple.com"}
        own = clock.get(sys.platform, "sudo timedatectl set-ntp true")
        yield Finding(_KIND, Level.WARNING, what, why, f"{command} where the clock is right now, else {own}")


def leftovers(runs: RunsFolder, job: str) -> list[Leftover]:
    """What killed commands have left in the folders of a job's sessions, and nothing reads."""
    found = []
    for session in runs.sessions(job):
        if session.arriving_artifacts.exists() and session.manifest_json.exists():
            found.append(Leftover(session.arriving_artifacts, "a download that was begun again, and not ended"))
        if (building := session.path / "package.building").exists():
            found.append(Leftover(building, "a package that was not finished"))
        places = (session.path.glob("*"), session.artifacts.rglob("*"))
        found += [
            Leftover(path, "a file that was not written to its end")
            for place in places
            for path in sorted(place)
            if path.name.startswith(files.TEMPORARY_PREFIX) and path.is_file()
        ]
    return found


def from_the_future(runs: RunsFolder, job: str, now: float) -> list[Path]:
    """The documents of a job's sessions that were written later than now."""
    found = []
    for session in runs.sessions(job):
        for path in session.path.glob("*.json"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime > now + CLOCK_TOLERANCE_SECONDS:
                    found.append(path)
    return sorted(found)
