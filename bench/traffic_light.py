"""How fast TrafficLight-v0 is, and how well it is controlled.

    python bench/traffic_light.py                     both tables
    python bench/traffic_light.py speed               environment steps per second
    python bench/traffic_light.py compare             delay under each controller and under trained agents
    python bench/traffic_light.py compare --model runs/.../traffic_light_control_final.zip

Agents are trained here by plain Stable-Baselines3, with what jobs.yaml asks for. The episodes on
which controllers are compared have seeds that neither training nor the search for plans has seen.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

from trainer.envs.traffic_light.controllers import Controller, FixedTime, MaxPressure, WebsterPlan
from trainer.envs.traffic_light.scenario import Scenario
from trainer.envs.traffic_light.vector import TrafficLightVectorEnv
from trainer.envs.vector_adapter import SB3VectorAdapter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

N_ENVS: Final = 10
HYPERPARAMETERS: Final[dict[str, Any]] = {
    "n_steps": 10,
    "batch_size": 50,
    "n_epochs": 4,
    "learning_rate": 1e-3,
    "gamma": 0.95,
}
HELD_OUT: Final = 1_000_000
"""Seed of the first episode of the comparison; training uses single digits."""
SEARCH_SEEDS: Final = range(2_000_000, 2_000_040)
SPEED_RUNS: Final = 9
SPEED_STEPS: Final = 1_000
BATCH_SIZES: Final = (1, 8, 64)


class Agent:
    """A trained policy as a controller; it takes its most probable action."""

    def __init__(self, model: PPO) -> None:
        self._model = model

    def reset(self) -> None:
        """Nothing to forget."""

    def act(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """The policy's phases for a batch of observations."""
        phases: NDArray[np.int64] = self._model.predict(observations, deterministic=True)[0]
        return phases


class Result(NamedTuple):
    """Of each episode, by seed: vehicle-seconds, and seconds per vehicle."""

    total_delay: NDArray[np.float64]
    mean_delay: NDArray[np.float64]


def evaluate(controller: Controller, seeds: Iterable[int]) -> Result:
    """Run one episode for each seed, all at once."""
    chosen = list(seeds)
    env = TrafficLightVectorEnv(len(chosen))
    observations, _ = env.reset(seed=chosen)
    controller.reset()
    while True:
        observations, _, _, truncated, infos = env.step(controller.act(observations))
        if truncated.all():
            final = infos["final_info"]
            return Result(final["total_delay"], final["mean_delay"])


def best_plan(scenario: Scenario) -> tuple[int, ...]:
    """The fixed-time plan of least delay on the search's own seeds, among all near Webster's."""
    webster = WebsterPlan(scenario).decisions
    choices = [range(max(2, decisions - 1), decisions + 3) for decisions in webster]
    plans = itertools.product(*choices)
    return min(plans, key=lambda plan: float(evaluate(FixedTime(plan), SEARCH_SEEDS).total_delay.mean()))


def best_period(scenario: Scenario) -> int:
    """The period of max-pressure of least delay on the search's own seeds."""
    return min(
        range(1, 6), key=lambda each: float(evaluate(MaxPressure(scenario, each), SEARCH_SEEDS).total_delay.mean())
    )


def train(seed: int, timesteps: int) -> tuple[PPO, float]:
    """Train an agent from nothing; also the timesteps per second."""
    venv = VecNormalize(SB3VectorAdapter(TrafficLightVectorEnv(N_ENVS)), norm_obs=False, gamma=HYPERPARAMETERS["gamma"])
    model = PPO("MlpPolicy", venv, seed=seed, device="cpu", **HYPERPARAMETERS)
    start = time.perf_counter()
    model.learn(timesteps)
    return model, model.num_timesteps / (time.perf_counter() - start)


def compare(options: argparse.Namespace) -> None:
    """Print the delay under each controller on the same held-out episodes."""
    seeds = range(HELD_OUT, HELD_OUT + options.episodes)
    scenario = Scenario()
    webster = WebsterPlan(scenario)
    reference = evaluate(FixedTime(webster.decisions), seeds)
    say(f"{options.episodes} episodes, seeds {seeds[0]} to {seeds[-1]}")
    row("controller", "total delay (veh·s)", "± s.e.", "per vehicle (s)", "against Webster", "episodes better")
    row(*["---"] * 6)

    def report(name: str, controller: Controller) -> None:
        total, mean = evaluate(controller, seeds)
        change = total.mean() / reference.total_delay.mean() - 1
        better = int((total < reference.total_delay).sum())
        error = total.std(ddof=1) / np.sqrt(len(total))
        row(name, f"{total.mean():,.0f}", f"{error:,.0f}", f"{mean.mean():.1f}", f"{change:+.0%}", f"{better}")

    report(f"fixed time, Webster {webster.decisions}", FixedTime(webster.decisions))
    plan = best_plan(scenario)
    report(f"fixed time, best found {plan}", FixedTime(plan))
    report("max-pressure, every decision", MaxPressure(scenario))
    period = best_period(scenario)
    report(f"max-pressure, best period found ({period})", MaxPressure(scenario, period))
    for path in options.model:
        report(path.name, Agent(PPO.load(path, device="cpu")))
    if not options.model:
        for seed in range(options.seeds):
            model, speed = train(seed, options.timesteps)
            report(f"PPO, {model.num_timesteps:,} timesteps, seed {seed} ({speed:,.0f}/s)", Agent(model))


def measure_speed() -> None:
    """Print steps per second for several batch sizes."""
    row("environments", "µs per step of all", "environment steps/s")
    row(*["---"] * 3)
    for num_envs in BATCH_SIZES:
        env = TrafficLightVectorEnv(num_envs)
        env.reset(seed=0)
        actions = np.random.default_rng(0).integers(0, 4, size=(SPEED_STEPS, num_envs))
        seconds = statistics.median(timed(env, actions) for _ in range(SPEED_RUNS)) / SPEED_STEPS
        row(f"{num_envs}", f"{seconds * 1e6:.0f}", f"{num_envs / seconds:,.0f}")


def timed(env: TrafficLightVectorEnv, actions: NDArray[np.int64]) -> float:
    """Seconds that the steps take, resets at episodes' ends included."""
    start = time.perf_counter()
    for each in actions:
        env.step(each)
    return time.perf_counter() - start


def row(*cells: str) -> None:
    """Print a row of a Markdown table."""
    say(f"| {' | '.join(cells)} |")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("speed", "compare"), help="both where left out")
    parser.add_argument("--episodes", type=int, default=50, help="held-out episodes (default: %(default)s)")
    parser.add_argument("--timesteps", type=int, default=50_000, help="to train for (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="agents to train (default: %(default)s)")
    parser.add_argument("--model", type=Path, action="append", default=[], help="a saved model, in place of training")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.what in {None, "speed"}:
        measure_speed()
    if options.what in {None, "compare"}:
        compare(options)


if __name__ == "__main__":
    main()
