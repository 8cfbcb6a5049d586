"""Jobs whose sessions last until a cluster cuts them off, and how the tests wait for them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from contract.documents.runs import Package
from tests.project import PATIENCE_SECONDS, cart_pole

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.project import Project

SLOW_STEPS = """
import time
import gymnasium as gym
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

class Slow(CartPoleEnv):
    def step(self, action):
        time.sleep({seconds})  # as a simulator takes its time: a session is to last until it is cut off
        return super().step(action)

gym.register("Slow-v0", entry_point=Slow, max_episode_steps=500)
"""


def slow_cart(project: Project, seconds: float = 0.02, **changes: Any) -> dict[str, Any]:
    """A job whose sessions last for that long for each of its timesteps, or longer."""
    (project.root / "slow").mkdir(exist_ok=True)
    (project.root / "slow" / "__init__.py").write_text(SLOW_STEPS.format(seconds=seconds), encoding="utf-8")
    job = {"env": {"id": "slow:Slow-v0", "n_envs": 2}, "sources": ["slow"], "device": "cpu"}
    return cart_pole(**job | changes)


def eventually(holds: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def trains(project: Project, job: str, backend: str) -> bool:
    """Whether a session of a job has saved a checkpoint and is not over, as its sandbox says."""
    (folder,) = project.sessions(job)
    log = project.runs.backend(backend) / Package.read(folder.package_json).key[:16] / "log.txt"
    return log.exists() and b"@relay checkpoint" in log.read_bytes()
