"""What a session costs on a Slurm cluster and on a Ray cluster, beside a process of this machine.

    python bench/places.py               a tiny job, one session after another, on each in turn
    python bench/places.py --without ray

Each round raises the goal of the same job and gives `doit resume` in the project of each place, so that one session
runs there. CPU time is that of the command, of the session, and of all that the cluster does for it; the clusters are
those of the tests, of one node beside the controller or head, and stand still otherwise.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import psutil
import yaml
from measuring.clock import Sample, adopt_orphans, run_timed
from measuring.tables import note, publish, table, write_raw

sys.path.append(str(Path(__file__).resolve().parent.parent))

from tests.cluster import running_cluster
from tests.ray_cluster import MARK, running_ray

if TYPE_CHECKING:
    from collections.abc import Sequence

JOB: Final = "cart"
STEP: Final = 256
ROOT = Path(__file__).resolve().parent.parent
COPIED = ("dodo.py", "pyproject.toml", "contract", "job", "trainer", "restore", "executors", "runner")
PLACES: Final = ("local", "slurm", "ray")
STILL_SECONDS: Final = 3.0
LOOK_SECONDS: Final = 0.2
IDLE_SECONDS: Final = 20.0


def main() -> None:
    """Run the rounds and print the report."""
    parser = argparse.ArgumentParser(description="What a session costs on clusters.")
    parser.add_argument("--rounds", type=int, default=5, help="sessions on each place")
    parser.add_argument("--without", choices=PLACES[1:], action="append", default=[], help="a place to leave out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    parser.add_argument("--timed", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.timed is not None:
        adopt_orphans()
        sample, output = run_timed((sys.executable, "-m", "doit", "resume"), options.timed)
        sys.stdout.write(json.dumps({"wall": sample.wall, "cpu": sample.cpu, "is_met": "goal met" in output}))
        return
    places = [place for place in PLACES if place not in options.without]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-bench-")))
        marks = {"local": ("RELAY_BENCH_NOWHERE", "-")}
        if "slurm" in places:
            cluster = stack.enter_context(running_cluster())
            marks["slurm"] = ("SLURM_CONF", str(cluster.configuration))
        if "ray" in places:
            marks["ray"] = (MARK, str(stack.enter_context(running_ray("n1")).python.parent))
        for place in places:
            prepare(folder / place, place)
        idle = {place: idle_share(*marks[place]) for place in places}
        rounds = [measure(folder, places, marks, idle, number) for number in range(options.rounds + 1)][1:]
    publish(report(places, rounds))
    write_raw(options.json, {"benchmark": "places", "rounds": rounds})


def prepare(project: Path, place: str) -> None:
    """A project of its own for a place."""
    project.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        copy: Any = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, project / name)
    aim(project, place, STEP)


def aim(project: Path, place: str, goal: int) -> None:
    """Write down how far the job is to go."""
    job = {
        "env": {"id": "CartPole-v1"},
        "algorithm": "PPO",
        "hyperparameters": {"n_steps": 64, "n_epochs": 1},
        "total_timesteps": goal,
        "device": "cpu",
        "backend": place,
    }
    (project / "jobs.yaml").write_text(yaml.safe_dump({"jobs": {JOB: job}}), encoding="utf-8")


def measure(
    folder: Path, places: Sequence[str], marks: dict[str, tuple[str, str]], idle: dict[str, float], number: int
) -> dict[str, Sample]:
    """One session on each place, in alternating order; the first round is a warm-up."""
    samples = {}
    for place in places if number % 2 else reversed(places):
        aim(folder / place, place, (number + 1) * STEP)
        # In a process of its own, which waits for all that it has started, and the clusters are none of that.
        command = [sys.executable, __file__, "--timed", str(folder / place)]
        with Cluster(*marks[place]) as cluster:
            began = time.monotonic()
            timed = json.loads(subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout)  # noqa: S603
            time.sleep(STILL_SECONDS)  # until the cluster has tidied up after it
            spent, lasted = cluster.spent, time.monotonic() - began
        if not timed["is_met"]:
            raise SystemExit(f"the session on {place} did not reach its goal")
        samples[place] = Sample(timed["wall"], timed["cpu"] + max(0.0, spent - idle[place] * lasted))
        note(f"round {number}, {place}: {samples[place].wall:.2f} s, {samples[place].cpu:.2f} s of CPU")
    return samples


def idle_share(variable: str, beginning: str) -> float:
    """How much of a CPU a cluster takes that has nothing to do, which is no session's."""
    with Cluster(variable, beginning) as cluster:
        time.sleep(IDLE_SECONDS)
        return cluster.spent / IDLE_SECONDS


class Cluster:
    """What a cluster's processes spend, by looking at them again and again: they are none of ours to wait for.

    Args:
        variable: in whose variables this one begins so.
        beginning: of its value.
    """

    def __init__(self, variable: str, beginning: str) -> None:
        self._variable, self._beginning = variable, beginning
        self._spent: dict[tuple[int, float], float] = {}
        self._ends = threading.Event()

    def __enter__(self) -> Self:
        self._before = self._look()
        self._looking = threading.Thread(target=self._look_on)
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._looking.join()

    @property
    def spent(self) -> float:
        """CPU seconds since the beginning."""
        return sum(self._look().values()) - sum(self._before.values())

    def _look_on(self) -> None:
        while not self._ends.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> dict[tuple[int, float], float]:
        for process in psutil.process_iter():
            try:
                if process.environ().get(self._variable, "").startswith(self._beginning):
                    for each in (process, *process.children(recursive=True)):
                        times = each.cpu_times()
                        self._spent[each.pid, each.create_time()] = times.user + times.system
            except psutil.Error:
                continue
        return dict(self._spent)


def report(places: Sequence[str], rounds: Sequence[dict[str, Sample]]) -> str:
    """A table of the medians, and of each place beside local."""
    rows = []
    for place in places:
        wall, cpu = (statistics.median(getattr(each[place], kind) for each in rounds) for kind in ("wall", "cpu"))
        beside = [
            statistics.median(getattr(each[place], kind) / getattr(each["local"], kind) for each in rounds)
            for kind in ("wall", "cpu")
        ]
        rows.append([place, f"{wall:.1f} s", f"{cpu:.1f} s", *(f"{each:.2f}" for each in beside)])
    return table([f"a session, median of {len(rounds)}", "wall", "CPU", "wall / local", "CPU / local"], rows)


if __name__ == "__main__":
    main()
