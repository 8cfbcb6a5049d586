"""Our ARS learns what sb3_contrib's learns, and can be gone on from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import pytest
import sb3_contrib
import torch
from stable_baselines3.common.callbacks import BaseCallback

from job.schedules import parse_schedule
from trainer.algorithms.ars import ARS

if TYPE_CHECKING:
    from pathlib import Path

ARGUMENTS: dict[str, Any] = {
    "n_delta": 2,
    "learning_rate": parse_schedule("linear_0.5"),
    "delta_std": parse_schedule("linear_0.2"),
    "seed": 3,
    "device": "cpu",
}
GOAL = 400


class Rollouts(BaseCallback):
    """Notes torch's generator, the progress and the announcements at the start and end of rollouts."""

    def __init__(self) -> None:
        super().__init__()
        self.starts: list[bytes] = []
        self.ends: list[bytes] = []
        self.progress: list[tuple[float, float]] = []

    def _state(self) -> bytes:
        return torch.get_rng_state().numpy().tobytes()

    def _on_rollout_start(self) -> None:
        if len(self.starts) == len(self.ends):
            self.starts.append(self._state())
            remaining = self.model._current_progress_remaining  # noqa: SLF001 - what schedules are given
            self.progress.append((remaining, 1 - self.model.num_timesteps / self.model._total_timesteps))  # noqa: SLF001 - the goal of learn()

    def _on_rollout_end(self) -> None:
        self.ends.append(self._state())

    def _on_step(self) -> bool:
        return True


def learned(algorithm: type[sb3_contrib.ARS], policy: str, env: str) -> tuple[Any, Rollouts]:
    model, rollouts = algorithm(policy, gym.make(env, max_episode_steps=20), **ARGUMENTS), Rollouts()
    model.learn(GOAL, callback=rollouts)
    assert len(rollouts.ends) > 1
    return model, rollouts


@pytest.mark.parametrize(("policy", "env"), [("MlpPolicy", "CartPole-v1"), ("LinearPolicy", "Pendulum-v1")])
def test_an_uninterrupted_training_gives_the_weights_of_sb3_contrib(policy: str, env: str) -> None:
    ours, _ = learned(ARS, policy, env)
    theirs, _ = learned(sb3_contrib.ARS, policy, env)
    assert torch.equal(ours.weights, theirs.weights)
    assert ours.weights.any()
    assert ours.num_timesteps == theirs.num_timesteps


@pytest.mark.parametrize(("algorithm", "in_time"), [(ARS, True), (sb3_contrib.ARS, False)])
def test_a_rollout_is_announced_before_its_noise_is_drawn(algorithm: type[sb3_contrib.ARS], *, in_time: bool) -> None:
    _, rollouts = learned(algorithm, "MlpPolicy", "CartPole-v1")
    assert (rollouts.starts[1:] == rollouts.ends[:-1]) is in_time


@pytest.mark.parametrize(("algorithm", "right"), [(ARS, True), (sb3_contrib.ARS, False)])
def test_schedules_go_on_where_training_goes_on(algorithm: type[sb3_contrib.ARS], *, right: bool) -> None:
    model, _ = learned(algorithm, "MlpPolicy", "CartPole-v1")
    rollouts = Rollouts()
    model.learn(GOAL, callback=rollouts, reset_num_timesteps=False)
    assert all(remaining == pytest.approx(expected) for remaining, expected in rollouts.progress) is right


def test_sb3_contrib_opens_what_it_saves(tmp_path: Path) -> None:
    ours, _ = learned(ARS, "LinearPolicy", "Pendulum-v1")
    ours.save(tmp_path / "model.zip")
    theirs: Any = sb3_contrib.ARS.load(tmp_path / "model.zip")
    assert torch.equal(ours.weights, theirs.weights)
    assert all(torch.equal(*pair) for pair in zip(ours.policy.parameters(), theirs.policy.parameters(), strict=True))
