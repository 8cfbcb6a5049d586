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
from tests.project import Project, cart_pole

if TYPE_CHECKING:
    from pathlib import Path

    from runner.curve.measurements import Curve

KILLS_PER_JOB = 2


def every_configuration() -> dict[str, dict[str, Any]]:
    """PPO and A2C, one and four environments, VecNormalize on and off."""
    hyperparameters = {"PPO": {"n_steps": 32, "batch_size": 32, "n_epochs": 2}, "A2C": {"n_steps": 16}}
    jobs = {}
    for algorithm, n_envs, wrapper in itertools.product(("PPO", "A2C"), (1, 4), (None, "VecNormalize")):
        name = f"{algorithm}-{n_envs}-{'normalized' if wrapper else 'plain'}".lower()
        jobs[name] = cart_pole(
            env={"id": "CartPole-v1", "n_envs": n_envs, "wrapper": wrapper},
            algorithm=algorithm,
            hyperparameters={**hyperparameters[algorithm], "policy_kwargs": {"net_arch": [8]}},
            total_timesteps=8_192,  # a kill that comes late on a busy machine still comes before the end
            save_freq=512,
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


def untimed(curve: Curve) -> list[tuple[int, str, float]]:
    """What was measured but for how fast it went."""
    return [(each.timesteps, each.key, each.value) for each in curve.measurements if not each.key.startswith("time/")]


def enough_configurations() -> dict[str, dict[str, Any]]:
    """The one with the most in it; `tests/scenarios/test_kills.py` has many more kills and the other algorithms."""
    name = "ppo-4-normalized"
    return {name: every_configuration()[name]}


@pytest.mark.slow
def test_two_sigkills_and_resume_give_the_tensors_of_the_uninterrupted_run(
    project: Project, request: pytest.FixtureRequest
) -> None:
    jobs = every_configuration() if request.config.getoption("--long") else enough_configurations()
    assert len(jobs) in (1, 8)
    project.write_jobs(**{f"whole-{name}": job for name, job in jobs.items()})
    project.doit("-n", "2", "run_full")

    project.write_jobs(**{f"cut-{name}": job for name, job in jobs.items()})
    killer = Killer(project.runs.backend("local"), seed=len(jobs))
    killer.start()
    project.doit("-n", "2", "resume")
    killer.done.set()

    assert killer.kills == {f"cut-{name}": KILLS_PER_JOB for name in jobs}
    for name in jobs:
        last = len(project.sessions(f"cut-{name}"))
        assert last == KILLS_PER_JOB + 1
        assert project.digest(f"cut-{name}", last) == project.digest(f"whole-{name}", 1), name
        assert project.adopted(f"cut-{name}", last).resume == ResumeVerdict(exact=True)
        cut, whole = (stitched(project.runs, f"{way}-{name}") for way in ("cut", "whole"))
        assert cut.stretches[-1].ends == whole.stretches[-1].ends
        assert untimed(cut) == untimed(whole) != []
