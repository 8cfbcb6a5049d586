"""Timesteps per second of a whole session beside `python -m rl_zoo3.train` with the same hyperparameters.

    python bench/throughput.py                       the zoo's own hyperparameters for three trainings
    python bench/throughput.py --course sac          one of them
    python bench/throughput.py --zoo-python PATH     with the rl_zoo3 that is there; else it is installed for the run
    python bench/throughput.py --quick               few timesteps: does it work at all?

The relay's command is `doit run_full` in a new project, every stage included; the zoo's has no
evaluations, prints no tables and saves the model, without replay buffer, as often as the relay saves
everything. Both run torch in one thread. Of each command the whole time counts, and beside it that of
the training alone: for the relay as its session states it, for the zoo by a clock around `learn()`.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from measuring import zoo
from measuring.clock import CommandError, Sample, adopt_orphans, run_timed
from measuring.courses import Course
from measuring.graphs import project_path, write_project
from measuring.tables import note, paired_ratio, publish, table, write_raw
from measuring.zoo import Zoo

from contract.storage import files
from contract.storage.layout import Artifacts
from runner.layout import RunsFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GOAL: Final = 1.0
QUICK_TIMESTEPS: Final = 2_048
SAVES: Final = 10
RELAY: Final = "relay"
ZOO: Final = "zoo"

COURSES: Final = {
    "ppo": Course(
        "ppo",
        "PPO",
        "CartPole-v1",
        n_envs=8,
        timesteps=100_352,
        hyperparameters={
            "n_steps": 32,
            "batch_size": 256,
            "gae_lambda": 0.8,
            "gamma": 0.98,
            "n_epochs": 20,
            "ent_coef": 0.0,
            "learning_rate": "lin_0.001",
            "clip_range": "lin_0.2",
        },
    ),
    "dqn": Course(
        "dqn",
        "DQN",
        "CartPole-v1",
        n_envs=1,
        timesteps=50_176,
        hyperparameters={
            "learning_rate": 0.0023,
            "batch_size": 64,
            "buffer_size": 100_000,
            "learning_starts": 1_000,
            "gamma": 0.99,
            "target_update_interval": 10,
            "train_freq": 256,
            "gradient_steps": 128,
            "exploration_fraction": 0.16,
            "exploration_final_eps": 0.04,
            "policy_kwargs": {"net_arch": [256, 256]},
        },
    ),
    "sac": Course(
        "sac",
        "SAC",
        "Pendulum-v1",
        n_envs=1,
        timesteps=20_000,
        hyperparameters={"learning_rate": 0.001},
    ),
}
"""As rl-baselines3-zoo 2.9.2 has them; the timesteps are whole rollouts."""


@dataclass(frozen=True)
class Speed:
    """One run: the timesteps reached, the command's time, and the seconds of training within it."""

    timesteps: int
    command: Sample
    training: float

    @property
    def whole(self) -> float:
        """Timesteps per second of the whole command."""
        return self.timesteps / self.command.wall

    @property
    def trained(self) -> float:
        """Timesteps per second of training."""
        return self.timesteps / self.training


def main() -> None:
    """Measure, and print the report."""
    options = _options()
    adopt_orphans()
    results = {}
    with tempfile.TemporaryDirectory(prefix="relay-bench-", ignore_cleanup_errors=True) as name:
        python = zoo.python_of(options, Path(name))
        for key in options.course or COURSES:
            course = replace(COURSES[key], timesteps=QUICK_TIMESTEPS) if options.quick else COURSES[key]
            results[key] = measure(Path(name) / key, course, python, 1 if options.quick else options.rounds)
            publish(f"### {course}")
            publish(report(results[key]))
    raw = {key: {way: [asdict(each) for each in runs] for way, runs in ways.items()} for key, ways in results.items()}
    write_raw(options.json, {"benchmark": "throughput", "results": raw})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Timesteps per second beside rl-baselines3-zoo.")
    parser.add_argument("--course", action="append", choices=list(COURSES), help="all where left out")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each way")
    parser.add_argument("--quick", action="store_true", help="few timesteps, for a look at whether it works")
    zoo.add_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    return parser.parse_args()


def measure(folder: Path, course: Course, zoo_python: str | None, rounds: int) -> dict[str, list[Speed]]:
    """Run both in turns, after a short warm-up; each round starts with the other one."""
    ways: dict[str, Callable[[Path, Course], Speed]] = {RELAY: run_relay}
    if zoo_python:
        ways[ZOO] = lambda at, trained: run_zoo(Zoo(zoo_python, trained, at))
    for name, way in ways.items():
        note(f"{course.name}: warming up {name}")
        way(folder / f"warm-up {name}", replace(course, timesteps=QUICK_TIMESTEPS))
    speeds: dict[str, list[Speed]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in ways if number % 2 == 0 else reversed(ways):
            note(f"{course.name}, round {number + 1} of {rounds}: {name}")
            speeds[name].append(ways[name](folder / f"{number} {name}", course))
    return speeds


def run_relay(project: Path, course: Course) -> Speed:
    """One session in a new project."""
    write_project(project, {course.name: course.as_job(course.timesteps // SAVES)})
    timed = run_timed((sys.executable, "-m", "doit", "run_full"), project, project_path())
    metadata = files.read_json(Artifacts(RunsFolder(project).session(course.name, 1).artifacts, course.name).metadata)
    if metadata["timesteps"] != course.timesteps:
        raise CommandError(f"the relay ended at {metadata['timesteps']:,} timesteps:\n{timed.output[-2000:]}")
    return Speed(course.timesteps, timed.sample, course.timesteps / metadata["steps_per_second"])


def run_zoo(of_course: Zoo) -> Speed:
    """The zoo's own program, with a clock in it."""
    course = of_course.course
    saving = ("--save-freq", str(course.timesteps // SAVES))
    timed = run_timed(of_course.command("logs", *saving, program=(str(zoo.TRAINING),)), of_course.folder)
    learned = json.loads(next(line for line in reversed(timed.output.splitlines()) if line.startswith("{")))
    if learned["timesteps"] != course.timesteps:
        raise CommandError(f"the zoo ended at {learned['timesteps']:,} timesteps")
    return Speed(course.timesteps, timed.sample, learned["learn_seconds"])


def report(speeds: dict[str, list[Speed]]) -> str:
    """Timesteps per second, and the relay's by the zoo's."""
    rows = []
    kinds: dict[str, Callable[[Speed], float]] = {
        "whole command": lambda each: each.whole,
        "training alone": lambda each: each.trained,
    }
    for what, of in kinds.items():
        found = {name: [of(each) for each in runs] for name, runs in speeds.items()}
        for name, each in found.items():
            ratio = paired_ratio(each, found.get(ZOO, []))
            shown = f"{ratio:.2f}" if ratio is not None else ""
            rows.append([f"{what}: {name}", *(f"{number:,.0f}" for number in _spread(each)), shown])
    return table(["timesteps per second", "min", "median", "max", f"of the zoo's (goal: {GOAL})"], rows)


def _spread(numbers: Sequence[float]) -> tuple[float, float, float]:
    return min(numbers), statistics.median(numbers), max(numbers)


if __name__ == "__main__":
    main()
