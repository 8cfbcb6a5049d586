"""The process in which a job is tried: ended in time, and what it said as a value or as an error.

The runner starts one before anything is spent; a session does first of all where the runner's machine could not.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contract.errors import InputError, UnavailableError
from contract.events import parse_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from contract.events import Event

TRYING, TRIED, REFUSED = "trying", "tried", "refused"
"""The events of a trial: what begins, what came of it all, why it ended."""
OUTPUT, ERRORS = "output", "errors"


@dataclass(frozen=True)
class Course:
    """How a trial's process went.

    Args:
        events: what it said, in order.
        code: its exit code; None where it did not end in time.
        last_words: the last line of its errors.
        seconds: the time that it had.
    """

    events: tuple[Event, ...]
    code: int | None
    last_words: str
    seconds: float


def run_trial(
    command: Sequence[str],
    folder: Path,
    working: Path,
    environment: Mapping[str, str],
    seconds: float,
    end: Callable[[subprocess.Popen[bytes]], None],
) -> Course:
    """Run the process of a trial to its end, or for as long as it may.

    Args:
        command: starts it.
        folder: for what it prints.
        working: where it runs.
        environment: all of its variables.
        seconds: how long it may take.
        end: ends a process that took longer, and all that it started.
    """
    with (folder / OUTPUT).open("wb") as output, (folder / ERRORS).open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [*command],
            cwd=working,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment,
            start_new_session=os.name == "posix",
        )
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.returncode is None:
                end(process)
    return Course(tuple(_events(folder / OUTPUT)), code, _last_line(folder / ERRORS), seconds)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a group of its own, and the whole group where this system has groups."""
    if sys.platform != "win32":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def found_by(course: Course, environment_id: str) -> dict[str, Any]:
    """What the trial found, as JSON.

    Raises:
        InputError: no session of the job could train, or the trial hangs.
        UnavailableError: it needs what this machine lacks.
    """
    for event in reversed(course.events):
        if event.name == TRIED:
            return dict(event.values)
        if event.name == REFUSED:
            kind = UnavailableError if event.values.get("may_be_there_elsewhere") else InputError
            raise kind(str(event.values["subject"]), str(event.values["problem"]), event.values["remedy"])
    begun = [str(event.values.get("what")) for event in course.events if event.name == TRYING]
    what = begun[-1] if begun else "the start of its process"
    subject = f"environment {environment_id}"
    if course.code is None:
        problem = f"{what} had not ended {course.seconds:.0f} s after the trial of the job began"
        raise InputError(subject, problem, "correct what hangs there, or raise trial_limit in jobs.yaml for a slow one")
    said = f": {course.last_words}" if course.last_words else ""
    problem = f"{what} ended its process (exit code {course.code}){said}"
    raise UnavailableError(subject, problem, "correct what ends it")


def _events(path: Path) -> Iterator[Event]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if (event := parse_event(line)) is not None:
            yield event


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return " ".join(lines[-1].split())[:300] if lines else ""
