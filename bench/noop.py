"""How long a command takes that has nothing to do: the relay's beside plain doit's, make's and DVC's.

    python bench/noop.py                    one job, and a hundred jobs with 5,000 source files
    python bench/noop.py --own              each of the hundred jobs carries 50 of the files, not all of them
    python bench/noop.py --many             a thousand jobs besides, whose making takes ten minutes and more
    python bench/noop.py --dvc PATH         with the DVC that is there; otherwise one is installed for the run
    python bench/noop.py --no-dvc           without DVC, which takes most of the time

All have the same graph: for each job a chain of five files, the first of which depends on the job's
sources. Every graph is brought to its finished state first; then the commands run in turns, in
alternating order, after a warm-up that must find nothing to do.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from measuring import graphs
from measuring.clock import CommandError, adopt_orphans, run_timed
from measuring.graphs import Graph, Shape
from measuring.tables import Series, comparison, note, paired_ratio, publish, table, write_raw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DVC: Final = "dvc==3.67.1"
SLOW_SECONDS: Final = 10.0
"""What takes longer than this in its warm-up is measured in fewer rounds."""
ROUNDS_OF_SLOW: Final = 2
GOAL_BESIDE_DOIT: Final = 1.2
GOAL_WITH_OWN_FILES: Final = 1.5
GOAL_BESIDE_DVC: Final = 4.0
MANY_JOBS: Final = 1_000
SECONDS_OF_MANY: Final = {"relay": 2.0, "relay run_full:one": 0.5, "relay plan:one": 0.5}
"""How long the commands may take where there are that many jobs."""


def main() -> None:
    """Make the graphs, measure, and print the report."""
    options = _options()
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="relay-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        dvc = None if options.no_dvc else str(options.dvc or install_dvc(folder / "dvc-venv"))
        shapes = [Shape(1, 0, shared=True), Shape(options.jobs, options.files, shared=not options.own)]
        if options.many:
            shapes.append(Shape(MANY_JOBS, 0, shared=True))
        results = [measure_shape(folder / f"shape_{each.jobs}", each, dvc, options.rounds) for each in shapes]
    write_raw(options.json, {"benchmark": "noop", "results": results})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How long a command takes that has nothing to do.")
    parser.add_argument("--jobs", type=int, default=100, help="jobs of the large graph")
    parser.add_argument("--files", type=int, default=5_000, help="source files of the large graph")
    parser.add_argument("--own", action="store_true", help="spread the files over the jobs")
    parser.add_argument("--many", action="store_true", help="a graph of a thousand jobs besides")
    parser.add_argument("--rounds", type=int, default=7, help="runs of each command")
    parser.add_argument("--dvc", type=Path, metavar="PATH", help="the dvc program to compare with")
    parser.add_argument("--no-dvc", action="store_true", help="leave DVC out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    return parser.parse_args()


def install_dvc(venv: Path) -> Path:
    """Install DVC into an environment of its own, and return its program."""
    note(f"installing {DVC} for this run")
    run_timed((sys.executable, "-m", "venv", str(venv)), Path.cwd())
    programs = venv / ("Scripts" if sys.platform == "win32" else "bin")
    run_timed((str(programs / "python"), "-m", "pip", "install", "--quiet", DVC), Path.cwd())
    return programs / "dvc"


def measure_shape(folder: Path, shape: Shape, dvc: str | None, rounds: int) -> dict[str, Any]:
    """Measure all forms of one graph, print the table, and return the raw numbers."""
    made = make_graphs(folder, shape, dvc if shape.jobs < MANY_JOBS else None)
    if shape.jobs >= MANY_JOBS:
        made += graphs.about_one(made[0], shape)
    series = measure(made, rounds)
    base = next(each for each in series if each.name == "plain doit")
    publish(f"### Nothing to do: {shape}")
    publish(comparison(series, base))
    publish(goals(series, shape))
    return {"shape": str(shape), "series": [each.as_json() for each in series]}


def make_graphs(folder: Path, shape: Shape, dvc: str | None) -> list[Graph]:
    """Every form of the graph, with nothing left to do."""
    note(f"making the graphs of {shape}")
    forms: dict[str, Callable[[Path], Graph]] = {
        "relay": lambda at: graphs.relay(at, shape),
        "doit": lambda at: graphs.plain_doit(at, shape),
    }
    if program := shutil.which("make"):
        forms["make"] = lambda at: graphs.make(at, shape, program)
    if dvc:
        forms["dvc"] = lambda at: graphs.dvc(at, shape, dvc)
    made = []
    for name, form in forms.items():
        began = time.perf_counter()
        made.append(form(folder / name))
        note(f"  {name}: made in {time.perf_counter() - began:.0f} s")
    return made


def measure(made: Sequence[Graph], rounds: int) -> list[Series]:
    """Run the commands in turns; each round starts with another one."""
    series = {graph.name: Series(graph.name) for graph in made}
    slow = {graph.name for graph in made if _warm_up(graph) > SLOW_SECONDS}
    for number in range(rounds):
        note(f"round {number + 1} of {rounds}")
        for graph in made if number % 2 == 0 else reversed(made):
            if graph.name not in slow or number < ROUNDS_OF_SLOW:
                timed = run_timed(graph.command, graph.folder, graph.environment)
                series[graph.name].samples.append(timed.sample)
    return list(series.values())


def _warm_up(graph: Graph) -> float:
    """Run once; what is measured must have nothing to do."""
    run_timed(graph.command, graph.folder, graph.environment)
    timed = run_timed(graph.command, graph.folder, graph.environment)
    phrase, times = graph.done
    if timed.output.count(phrase) != times:
        raise CommandError(f"{graph.name} still had something to do:\n{timed.output[-2000:]}")
    return timed.sample.wall


def goals(series: Sequence[Series], shape: Shape) -> str:
    """The goals, and what was measured."""
    by_name = {each.name: each.walls for each in series}
    rows = []
    if shape.jobs >= MANY_JOBS:
        for name, seconds in SECONDS_OF_MANY.items():
            rows.append([name, f"at most {seconds} s", f"{statistics.median(by_name[name]):.2f} s"])
    elif (ratio := paired_ratio(by_name["relay"], by_name["plain doit"])) is not None:
        goal = GOAL_BESIDE_DOIT if shape.shared else GOAL_WITH_OWN_FILES
        rows.append(["relay / plain doit", f"at most {goal}", f"{ratio:.2f}"])
    if "dvc repro" in by_name and (ratio := paired_ratio(by_name["dvc repro"], by_name["relay"])) is not None:
        rows.append(["dvc repro / relay", f"at least {GOAL_BESIDE_DVC}", f"{ratio:.2f}"])
    return table(["wall time, median of rounds", "goal", "measured"], rows)


if __name__ == "__main__":
    main()
