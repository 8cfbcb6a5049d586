"""Sessions that are SIGKILLed at random moments add up to exactly the uninterrupted run."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from contract.documents.runs import ResumeVerdict
from contract.storage.layout import CHECKPOINTS_FOLDER
from executors import local_launcher
from runner.curve.stitching import stitched
from tests.scenarios.slow_jobs import slow_cart

if TYPE_CHECKING:
    from pathlib import Path

    from runner.curve.measurements import Curve
    from tests.project import Project

KILLS_PER_JOB = 2
STEP_SECONDS = 0.0005
"""So slow that a kill which comes late on a busy machine still comes before the end, and the cores are left alone."""


def every_configuration(project: Project) -> dict[str, dict[str, Any]]:
    """PPO and A2C, one and four environments, VecNormalize on and off."""
    hyperparameters = {"PPO": {"n_steps": 32, "batch_size": 32, "n_epochs": 2}, "A2C": {"n_steps": 16}}
    jobs = {}
    for algorithm, n_envs, wrapper in itertools.product(("PPO", "A2C"), (1, 4), (None, "VecNormalize")):
        name = f"{algorithm}-{n_envs}-{'normalized' if wrapper else 'plain'}".lower()
        jobs[name] = slow_cart(
            project,
            STEP_SECONDS,
            env={"id": "slow:Slow-v0", "n_envs": n_envs, "wrapper": wrapper},
            algorithm=algorithm,
            hyperparameters={**hyperparameters[algorithm], "policy_kwargs": {"net_arch": [8]}},
            total_timesteps=2_048,
            save_freq=128,
        )
    return jobs


class Killer(threading.Thread):
    """SIGKILLs each job's sessions at a random moment after their first checkpoint."""

    def __init__(self, sandboxes: Path, seed: int) -> None:
        super().__init__(daemon=True)
        self.kills: Counter[str] = Counter()
        self.done = threading.Event()
        self._sandboxes = sandboxes
        self._random = random.Random(seed)
        self._killed: set[Path] = set()

    def run(self) -> None:
        while not self.done.wait(0.01):
            for sandbox in self._sandboxes.glob("*"):
                if sandbox not in self._killed and any(sandbox.glob(f"kaggle/working/{CHECKPOINTS_FOLDER}/*.zip")):
                    time.sleep(self._random.uniform(0, 0.2))
                    self._kill(sandbox)

    def _kill(self, sandbox: Path) -> None:
        self._killed.add(sandbox)
        job = next((sandbox / local_launcher.INPUT).iterdir()).name
        if self.kills[job] == KILLS_PER_JOB or (sandbox / local_launcher.ENDED_FILE).exists():
            return
        started = json.loads((sandbox / local_launcher.STARTED_FILE).read_text(encoding="utf-8"))
        psutil.Process(started["pid"]).kill()
        self.kills[job] += 1


def untimed(curve: Curve, algorithm: str) -> list[tuple[int, str, float]]:
    """What was measured but for how fast it went.

    A2C's logger dumps every hundredth rollout of a session: elsewhere in a lineage that was cut.
    """
    differs = ("time/", "rollout/", "train/") if algorithm == "A2C" else ("time/",)
    return [(each.timesteps, each.key, each.value) for each in curve.measurements if not each.key.startswith(differs)]


def enough_configurations(project: Project) -> dict[str, dict[str, Any]]:
    """The one with the most in it; `tests/scenarios/test_kills.py` has many more kills and the other algorithms."""
    name = "ppo-4-normalized"
    return {name: every_configuration(project)[name]}


@pytest.mark.slow
def test_two_sigkills_and_resume_give_the_tensors_of_the_uninterrupted_run(
    project: Project, request: pytest.FixtureRequest
) -> None:
    jobs = (every_configuration if request.config.getoption("--long") else enough_configurations)(project)
    assert len(jobs) in (1, 8)
    project.write_jobs(**{f"whole-{name}": job for name, job in jobs.items()})
    project.doit("-n", "2", "run_full")

    project.write_jobs(**{f"cut-{name}": job for name, job in jobs.items()})
    killer = Killer(project.runs.backend("local"), seed=len(jobs))
    killer.start()
    project.doit("-n", "2", "resume")
    killer.done.set()

    assert killer.kills == {f"cut-{name}": KILLS_PER_JOB for name in jobs}
    for name, job in jobs.items():
        last = len(project.sessions(f"cut-{name}"))
        assert last == KILLS_PER_JOB + 1
        assert project.digest(f"cut-{name}", last) == project.digest(f"whole-{name}", 1), name
        assert project.adopted(f"cut-{name}", last).resume == ResumeVerdict(exact=True)
        cut, whole = (stitched(project.runs, f"{way}-{name}") for way in ("cut", "whole"))
        assert cut.stretches[-1].ends == whole.stretches[-1].ends
        assert untimed(cut, job["algorithm"]) == untimed(whole, job["algorithm"]) != []
