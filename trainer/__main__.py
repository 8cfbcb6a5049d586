"""`python -m trainer --input FOLDER --output FOLDER`: what runs inside a session."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from trainer.stopping.processes import Offspring, end_workers

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import FrameType

    from job.model import Job

STARTED = time.monotonic()
"""Before torch is imported, which counts towards the session limit like everything else."""

WRITER_THREADS = "artifacts"
"""Begins the names of the session's own threads that are no daemons."""
LAST_LINES_SECONDS = 5.0
"""For what is still to be printed: who reads it may have ceased to."""
OVERTIME_SECONDS = 5.0
"""Of a trial that nobody has ended."""
_LISTS_DESCRIPTORS = Path("/dev/fd" if sys.platform == "darwin" else "/proc/self/fd")
_FIRST_BEYOND_STANDARD, _MOST_DESCRIPTORS = 3, 4096


def main(arguments: list[str] | None = None, *, is_process: bool = False) -> int:
    """Run a session, or only try the job that it would train; return the exit code.

    Args:
        arguments: instead of those of the process.
        is_process: whether this process is nothing else, and may be ended where the session hangs.
    """
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Run one session of a packaged job.")
    parser.add_argument("--input", type=Path, required=True, help="folder with the packaged job")
    parser.add_argument("--output", type=Path, help="folder for the artifacts")
    parser.add_argument("--try", dest="tries", action="store_true", help="make, step and save it once, and end")
    parser.add_argument("--baselines", action="store_true", help="measure what its environment offers, and end")
    parser.add_argument(
        "--unchecked", metavar="REASON", help="why the environments are not checked before the training"
    )
    parser.add_argument("--started", type=float, default=STARTED, help="when the session began, by the monotonic clock")
    options = parser.parse_args(arguments)
    kept = _open_descriptors()
    if is_process:
        _to_be_ended.append(Offspring())
    # Importing torch makes a million objects and no garbage: looking for some takes half a second.
    # Training turns it on again.
    gc.disable()
    if not (options.tries or options.baselines) and options.output is None:
        parser.error("--output is missing: name the folder for the artifacts")

    from contract.errors import RelayError  # noqa: PLC0415 - a usage error must not wait for torch
    from trainer.session_input import read_session_input  # noqa: PLC0415 - a usage error must not wait for torch

    try:
        session_input = read_session_input(options.input)
        if options.tries or options.baselines:
            return _try(session_input.job, baselines=options.baselines)
        from trainer.environments.self_check import MadeOnceError  # noqa: PLC0415 - likewise
        from trainer.session import run_session  # noqa: PLC0415 - likewise

        try:
            return run_session(
                session_input,
                options.output,
                options.started,
                end if is_process else None,
                unchecked=options.unchecked,
            )
        except MadeOnceError as error:
            return _begin_again(options, error.reason, kept)
    except RelayError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    finally:
        end_workers()


_to_be_ended: list[Offspring] = []
"""Of a process that is nothing but a session."""


def end(code: int) -> NoReturn:
    """End the process at once, and all that it has started.

    Threads that an environment left would keep it, for hours on Kaggle.
    """
    with contextlib.suppress(Exception):
        _end_processes()
        last_lines = threading.Thread(target=_print_last_lines, args=(threading.current_thread(),), daemon=True)
        last_lines.start()
        last_lines.join(LAST_LINES_SECONDS)
    os._exit(code)


def _end_processes() -> None:
    end_workers()
    for offspring in _to_be_ended:
        offspring.end()


def _print_last_lines(ends: threading.Thread) -> None:
    known = (threading.main_thread(), threading.current_thread(), ends)
    with contextlib.suppress(OSError, ValueError):
        for left in threading.enumerate():
            if left not in known and not left.daemon and not left.name.startswith(WRITER_THREADS):
                sys.stdout.write(f"thread {left.name} was left running; it ends with the session\n")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def _try(job: Job, *, baselines: bool) -> int:
    """Print what came of the trial of a job, or of the baselines of its environment; return the exit code."""
    from contract import events  # noqa: PLC0415 - a usage error must not wait for torch
    from contract.errors import RelayError, UnavailableError  # noqa: PLC0415 - likewise
    from contract.trying import REFUSED, TRIED  # noqa: PLC0415 - likewise
    from trainer.baselines import measure_baselines  # noqa: PLC0415 - likewise
    from trainer.trial import try_job  # noqa: PLC0415 - likewise

    # Whoever waits for it may have been killed: what hangs then ends by itself, native code too.
    with contextlib.suppress(OSError, ValueError):
        faulthandler.dump_traceback_later(job.trial_limit + OVERTIME_SECONDS, exit=True)

    try:
        found = {"returns": measure_baselines(job)} if baselines else try_job(job).model_dump(mode="json")
    except RelayError as error:
        elsewhere = isinstance(error, UnavailableError)
        said = {"subject": error.subject, "problem": error.problem, "remedy": error.remedy}
        events.emit(REFUSED, **said, may_be_there_elsewhere=elsewhere)
        return error.exit_code
    events.emit(TRIED, **found)
    return 0


def _begin_again(options: argparse.Namespace, reason: str, kept: Collection[int]) -> int:
    """The session in a fresh process, without the check: in this one its environment cannot be made any more.

    Args:
        options: of this process.
        reason: why there is no check.
        kept: descriptors that were open when this process began; what the environment holds beyond is closed.
    """
    session = ["--input", str(options.input), "--output", str(options.output), "--started", str(options.started)]
    command = [sys.executable, "-m", "trainer", *session, "--unchecked", reason]
    _end_processes()
    sys.stdout.flush()
    for descriptor in _open_descriptors() - set(kept):
        with contextlib.suppress(OSError):
            os.close(descriptor)
    process = subprocess.Popen(command)  # noqa: S603 - our own module

    def forward(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(OSError, ValueError):  # it has ended, or this system knows no such signal
            process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)
    code = process.wait()
    return code if code >= 0 else 128 - code


def _open_descriptors() -> set[int]:
    """The files, pipes and sockets that this process has open beside the three standard ones."""
    found = set()
    for descriptor in _perhaps_open_descriptors():
        if descriptor >= _FIRST_BEYOND_STANDARD:
            with contextlib.suppress(OSError):
                os.fstat(descriptor)
                found.add(descriptor)
    return found


def _perhaps_open_descriptors() -> Collection[int]:
    """Those that the system lists, that of the listing itself among them; where it lists none, all that may be."""
    if os.name != "posix":
        return ()
    try:
        return [int(each.name) for each in _LISTS_DESCRIPTORS.iterdir()]
    except OSError:
        return range(_MOST_DESCRIPTORS)


if __name__ == "__main__":
    end(main(is_process=True))
