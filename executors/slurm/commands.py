"""Slurm's commands, each with an end: what they print, or an error that says what to do."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.errors import BackendBusyError, BackendError, BackendUnreachableError, RefusedError
from contract.plain_text import one_line
from executors.slurm.words import (
    LOOK_FORMAT,
    RECORD_FORMAT,
    gave_no_answer,
    is_busy,
    parse_jobs,
    refusal,
)

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from executors.slurm.words import SlurmJob

PATIENCE_SECONDS = 60.0
"""For one command; Slurm's own give up sooner where nobody listens."""
BUSY_SECONDS = 300.0
SUBJECT = "Slurm"
MOST_NAMES = 1000
"""That squeue is asked by; beyond, all jobs of the user's are, since a command line ends somewhere."""
_FILTERS = ("SACCT_", "SCANCEL_", "SINFO_", "SQUEUE_")
"""How variables begin by which users have these commands show less, or otherwise."""
_ACCOUNTS = ("KAGGLE_API_TOKEN", "KAGGLE_KEY", "KAGGLE_USERNAME")
"""What sbatch would keep in the cluster's files: a session needs none of it."""


class _Failed(Exception):  # noqa: N818 - told to nobody
    """A command ended with an error that says so."""


@dataclass(frozen=True)
class Sought:
    """By what a job is found.

    Args:
        name: of the job, or of the array that it belongs to.
        number: its id, where that is known: by it the accounting finds what is long over.
        index: of its task in the array; None where it is in none.
    """

    name: str
    number: str | None = None
    index: int | None = None

    def among(self, jobs: Iterable[SlurmJob]) -> list[SlurmJob]:
        """Those of some jobs of the name that are meant, oldest first."""
        task = "" if self.index is None else str(self.index)
        meant = [job for job in jobs if job.number.partition("_")[2] == task]
        return sorted(meant, key=lambda job: int(job.number.partition("_")[0]))


def known_jobs(sought: Sought) -> list[SlurmJob]:
    """The user's jobs that are sought, oldest first, as Slurm's controller knows them, or else its accounting.

    Raises:
        BackendUnreachableError: there was no answer.
    """
    return known_among([sought])[sought]


def known_among(sought: Sequence[Sought]) -> dict[Sought, list[SlurmJob]]:
    """`known_jobs` for many, for which the controller is asked once.

    Raises:
        BackendUnreachableError: there was no answer.
    """
    names = {each.name for each in sought}
    named = [f"--name={','.join(sorted(names))}"] if len(names) <= MOST_NAMES else []
    look = ["squeue", "--me", *named, "--states=all", "--array", "--noheader", f"--format={LOOK_FORMAT}"]
    try:
        said = _said(look)
    except _Failed as error:
        raise _unreachable(str(error)) from None
    found: dict[str, list[SlurmJob]] = {name: [] for name in names}
    for name, _, rest in (line.strip().partition("|") for line in said.splitlines()):
        found.get(name, []).extend(parse_jobs(rest))
    return {each: each.among(found[each.name]) or _recorded(each) for each in sought}


def _recorded(sought: Sought) -> list[SlurmJob]:
    """The same by the accounting, which many clusters have not."""
    by_name = [f"--name={sought.name}", "--starttime=now-30days"]
    chosen = by_name if sought.number is None else [f"--jobs={sought.number}"]
    command = ["sacct", *chosen, "--allocations", "--parsable2", "--noheader", f"--format={RECORD_FORMAT}"]
    try:
        return sought.among(parse_jobs(_said(command)))
    except (_Failed, BackendError):
        return []


