"""What one loop over many sessions takes of a processor while they run.

    python bench/scheduling.py             100 sessions, watched for an hour
    python bench/scheduling.py --quick     does it work at all?

The sessions are real to whatever watches them: on the local backend each is a process that sleeps; on Slurm each is a
sandbox with a log, and `squeue` is a program that answers as Slurm's does, since no cluster has 100 nodes here. The
hour is not waited for: each look is made at the time at which the loop would make it, one behind the other. What counts
is CPU time of the looks, that of the programs that they start included.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest import mock

from measuring.tables import note, publish, table, write_raw

from contract.documents.runs import Ledger
from contract.storage import files
from executors.base import Workload
from executors.local import LocalExecutor
from executors.local_launcher import STARTED_FILE
from executors.sandbox import LOG_FILE
from executors.shared_sandboxes import SharedSandboxes
from executors.slurm.executor import SUBMITTED_FILE
from runner.backends.on_executor import sandbox_name
from runner.backends.opened import OpenBackends
from runner.layout import RunsFolder
from runner.lineage import SessionState
from runner.scheduling.demands import Demand, Need
from runner.scheduling.line import Line
from runner.scheduling.slots import Caps, Slot
from runner.scheduling.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR: Final = 3600.0
SESSIONS: Final = 100
SLEEPS: Final = "import time\nprint('begins', flush=True)\ntime.sleep(3600)\n"
SQUEUE: Final = '#!/bin/sh\ncat "$ANSWER"\n'
WAITING: Final = 1_000


def main() -> None:
    """Measure and report."""
    options = _options()
    sessions, seconds = (5, 60.0) if options.quick else (SESSIONS, HOUR)
    rows = []
    for name, begin in (("local", local_sessions), ("slurm", slurm_sessions)):
        note(f"{sessions} sessions on the {name} backend")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, begin(Path(folder), sessions) as runs:
            looks, cpu = watched(runs, name, seconds)
        rows.append({"backend": name, "looks": looks, "cpu_seconds": cpu, "of_the_hour": cpu / seconds})
    publish(f"## {sessions} live sessions, watched for {seconds / HOUR:g} hours; {WAITING:,} jobs wait behind them")
    head = ["backend", "looks", "CPU seconds", "of one core"]
    shown = [
        [str(row["backend"]), f"{row['looks']:,}", f"{row['cpu_seconds']:.1f}", f"{row['of_the_hour']:.2%}"]
        for row in rows
    ]
    publish(table(head, shown))
    write_raw(options.json, {"benchmark": "scheduling", "sessions": sessions, "seconds": seconds, "rows": rows})


def watched(runs: RunsFolder, backend: str, seconds: float) -> tuple[int, float]:
    """Watch all sessions for so long: how often they were looked at, and what that took."""
    jobs, now, looks = [each.parent.parent.name for each in runs.path.glob("*/0001/ledger.json")], 0.0, 0
    slot = Slot(backend, most=len(jobs))
    line = Line(Caps())
    clock = mock.patch.object(time, "monotonic", side_effect=lambda: now)
    with (
        OpenBackends(runs) as backends,
        Watching(backends) as watching,
        clock,
    ):
        for position, job in enumerate(sorted(jobs)):
            line.put(Demand(job, Need.END, slot, position), now)
            watching.add(job, SessionState(runs.session(job, 1)), now, is_new=True)
        for position in range(WAITING):
            line.put(Demand(f"waits-{position}", Need.BEGIN, slot, len(jobs) + position), now)
        began = _cpu()
        while now < seconds:
            looks += 1
            if watching.look(now) or line.choose(now).begins:
                raise RuntimeError("a session has ended")
            now += max(watching.next_look(now), 1e-3)
        return looks, _cpu() - began


def _cpu() -> float:
    taken = os.times()
    return taken.user + taken.system + taken.children_user + taken.children_system


@contextlib.contextmanager
def local_sessions(root: Path, count: int) -> Iterator[RunsFolder]:
    """Processes that sleep."""
    runs = RunsFolder(root)
    script = root / "sleeps.py"
    script.write_text(SLEEPS, encoding="utf-8")
    executor = LocalExecutor(runs.backend("local"))
    keys = [_submitted(runs, number, "local") for number in range(count)]
    try:
        for key in keys:
            executor.start(Workload(sandbox_name(key), script, {}))
        for key in keys:
            while b"begins" not in executor.logs(sandbox_name(key), 0):
                time.sleep(0.05)
        yield runs
    finally:
        for key in keys:
            executor.kill(sandbox_name(key))


@contextlib.contextmanager
def slurm_sessions(root: Path, count: int) -> Iterator[RunsFolder]:
    """Sandboxes whose jobs run, as `squeue` says."""
    runs = RunsFolder(root)
    sandboxes = runs.backend("slurm")
    named = SharedSandboxes(sandboxes).job_name
    answer = []
    for number in range(count):
        name = sandbox_name(_submitted(runs, number, "slurm"))
        sandbox = sandboxes / name
        sandbox.mkdir(parents=True)
        (sandbox / LOG_FILE).write_text("begins\n", encoding="utf-8")
        files.write_json(sandbox / STARTED_FILE, {"pid": 1})
        files.write_json(sandbox / SUBMITTED_FILE, {"job": str(number + 1), "python": "python"})
        answer.append(f"{named(name)}|{number + 1}|RUNNING|None")
    programs = root / "programs"
    programs.mkdir()
    (programs / "squeue").write_text(SQUEUE, encoding="utf-8")
    (programs / "squeue").chmod(0o700)
    (root / "answer").write_text("\n".join(answer), encoding="utf-8")
    changes = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "ANSWER": str(root / "answer")}
    with mock.patch.dict(os.environ, changes):
        yield runs


def _submitted(runs: RunsFolder, number: int, backend: str) -> str:
    """The key of a session that was submitted."""
    key = f"{number:016d}".ljust(64, "0")
    folder = runs.session(f"job-{number:03d}", 1)
    folder.path.mkdir(parents=True)
    Ledger(key=key, backend=backend).submitted(key).write(folder.ledger_json)
    return key


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What one loop over many sessions takes of a processor.")
    parser.add_argument("--quick", action="store_true", help="few sessions, a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    return parser.parse_args()


if __name__ == "__main__":
    main()
