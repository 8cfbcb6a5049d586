"""Times commands: wall time, and the CPU time of everything that they started."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


class Sample(NamedTuple):
    """Seconds that a command took; `cpu` is user and system time, 0 where the system does not tell."""

    wall: float
    cpu: float


class Timed(NamedTuple):
    """A command that ended well: what it took and what it printed."""

    sample: Sample
    output: str


class CommandError(Exception):
    """A command failed; the text says which, and how."""


def adopt_orphans() -> None:
    """Let processes that outlive their parent become ours, so that their CPU time is counted (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run_timed(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> Timed:
    """Run `command` in `folder` and wait for all that it started.

    Raises:
        CommandError: it did not exit with 0.
    """
    cpu, began = _cpu_of_children(), time.perf_counter()
    ended = subprocess.run(  # noqa: S603 - commands of the benchmark's own
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    wall = time.perf_counter() - began
    if ended.returncode != 0:
        tail = "\n".join(ended.stdout.splitlines()[-20:])
        raise CommandError(f"{' '.join(command)} in {folder}: exit code {ended.returncode}\n{tail}")
    _wait_for_orphans()
    return Timed(Sample(wall, _cpu_of_children() - cpu), ended.stdout)


if sys.platform == "win32":

    def _cpu_of_children() -> float:
        return 0.0

    def _wait_for_orphans() -> None:
        return

else:
    import resource

    def _cpu_of_children() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def _wait_for_orphans() -> None:
        while True:
            try:
                os.wait()
            except ChildProcessError:
                return
