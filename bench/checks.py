"""What the looks at environments and the watchdog take of a training's time.

    python bench/checks.py                 CartPole in 8 environments, and the shipped job
    python bench/checks.py --quick         does it work at all?

The same environments stand twice in one process, once with what they give looked at in each step and once without
(`env.check`). They take turns at the same actions, a few steps at a time, so that whatever else the machine does
disturbs both alike. What stands in the table is CPU time: the difference of the lower quartiles, and that by a whole
vectorised step of the training, the policy's and the update's share included. The watchdog's thread is timed by its own
clock while it watches at its usual pace, and what the main thread tells it by another one.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import gc
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from measuring.graphs import CODE
from measuring.tables import note, publish, table, write_raw

from contract.errors import InputError
from job.model import parse_job, session_part
from runner.backends.registry import sections
from runner.jobs.file import load_jobs
from runner.layout import JOBS_FILE
from trainer.algorithms.model import make_model
from trainer.environments.making import make_training_envs
from trainer.stopping.interruption import Interruption
from trainer.stopping.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from stable_baselines3.common.vec_env import VecEnv

    from job.model import Job

GOAL: Final = 0.01
STEPS: Final = 20
TURNS: Final = 1_000
TRAINED_TIMESTEPS: Final = 16_384
TELLS: Final = 20_000
WATCHED_SECONDS: Final = 5.0
SHIPPED: Final = "traffic_light_control"
CART_POLE: Final = {
    "name": "cart_pole",
    "env": {"id": "CartPole-v1", "n_envs": 8},
    "algorithm": "PPO",
    "total_timesteps": TRAINED_TIMESTEPS,
    "seed": 1,
}


@dataclass(frozen=True)
class Cost:
    """Microseconds of CPU time for each vectorised step.

    Args:
        unchecked: the environments alone.
        checked: what they give looked at.
        told: what the main thread tells the watchdog.
        watched: what the watchdog's thread takes of each step's time.
        trained: a step of the whole training.
    """

    unchecked: float
    checked: float
    told: float
    watched: float
    trained: float

    @property
    def share(self) -> float:
        """Of the training's time."""
        return (self.checked - self.unchecked + self.told + self.watched) / self.trained


def main() -> None:
    """Measure, and print the report."""
    parser = argparse.ArgumentParser(description="What the checks and the watchdog take of a training's time.")
    parser.add_argument("--quick", action="store_true", help="few steps, for a look at whether it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    options = parser.parse_args()
    torch.set_num_threads(1)
    profiles = load_jobs(CODE / JOBS_FILE, sections())[SHIPPED]
    if isinstance(profiles, InputError):
        raise profiles
    shipped = profiles.full.model_dump(mode="json")
    costs = {}
    for values in (CART_POLE, session_part(shipped)):
        note(f"measuring {values['name']}")
        costs[str(values["name"])] = measure(values, part=100 if options.quick else 1)
    publish(report(costs))
    write_raw(options.json, {"benchmark": "checks", "costs": {name: vars(cost) for name, cost in costs.items()}})


def measure(values: dict[str, Any], part: int) -> Cost:
    """The costs of a job; of one in `part` of the usual number of steps."""
    checked, unchecked = (parse_job(values | {"env": values["env"] | {"check": check}}) for check in (True, False))
    trained = train(checked, TRAINED_TIMESTEPS // part)
    with_checks, without = take_turns(checked, unchecked, max(10, TURNS // part))
    return Cost(without, with_checks, tell(), watch(WATCHED_SECONDS / part) * trained, trained)


def train(job: Job, timesteps: int) -> float:
    """Microseconds for each vectorised step of a training, after one that warms up."""
    model = make_model(job, make_training_envs(job), "cpu")
    model.learn(timesteps // 4)
    began = time.process_time()
    model.learn(timesteps)
    return (time.process_time() - began) / (model.num_timesteps / job.env.n_envs) * 1e6


def take_turns(checked: Job, unchecked: Job, turns: int) -> tuple[float, float]:
    """Microseconds for each step of the environments with and without checks."""
    pair = [make_training_envs(job) for job in (checked, unchecked)]
    for venv in pair:
        venv.action_space.seed(1)
        venv.seed(1)
        venv.reset()
    space, count = pair[0].action_space, pair[0].num_envs
    actions = [np.array([space.sample() for _ in range(count)]) for _ in range(STEPS)]
    taken: tuple[list[float], list[float]] = ([], [])
    gc.disable()
    for turn in range(turns):
        order = (0, 1) if turn % 2 == 0 else (1, 0)
        for which in order:
            taken[which].append(step(pair[which], actions))
    gc.enable()
    quartiles = [statistics.quantiles(each, n=4)[0] for each in taken]
    for venv in pair:
        venv.close()
    return quartiles[0], quartiles[1]


def step(venv: VecEnv, actions: list[NDArray[Any]]) -> float:
    """Microseconds for each of these steps."""
    began = time.process_time()
    for each in actions:
        venv.step(each)
    return (time.process_time() - began) / len(actions) * 1e6


def tell() -> float:
    """Microseconds for which the main thread is held up in each step to show that it goes on."""
    interruption = Interruption(time.monotonic(), 3600.0)
    began = time.process_time()
    for _ in range(TELLS):
        interruption.show_sign(time.monotonic())
    return (time.process_time() - began) / TELLS * 1e6


def watch(seconds: float) -> float:
    """The share of the time that the watchdog's thread takes."""

    def ends(_code: int) -> None:
        raise AssertionError("nothing hangs here")

    watchdog = Watchdog(Interruption(time.monotonic(), 3600.0), (3600.0, 900.0), "nothing", lambda _: None, ends)
    wait: Callable[[float], None] = time.sleep
    began = time.process_time()
    watchdog.start()
    wait(seconds)
    watchdog.stop()
    return (time.process_time() - began) / seconds


def report(costs: dict[str, Cost]) -> str:
    """A row for each job."""
    rows = [
        [
            name,
            f"{cost.unchecked:.1f}",
            f"{cost.checked:.1f}",
            f"{cost.told:.2f}",
            f"{cost.watched:.2f}",
            f"{cost.trained:,.0f}",
            f"{cost.share:.2%}",
        ]
        for name, cost in costs.items()
    ]
    head = [
        "µs of CPU time per vectorised step",
        "environments",
        "looked at",
        "signs of life",
        "watchdog",
        "whole training",
        f"share (goal: {GOAL:.0%})",
    ]
    return table(head, rows)


if __name__ == "__main__":
    main()
