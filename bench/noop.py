"""How long a command takes that has nothing to do: the relay's beside plain doit's, make's and DVC's.

    python bench/noop.py                    one job, and a hundred jobs with 5,000 source files
    python bench/noop.py --own              each of the hundred jobs carries 50 of the files, not all of them
    python bench/noop.py --many             a thousand jobs besides
    python bench/noop.py --dvc PATH         with the DVC that is there; otherwise one is installed for the run
    python bench/noop.py --no-dvc           without DVC, which takes most of the time

All have the same graph: for each job a chain of five files, the first of which depends on the job's
sources. Every graph is brought to its finished state first; then the commands run in turns, in
alternating order, after a warm-up that must find nothing to do. CPU time stands beside wall time, and says more where
the machine does something else meanwhile.
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

from measuring import finished, graphs
from measuring.clock import CommandError, Timed, adopt_orphans, run_timed
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
SECONDS_OF_MANY: Final = {
    "relay": 2.0,
    "relay, first look": 2.0,
    "relay run_full:one": 0.5,
    "relay run_full:one, first look": 0.5,
    "relay plan:one": 0.5,
}
"""How long the commands may take where there are that many jobs; nothing is remembered for a first look."""
SETTLED_SECONDS: Final = 2.5
"""After which what was written last counts as written."""


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
    made = make_graphs(folder, shape, dvc)
    series = measure(made, rounds)
    base = next(each for each in series if each.name == "plain doit")
    publish(f"### Nothing to do: {shape}")
    publish(comparison(series, base))
    publish(goals(series, shape))
    return {"shape": str(shape), "series": [each.as_json() for each in series]}


def make_graphs(folder: Path, shape: Shape, dvc: str | None) -> list[Graph]:
    """Every form of the graph, with nothing left to do."""
    note(f"making the graphs of {shape}")
    is_many = shape.jobs >= MANY_JOBS
    forms: dict[str, Callable[[Path], list[Graph]]] = {
        "relay": lambda at: finished.graphs(at, shape.jobs) if is_many else [graphs.relay(at, shape)],
        "doit": lambda at: [graphs.plain_doit(at, shape)],
    }
    if program := shutil.which("make"):
        forms["make"] = lambda at: [graphs.make(at, shape, program)]
    if dvc and not is_many:
        forms["dvc"] = lambda at: [graphs.dvc(at, shape, dvc)]
    made = []
    for name, form in forms.items():
        began = time.perf_counter()
        made += form(folder / name)
        note(f"  {name}: made in {time.perf_counter() - began:.0f} s")
    time.sleep(SETTLED_SECONDS)
    return made


def measure(made: Sequence[Graph], rounds: int) -> list[Series]:
    """Run the commands in turns; each round starts with another one."""
    series = {graph.name: Series(graph.name) for graph in made}
    slow = {graph.name for graph in made if _warm_up(graph) > SLOW_SECONDS}
    for number in range(rounds):
        note(f"round {number + 1} of {rounds}")
        for graph in made if number % 2 == 0 else reversed(made):
            if graph.name not in slow or number < ROUNDS_OF_SLOW:
                series[graph.name].samples.append(_run(graph).sample)
    return list(series.values())


def _warm_up(graph: Graph) -> float:
    """Run once; what is measured must have nothing to do."""
    _run(graph)
    timed = _run(graph)
    phrase, times = graph.done
    if timed.output.count(phrase) != times:
        raise CommandError(f"{graph.name} still had something to do:\n{timed.output[-2000:]}")
    return timed.sample.wall


def _run(graph: Graph) -> Timed:
    if graph.touched:
        (graph.folder / graph.touched).touch()
    return run_timed(graph.command, graph.folder, graph.environment)


def goals(series: Sequence[Series], shape: Shape) -> str:
    """The goals, and what was measured."""
    by_name = {each.name: each for each in series}
    relay, plain = by_name["relay"], by_name["plain doit"]
    rows = []
    if shape.jobs >= MANY_JOBS:
        for name, seconds in SECONDS_OF_MANY.items():
            taken = (by_name[name].walls, by_name[name].cpus)
            rows.append([name, f"at most {seconds} s", *(f"{statistics.median(each):.2f} s" for each in taken)])
    else:
        goal = GOAL_BESIDE_DOIT if shape.shared else GOAL_WITH_OWN_FILES
        rows.append(["relay / plain doit", f"at most {goal}", *_ratios(relay, plain)])
    if (dvc := by_name.get("dvc repro")) is not None:
        rows.append(["dvc repro / relay", f"at least {GOAL_BESIDE_DVC}", *_ratios(dvc, relay)])
    return table(["median of rounds", "goal", "wall", "CPU"], rows)


def _ratios(measured: Series, base: Series) -> list[str]:
    """By wall time and by CPU time, which not every system tells."""
    ratios = (paired_ratio(measured.walls, base.walls), paired_ratio(measured.cpus, base.cpus))
    return [f"{ratio:.2f}" if ratio is not None else "" for ratio in ratios]


if __name__ == "__main__":
    main()
