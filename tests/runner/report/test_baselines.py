"""Baselines of an environment in a package of the user's: measured once, and remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runner.preflight import trial
from runner.report.baselines import job_baselines
from runner.report.values import Baseline
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import write_jobs

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
import gymnasium as gym
from gymnasium.envs.classic_control import CartPoleEnv


class Pole(CartPoleEnv):
    def baselines(self):
        return {"lean after it": lambda: lambda observation: int(observation[2] > 0)}


gym.register("Pole-v0", Pole, max_episode_steps=60)
"""


def test_they_are_played_in_a_process_of_their_own_once_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "__init__.py").write_text(OWN, encoding="utf-8")
    job = cart_pole(env={"id": "lab:Pole-v0"}, sources=["lab"], eval={"frequency": 64, "episodes": 4})
    write_jobs(tmp_path, cart=job)
    (baseline,) = job_baselines(Workspace(tmp_path), "cart")
    assert baseline.name == "lean after it"
    assert 20 < baseline.mean_return <= 60
    monkeypatch.setattr(trial, "measure_baselines", lambda *_: pytest.fail("it was played again"))
    assert job_baselines(Workspace(tmp_path), "cart") == (baseline,)


@pytest.mark.parametrize(
    "changes", [{"env": {"id": "CartPole-v1"}}, {"env": {"id": "lab:Pole-v0"}, "eval": {"frequency": 0}}]
)
def test_nothing_is_started_for_gymnasiums_own_nor_where_nothing_is_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    write_jobs(tmp_path, cart=cart_pole(**changes))
    monkeypatch.setattr(trial, "measure_baselines", lambda *_: pytest.fail("it was started"))
    assert job_baselines(Workspace(tmp_path), "cart") == tuple[Baseline, ...]()
