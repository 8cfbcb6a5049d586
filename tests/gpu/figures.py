"""What is measured on a GPU and on the CPU: steps a second by network size, and the price of determinism."""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from job.model import parse_job
from tests.gpu.worlds_of_gpu_tests import Walk
from trainer.algorithms.model import construct, use_threads
from trainer.determinism.flags import computing
from trainer.determinism.pretended import Pretended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

N_ENVS, N_STEPS = 8, 64
SECONDS = 3.0
IMAGE = (84, 84, 4)
SIZES: dict[str, dict[str, Any]] = {
    **{f"Mlp {width} x {width}": {"net_arch": [width, width]} for width in (64, 256, 512, 1024, 2048)},
    "NatureCNN, 84 x 84 x 4": {},
}
BATCHES = (64, 256)


class Figure(NamedTuple):
    """One network on one device.

    Args:
        network: which.
        batch: samples of a gradient step.
        parameters: that are trained.
        device: where.
        deterministic: whether deterministic forms were asked for.
        step: milliseconds of a gradient step.
        pace: timesteps a second of PPO with 8 environments and 4 epochs, those of the environments themselves left out.
    """

    network: str
    batch: int
    parameters: int
    device: str
    deterministic: bool
    step: float
    pace: float


def figures(device: str, seconds: float = SECONDS, sizes: dict[str, dict[str, Any]] | None = None) -> Iterator[Figure]:
    """Each network on the CPU and, where it is another, on `device`, with determinism and without."""
    for network, kwargs in (SIZES if sizes is None else sizes).items():
        for batch in BATCHES:
            yield figure(network, kwargs, batch, "cpu", deterministic=True, seconds=seconds)
            for deterministic in (True, False) if device != "cpu" else ():
                yield figure(network, kwargs, batch, device, deterministic=deterministic, seconds=seconds)


def figure(
    network: str, kwargs: dict[str, Any], batch: int, device: str, *, deterministic: bool, seconds: float
) -> Figure:
    """Measure one network: on the CPU in seconds of one of its cores, as nothing else may be at work there."""
    images = not kwargs
    job = parse_job(
        {
            "name": "measured",
            "env": {"id": "CartPole-v1", "n_envs": N_ENVS},
            "algorithm": "PPO",
            "policy": "CnnPolicy" if images else "MlpPolicy",
            "hyperparameters": {
                "n_steps": N_STEPS,
                "batch_size": batch,
                "n_epochs": 4,
                "policy_kwargs": kwargs or None,
            },
            "total_timesteps": 10**9,
            "device": device,
            "deterministic": "auto" if deterministic else False,
        }
    )
    use_threads(1)
    clock = time.process_time if device == "cpu" else time.perf_counter
    with computing(job, lambda _reason: None) as found, contextlib.closing(_environments(images=images)) as like:
        model: Any = construct(job, Pretended(like, 0), found, {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Stable-Baselines3's on small networks on a GPU: that is the question
            model.learn(N_ENVS * N_STEPS)
            train = _per_call(model.train, clock, seconds, found)
            whole = _per_call(lambda: model.learn(N_ENVS * N_STEPS), clock, seconds, found)
        parameters = sum(each.numel() for each in model.policy.parameters())
    steps = 4 * math.ceil(N_ENVS * N_STEPS / batch)
    return Figure(network, batch, parameters, device, deterministic, 1000 * train / steps, N_ENVS * N_STEPS / whole)


def _environments(*, images: bool) -> DummyVecEnv:
    """What has the spaces that are measured."""

    def make() -> Walk:
        env = Walk()
        if images:
            env.observation_space = spaces.Box(0, 255, IMAGE, np.uint8)
        return env

    return DummyVecEnv([make] * N_ENVS)


def _per_call(do: Callable[[], object], clock: Callable[[], float], seconds: float, device: str) -> float:
    """Seconds of one call, of as many as there is time for."""
    calls, began = 0, clock()
    while True:
        do()
        calls += 1
        if device != "cpu":
            torch.cuda.synchronize()
        passed = clock() - began
        if passed >= seconds:
            return passed / calls


def table(found: list[Figure]) -> str:
    """The figures as Markdown, a line for each network and batch."""
    lines = [
        "| network | parameters | batch | CPU: ms a step | steps/s | GPU: ms a step | steps/s | any order: ms a step |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for network, batch in dict.fromkeys((each.network, each.batch) for each in found):
        those = [each for each in found if (each.network, each.batch) == (network, batch)]
        on_cpu = next(each for each in those if each.device == "cpu")
        exact = next((each for each in those if each.device != "cpu" and each.deterministic), None)
        other = next((each for each in those if each.device != "cpu" and not each.deterministic), None)
        cells = [network, f"{on_cpu.parameters:,}", str(batch), f"{on_cpu.step:.2f}", f"{on_cpu.pace:,.0f}"]
        cells += [f"{exact.step:.2f}", f"{exact.pace:,.0f}"] if exact else ["", ""]
        cells += [f"{other.step:.2f}"] if other else [""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
