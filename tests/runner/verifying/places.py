"""A project whose job has three sessions, with a replay buffer and evaluations, to be broken in a copy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from runner.commands.mending.repair import repair
from runner.commands.mending.verify import all_checks
from runner.layout import RunsFolder, SessionFolder
from runner.lock import held
from runner.stages import wiring
from runner.verifying.findings import Finding, Kind, Level
from runner.verifying.loading import Answer
from runner.verifying.store import Reading
from runner.workspace import Workspace
from tests.project import ROOT
from tests.runner.conftest import FITS, write_jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

JOB = "walk"
LAB = """
import gymnasium as gym
import numpy as np


class Walk(gym.Env):
    observation_space = gym.spaces.Box(-9.0, 9.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = float(self.np_random.integers(-2, 3))
        return self.seen(), {}

    def step(self, action):
        self.place += 1.0 if action else -1.0
        return self.seen(), -abs(self.place), abs(self.place) >= 6, False, {}

    def seen(self):
        return np.array([self.place], np.float32)


gym.register("Walk-v0", Walk, max_episode_steps=20)
"""
GOALS = (64, 128, 192)


def walking(**changes: Any) -> dict[str, Any]:
    """A job with all that a session can leave: two checkpoints, a replay buffer, a best and a final model."""
    job: dict[str, Any] = {
        "env": {"id": "lab:Walk-v0", "n_envs": 2},
        "algorithm": "DQN",
        "sources": ["lab"],
        "hyperparameters": {
            "buffer_size": 400,
            "learning_starts": 20,
            "batch_size": 8,
            "train_freq": 4,
            "policy_kwargs": {"net_arch": [8]},
        },
        "total_timesteps": GOALS[-1],
        "save_freq": 32,
        "seed": 3,
        "eval": {"frequency": 64, "episodes": 1},
    }
    return job | changes


def trained(root: Path) -> None:
    """Make the project and run its three sessions, by a process that ends with those that it starts."""
    subprocess.run(
        [sys.executable, "-m", "tests.runner.verifying.places", str(root)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def train(root: Path) -> None:
    """Make the project, and run its sessions stage by stage, each in a process of its own."""
    (root / "lab").mkdir(parents=True)
    (root / "lab" / "__init__.py").write_text(LAB, encoding="utf-8")
    for name in ("dodo.py", "pyproject.toml"):
        shutil.copyfile(ROOT / name, root / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runner.preflight.trial.try_job", lambda *_job: FITS)  # `tests/runner/preflight` has real ones
        for goal in GOALS:
            write_jobs(root, walk=walking(total_timesteps=goal))
            workspace = Workspace(root)
            (live,) = workspace.live_sessions(workspace.plan(JOB, "full"))
            for stage in (wiring.package, wiring.execute, wiring.download, wiring.validate, wiring.restore):
                stage(workspace, live)
            workspace.remember()


class LoadsAll:
    """Loads nothing, and says that all is well: `test_loading` loads really."""

    def load(self, root: Path, models: Sequence[Path]) -> list[Answer]:
        del root
        return [Answer(str(each)) for each in models]

    def devices(self) -> list[Answer]:
        return [Answer("cpu")]


@dataclass
class Place:
    """A copy of the project.

    Args:
        root: its folder.
    """

    root: Path

    @property
    def runs(self) -> RunsFolder:
        return RunsFolder(self.root)

    def session(self, number: int) -> SessionFolder:
        return self.runs.session(JOB, number)

    def checkpoint(self, number: int, timesteps: int) -> Path:
        return self.session(number).artifacts / "checkpoints" / f"{JOB}_checkpoint_{timesteps}_steps.zip"

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root)

    @property
    def jobs_file(self) -> Path:
        return self.root / "jobs.yaml"

    def jobs(self) -> dict[str, Any]:
        values: dict[str, Any] = yaml.safe_load(self.jobs_file.read_text(encoding="utf-8"))
        return values

    def verified(self, *kinds: Kind, reading: Reading | None = None) -> list[Finding]:
        """What `doit verify` finds."""
        checks = all_checks(self.workspace, [JOB], reading or Reading(), LoadsAll())
        return [finding for kind in kinds for finding in checks[kind]()]

    def repaired(self) -> None:
        """What `doit repair:walk` does, which holds the job meanwhile."""
        with held(self.runs, JOB, f"doit repair:{JOB}"):
            repair(self.workspace, [JOB])


def wrong(findings: Sequence[Finding]) -> list[Finding]:
    """Those that are to be mended."""
    return [each for each in findings if each.level in (Level.WARNING, Level.ISSUE)]


def flip(path: Path) -> None:
    """Turn one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    """Cut a file off in its middle."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


if __name__ == "__main__":
    train(Path(sys.argv[1]))