def submit(options: Sequence[str], script: Path, lock: Path) -> str:
    """Submit a batch script; return the job's number.

    Args:
        options: of sbatch.
        script: the batch script.
        lock: a file that sbatch holds locked as long as it runs, also when whoever has called it was killed.

    Raises:
        RefusedError: Slurm did not take it.
        BackendBusyError: nor did it, but it may later.
        BackendUnreachableError: perhaps it did: it is to be looked for before it is submitted again.
    """
    with held(lock) as number_of_lock:
        try:
            said = _said(["sbatch", "--parsable", *options, str(script)], number_of_lock)
        except _Failed as error:
            if gave_no_answer(str(error)):
                raise _unreachable(str(error)) from None
            problem, remedy = refusal(str(error))
            if is_busy(str(error)):
                raise BackendBusyError(SUBJECT, problem, wait_seconds=BUSY_SECONDS) from None
            raise RefusedError(SUBJECT, f"does not take the job: {problem}", remedy) from None
    number = said.strip().partition(";")[0]
    if not number.isdecimal():
        raise _unreachable(f"sbatch said {number!r} instead of a number")
    return number


def cancel(job: SlurmJob) -> None:
    """End a job.

    Raises:
        BackendUnreachableError: there was no answer.
    """
    try:
        _said(["scancel", "--quiet", job.number])
    except _Failed as error:
        if gave_no_answer(str(error)):
            raise _unreachable(str(error)) from None  # else it has ended meanwhile


def would_start(options: Sequence[str]) -> str:
    """When a job would start, in Slurm's words; submits nothing.

    Raises:
        RefusedError: Slurm would not take it.
        BackendUnreachableError: there was no answer.
    """
    try:
        said = _said(["sbatch", "--test-only", *options, "--wrap=true"], with_errors=True)
    except _Failed as error:
        if gave_no_answer(str(error)):
            raise _unreachable(str(error)) from None
        problem, remedy = refusal(str(error))
        raise RefusedError(SUBJECT, f"would not take the job: {problem}", remedy) from None
    return one_line(said.removeprefix("sbatch: "))


def partitions() -> list[tuple[str, str, str]]:
    """Of each partition its name (with `*` where it is the default), whether it is up, its longest time.

    Raises:
        BackendUnreachableError: there was no answer.
    """
    try:
        said = _said(["sinfo", "--noheader", "--format=%P|%a|%l"])
    except _Failed as error:
        raise _unreachable(str(error)) from None
    rows = [line.split("|") for line in said.splitlines()]
    return [(row[0], row[1], row[2]) for row in rows if len(row) == 3]  # noqa: PLR2004 - the columns of the format


def _said(command: list[str], *handed_on: int, with_errors: bool = False) -> str:
    """What a command prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_FILTERS)}
    for name in _ACCOUNTS:
        environment.pop(name, None)
    try:
        answer = subprocess.run(  # noqa: S603 - Slurm's own, with arguments of ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if with_errors else subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env={**environment, "LC_ALL": "C"},
            timeout=PATIENCE_SECONDS,
            check=False,
            pass_fds=handed_on,
        )
    except (FileNotFoundError, PermissionError):
        problem = f"its command {command[0]} is not on this machine"
        raise BackendError(SUBJECT, problem, "work on a machine of the cluster that has it (a login node)") from None
    except subprocess.TimeoutExpired:
        raise _unreachable(f"{command[0]} did not end within {PATIENCE_SECONDS:.0f} s") from None
    if answer.returncode:
        raise _Failed(answer.stderr or answer.stdout)
    return answer.stdout


def _unreachable(said: str) -> BackendUnreachableError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reason = one_line(lines[-1], 200) if lines else "a command failed, and did not say why"
    return BackendUnreachableError(SUBJECT, f"gives no answer ({reason})")


@contextlib.contextmanager
def held(lock: Path) -> Iterator[int]:
    """Hold the lock of a submission, and have its number to hand on.

    A command that was killed may have left an sbatch that still waits for the controller: what it comes to is not known
    before it ends. Where files cannot be locked, two jobs may come of that, of which one finds its sandbox taken.

    Raises:
        BackendUnreachableError: such a one still waits.
    """
    with lock.open("ab") as stream:
        if sys.platform != "win32":
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _unreachable("an earlier submission of the session has not ended yet") from None
            except OSError:
                pass
        yield stream.fileno()
