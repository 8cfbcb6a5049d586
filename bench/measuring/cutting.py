"""Processes that are killed in the middle of training."""

from __future__ import annotations

import os
import subprocess
import time
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import psutil

from measuring.clock import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LOG: Final = "cut.log"
POLL_SECONDS: Final = 0.005
PATIENCE_SECONDS: Final = 600.0

Cut = Callable[[subprocess.Popen[bytes]], None]
"""Ends a process, or one that it started."""


def run_and_cut(
    command: Sequence[str],
    folder: Path,
    *,
    at: Callable[[], bool],
    cut: Cut,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run `command` in `folder`, call `cut` as soon as `at` is true, and wait for the end.

    Args:
        command: what trains.
        folder: where it runs.
        at: asked again and again while it runs.
        cut: what to do then.
        environment: variables beside those of this process.

    Raises:
        CommandError: it ended before it was cut.
    """
    log = folder / LOG
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - commands of the benchmark's own
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while not at() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if process.poll() is not None:
            tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise CommandError(f"{' '.join(command)} in {folder} ended before it was cut:\n{tail}")
        cut(process)
        process.wait(PATIENCE_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def is_whole(model: Path) -> bool:
    """Whether a model of Stable-Baselines3 is there to its end."""
    try:
        with zipfile.ZipFile(model) as packed:
            return "data" in packed.namelist()  # what is half written ends with a member, a zip that has none
    except (FileNotFoundError, zipfile.BadZipFile):
        return False


def send(pid: int, number: int | None) -> None:
    """Send a signal to the process `pid`; None kills it."""
    process = psutil.Process(pid)
    if number is None:
        process.kill()
    else:
        process.send_signal(number)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started here."""
    process.kill()
