"""`python -m trainer --input FOLDER --output FOLDER`: what runs inside a session."""

from __future__ import annotations

import argparse
import contextlib
import gc
import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

STARTED = time.monotonic()
"""Before torch is imported, which counts towards the session limit like everything else."""

WRITER_THREADS = "artifacts"
"""Begins the names of the session's own threads that are no daemons."""


def main(arguments: list[str] | None = None, *, is_process: bool = False) -> int:
    """Run a session, or only describe the model that it would train; return the exit code.

    Args:
        arguments: instead of those of the process.
        is_process: whether this process is nothing else, and may be ended where the session hangs.
    """
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Run one session of a packaged job.")
    parser.add_argument("--input", type=Path, required=True, help="folder with the packaged job")
    parser.add_argument("--output", type=Path, help="folder for the artifacts")
    parser.add_argument("--describe", action="store_true", help="print what the model would be as JSON, and end")
    options = parser.parse_args(arguments)
    # Importing torch makes a million objects and no garbage: looking for some takes half a second.
    # Training turns it on again.
    gc.disable()
    if not options.describe and options.output is None:
        parser.error("--output is missing: name the folder for the artifacts")

    from contract.errors import RelayError  # noqa: PLC0415 - a usage error must not wait for torch
    from trainer.session_input import read_session_input  # noqa: PLC0415 - a usage error must not wait for torch

    try:
        session_input = read_session_input(options.input)
        if options.describe:
            from trainer.description import describe  # noqa: PLC0415 - a usage error must not wait for torch

            sys.stdout.write(f"{describe(session_input.job)}\n")
            return 0
        from trainer.session import run_session  # noqa: PLC0415 - a usage error must not wait for torch

        return run_session(session_input, options.output, STARTED, end if is_process else None)
    except RelayError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    finally:
        end_workers()


def end_workers() -> None:
    """Kill the worker processes that are left."""
    for worker in multiprocessing.active_children():
        worker.kill()


def end(code: int) -> NoReturn:
    """End the process at once: threads that an environment left would keep it, for hours on Kaggle."""
    with contextlib.suppress(OSError, ValueError):
        end_workers()
        main_thread, own = threading.main_thread(), threading.current_thread()
        for left in threading.enumerate():
            if left not in (main_thread, own) and not left.daemon and not left.name.startswith(WRITER_THREADS):
                sys.stdout.write(f"thread {left.name} was left running; it ends with the session\n")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    end(main(is_process=True))
