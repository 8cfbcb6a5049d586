"""Two commands on one job: the second says who holds it, and ends."""

from __future__ import annotations

from tests.project import PATIENCE_SECONDS, Project, cart_pole

UNHURRIED = """
import time

import gymnasium as gym
from gymnasium.envs.classic_control.cartpole import CartPoleEnv


class Unhurried(CartPoleEnv):
    def step(self, action):
        time.sleep(0.002)
        return super().step(action)


gym.register("Unhurried-v0", entry_point=Unhurried)
"""
"""Leaves the cores to the commands meanwhile."""


def test_the_second_command_names_the_first_and_a_cancelled_session_keeps_what_it_learned(project: Project) -> None:
    (project.root / "lab").mkdir()
    (project.root / "lab" / "__init__.py").write_text(UNHURRIED, encoding="utf-8")
    endless = {"total_timesteps": 1_000_000, "save_freq": 100_000}
    environment = {"id": "lab:Unhurried-v0", "n_envs": 2}
    project.write_jobs(cart=cart_pole(env=environment, sources=["lab"], **endless), other=cart_pole())
    first = project.start("resume:cart")
    assert first.stdout is not None
    while "training from" not in first.stdout.readline():
        pass
    refused = project.doit("run_full:cart", expect=1)
    assert f"job cart: is held by process {first.pid} on " in refused
    assert "`doit resume:cart`" in refused
    assert "session 0001 reached 64 of 64 timesteps" in project.doit("run_quick:other")
    assert "cart: run_full attaches to session 0001" in project.doit("plan:cart")
    assert "session 0001 was asked to stop" in project.doit("cancel:cart")
    output, _ = first.communicate(timeout=PATIENCE_SECONDS)
    assert first.returncode == 1, output
    assert "cart: session 0001 reached " in output
    assert "and ended: SIGTERM" in output or "and ended: asked to stop" in output
    assert len(project.sessions("cart")) == 1
    assert project.adopted("cart", 1).timesteps > 0
    assert project.adopted("cart", 1).resume.exact
