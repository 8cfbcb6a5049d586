"""How far a training that was interrupted once ends from the one that was not: here, with SB3 and with the zoo.

    python bench/resume.py                         PPO and DQN on CartPole, SAC on Pendulum
    python bench/resume.py --algorithm DQN         one of them
    python bench/resume.py --zoo-python PATH       with the rl_zoo3 that is there; otherwise it is installed for the run
    python bench/resume.py --no-zoo                without rl-baselines3-zoo

Every tool trains with the same hyperparameters, seed and number of threads: once to the end, once more
to the end (is it reproducible at all?), and once cut by a real signal half-way and gone on from what
it had saved, each in processes of its own. A tool's models are compared with its own uninterrupted one.
The figures do not depend on the speed of the machine. Signals are those of Linux and macOS.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from measuring import zoo
from measuring.courses import Course
from measuring.interrupted import PlainSB3, Relay, Tool, ZooRuns
from measuring.tables import note, publish, table, write_raw
from measuring.tensors import Distance, distance, timesteps_of
from measuring.zoo import Zoo

if TYPE_CHECKING:
    from collections.abc import Iterator

COURSES: Final = (
    Course(
        "ppo",
        "PPO",
        "CartPole-v1",
        n_envs=8,
        timesteps=8_192,
        hyperparameters={"n_steps": 32, "batch_size": 64, "n_epochs": 5, "learning_rate": "lin_0.001", "gamma": 0.98},
        normalizes=True,
    ),
    Course(
        "dqn",
        "DQN",
        "CartPole-v1",
        n_envs=1,
        timesteps=20_000,
        hyperparameters={
            "learning_rate": 0.0023,
            "buffer_size": 8_000,
            "learning_starts": 1_000,
            "batch_size": 64,
            "target_update_interval": 500,
        },
    ),
    Course(
        "sac",
        "SAC",
        "Pendulum-v1",
        n_envs=1,
        timesteps=3_000,
        hyperparameters={
            "learning_rate": 0.001,
            "buffer_size": 2_000,
            "batch_size": 64,
            "policy_kwargs": {"net_arch": [64, 64]},
        },
    ),
)


@dataclass(frozen=True)
class Outcome:
    """How one way of training ended beside its tool's uninterrupted one.

    Args:
        way: what was done.
        reached: the timesteps that the model at the end says it was trained for.
        apart: how far it is.
    """

    way: str
    reached: int
    apart: Distance


def main() -> None:
    """Train, cut, go on, compare, and print the report."""
    options = _options()
    results = []
    with tempfile.TemporaryDirectory(prefix="relay-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        python = zoo.python_of(options, folder)
        for course in COURSES:
            if options.algorithm in (None, course.algorithm):
                outcomes = list(compare(folder / course.name, course, python))
                publish(f"### {course}")
                publish(report(outcomes))
                results.append({"course": str(course), "outcomes": [asdict(each) for each in outcomes]})
    write_raw(options.json, {"benchmark": "resume", "results": results})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How far an interrupted training ends from an uninterrupted one.")
    parser.add_argument("--algorithm", choices=[each.algorithm for each in COURSES], help="all where left out")
    zoo.add_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    return parser.parse_args()


def compare(folder: Path, course: Course, zoo_python: str | None) -> Iterator[Outcome]:
    """Every way of every tool, each with its tool's uninterrupted training."""
    tools: dict[str, Tool] = {"relay": Relay(folder / "relay", course), "SB3": PlainSB3(folder / "sb3", course)}
    if zoo_python:
        tools["zoo"] = ZooRuns(Zoo(zoo_python, course, folder / "zoo"))
    for name, tool in tools.items():
        note(f"{course.name}: {name}, uninterrupted")
        whole = tool.train("whole")
        ways = {"uninterrupted, once more": tool.train, **tool.ways()}
        for number, (way, train) in enumerate(ways.items()):
            note(f"{course.name}: {name}, {way}")
            model = train(f"way-{number}")
            yield Outcome(f"{name}, {way}", timesteps_of(model), distance(whole, model))


def report(outcomes: list[Outcome]) -> str:
    """The outcomes as a table."""
    rows = [
        [
            each.way,
            f"{each.reached:,}",
            "0" if each.apart.is_zero else f"{each.apart.relative_l2:.2g}",
            f"{each.apart.equal} of {each.apart.tensors}",
        ]
        for each in outcomes
    ]
    return table(["", "timesteps", "relative L2", "tensors equal bit for bit"], rows)


if __name__ == "__main__":
    main()
