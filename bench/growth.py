"""How commands grow with the number of jobs: from 10 to 10,000, written out, by a matrix, and with sessions that ended.

    python bench/growth.py                  everything; takes some ten minutes
    python bench/growth.py --jobs 10 1000   so many jobs alone
    python bench/growth.py --rounds 1       for a look

What is measured is the shipped dodo.py, from the start of Python on. The jobs were read by an earlier command, as
whoever works with them has it; what a command costs after jobs.yaml was edited stands beside.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from measuring import finished
from measuring.clock import CommandError, Sample, adopt_orphans, run_timed
from measuring.graphs import project_path
from measuring.tables import Series, note, publish, table, write_raw

from runner.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES: Final = (10, 100, 1_000, 10_000)
SEEDS: Final = 10
EDITED: Final = "plan:one after an edit of jobs.yaml"
COMMANDS: Final = ("list", "status", "plan:one", "plan", "run_full:one", "run_full")
OF_FINISHED: Final = ("run_full:one", "run_full")
"""Which have nothing to do where every job has met its goal, and are not asked for elsewhere."""
GOALS: Final = {"plan": 5.0, "plan:one": 0.7}
"""Seconds that they may take of 10,000 jobs."""
SETTLED_SECONDS: Final = 2.5
"""After which what was written last counts as written."""


def main() -> None:
    """Make the projects, measure, and print the report."""
    parser = argparse.ArgumentParser(description="How commands grow with the number of jobs.")
    parser.add_argument("--jobs", type=int, nargs="*", default=SIZES, help="how many")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each command")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    options = parser.parse_args()
    adopt_orphans()
    forms: dict[str, Callable[[Path, int], None]] = {
        "each job an entry": finished.write_entries,
        "one entry with a matrix": lambda folder, jobs: finished.write_matrix(folder, jobs, SEEDS),
        "each job an entry, and its session has ended": finished.write_finished,
    }
    raw: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="relay-bench-", ignore_cleanup_errors=True) as name:
        for number, (form, write) in enumerate(forms.items()):
            series = {}
            for jobs in options.jobs:
                note(f"making {jobs:,} jobs: {form}")
                folder = Path(name) / f"{number}_{jobs}"
                write(folder, jobs)
                has_ended = write is finished.write_finished
                series[jobs] = measured(folder, options.rounds, has_ended=has_ended)
            publish(f"### {form[0].upper()}{form[1:]}")
            publish(growth_table(series))
            raw[form] = {jobs: [each.as_json() for each in found.values()] for jobs, found in series.items()}
    write_raw(options.json, {"benchmark": "growth", "results": raw})


def measured(folder: Path, rounds: int, *, has_ended: bool) -> dict[str, Series]:
    """Each command in turn, after one that read the jobs and tried one; last what one costs after an edit."""
    known = Workspace(folder).jobs
    one = known[len(known) // 2]
    commands = [name for name in COMMANDS if has_ended or name not in OF_FINISHED]
    for name in (*commands, *commands):
        time.sleep(SETTLED_SECONDS if name in OF_FINISHED else 0)
        run(folder, name, one)
    series = {name: Series(name) for name in (*commands, EDITED)}
    for number in range(rounds):
        note(f"round {number + 1} of {rounds}")
        for name in commands:
            series[name].samples.append(run(folder, name, one))
    for number in range(rounds):
        finished.add_job(folder, f"added_{number}")
        series[EDITED].samples.append(run(folder, EDITED, one))
    return series


def run(folder: Path, name: str, one: str) -> Sample:
    """Run a command; one that runs jobs must have nothing to do."""
    task = name.partition(" ")[0].replace(":one", f":{one}")
    timed = run_timed((sys.executable, "-m", "doit", task), folder, project_path())
    if name in OF_FINISHED and "validate" in timed.output:
        raise CommandError(f"doit {task} had something to do:\n{timed.output[-2000:]}")
    return timed.sample


def growth_table(series: dict[int, dict[str, Series]]) -> str:
    """For each command the time by the number of jobs: CPU, and in parentheses the wall's."""
    rows = []
    for name in next(iter(series.values())):
        goal = f"at most {GOALS[name]} s" if name in GOALS else ""
        task, _, when = name.partition(" ")
        rows.append([f"`doit {task}` {when}", *(_cell(each[name]) for each in series.values()), goal])
    return table(["CPU (wall)", *(f"{jobs:,} jobs" for jobs in series), "goal of 10,000"], rows)


def _cell(series: Series) -> str:
    return f"{statistics.median(series.cpus):.2f} s ({statistics.median(series.walls):.2f} s)"


if __name__ == "__main__":
    main()
