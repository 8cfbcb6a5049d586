"""A session that has a parent goes on from it and proves that it did, or fails."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from contract.storage import files, layout
from tests.trainer.conftest import ROLLOUT, job_values, record_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trainer.conftest import Ended, Relay

REPLAY = {"buffer_size": 100, "learning_starts": 30, "batch_size": 8, "policy_kwargs": {"net_arch": [8]}}
DQN = {"algorithm": "DQN", "hyperparameters": REPLAY}
GOAL = 6 * ROLLOUT


@pytest.fixture(params=["PPO", "DQN"])
def algorithm(request: pytest.FixtureRequest) -> dict[str, Any]:
    return DQN if request.param == "DQN" else {}


def first_session(relay: Relay, algorithm: dict[str, Any]) -> Ended:
    return relay.session(job_values(**algorithm, total_timesteps=GOAL))


def test_the_metadata_and_the_log_prove_it(relay: Relay, algorithm: dict[str, Any]) -> None:
    first = first_session(relay, algorithm)
    assert first.metadata.resumed is None
    second = relay.session(job_values(**algorithm, total_timesteps=2 * GOAL), first)
    proof = second.metadata.resumed
    assert proof is not None
    assert proof.parent == second.metadata.request.parent
    assert proof.parent.sha256 == files.sha256_of_file(first.latest)
    assert proof.parent.timesteps == second.metadata.timesteps_at_start == GOAL
    assert proof.mean_reward == record_of(first.latest).mean_reward is not None
    assert proof.first_rollout_mean_reward is not None
    said = f"timesteps (exact) from session 0001, sha256 {proof.parent.sha256}"
    assert f"[CHECKPOINT] Resumed at {GOAL} {said}" in second.log
    compared = f"first rollout: {proof.first_rollout_mean_reward:.2f}, of the parent's last: {proof.mean_reward:.2f}"
    assert f"[CHECKPOINT] Mean reward of the {compared}" in second.log
    assert second.metadata.resume.exact


def test_the_first_mean_reward_is_that_of_episodes_of_its_own(relay: Relay) -> None:
    # Pendulum costs between 0 and 16.3 a step, so an episode of 20 steps costs some 20 times one of a single step.
    short, long = ({"id": "Pendulum-v1", "kwargs": {"max_episode_steps": steps}} for steps in (1, 16))
    first = relay.session(job_values(env=short, total_timesteps=20 * ROLLOUT))
    second = relay.session(job_values(env=long, total_timesteps=23 * ROLLOUT), first)
    proof = second.metadata.resumed
    assert proof is not None
    assert proof.first_rollout_mean_reward is not None
    assert proof.mean_reward is not None
    assert proof.first_rollout_mean_reward < 4 * proof.mean_reward < 0


def damaged(relay: Relay, algorithm: dict[str, Any], damage: str) -> Path:
    """The input of a session that goes on from a parent to which something has happened."""
    folder = relay.input_after(job_values(**algorithm, total_timesteps=2 * GOAL), first_session(relay, algorithm))
    parent = folder / layout.PARENT_CHECKPOINT
    if damage == "missing":
        parent.unlink()
    elif damage == "another":
        shutil.copyfile(first_session(relay, algorithm | {"seed": 9}).latest, parent)
    elif damage == "changed":
        content = bytearray(parent.read_bytes())
        content[len(content) // 2] ^= 1
        parent.write_bytes(content)
    elif damage == "segment missing":
        next((folder / layout.REPLAY_FOLDER).iterdir()).unlink()
    elif damage == "segment changed":
        segment = next((folder / layout.REPLAY_FOLDER).iterdir())
        segment.write_bytes(b"\0" * segment.stat().st_size)
    return folder


@pytest.mark.parametrize("damage", ["missing", "another", "changed"])
def test_a_parent_that_is_not_the_one_asked_for_ends_the_session(
    relay: Relay, algorithm: dict[str, Any], damage: str
) -> None:
    ended = relay.run(damaged(relay, algorithm, damage))
    assert (ended.code, ended.steps) == (1, [])
    assert "parent_checkpoint.bundle" in str(ended.metadata.error)
    assert ended.metadata.resumed is None
    assert "@relay started" not in ended.log


@pytest.mark.parametrize("damage", ["segment missing", "segment changed"])
def test_a_replay_buffer_that_is_not_whole_ends_the_session(relay: Relay, damage: str) -> None:
    ended = relay.run(damaged(relay, DQN, damage))
    assert (ended.code, ended.steps) == (1, [])
    assert "@relay started" not in ended.log


def test_a_parent_with_a_buffer_of_another_size_is_refused(relay: Relay) -> None:
    first = first_session(relay, DQN)
    larger = {**DQN, "hyperparameters": {**REPLAY, "buffer_size": 101}}
    ended = relay.session(job_values(**larger, total_timesteps=2 * GOAL), first)
    assert (ended.code, ended.steps) == (1, [])
    assert "ReplayBuffer of 100 rows, and the job's is a ReplayBuffer of 101" in str(ended.metadata.error)


def test_other_environments_end_the_episodes_in_the_buffer(relay: Relay) -> None:
    frugal = {"optimize_memory_usage": True, "replay_buffer_kwargs": {"handle_timeout_termination": False}}
    job = {"algorithm": "DQN", "hyperparameters": {**REPLAY, **frugal}}
    first = relay.session(job_values(**job, total_timesteps=GOAL))
    shorter = {"id": "CartPole-v1", "kwargs": {"max_episode_steps": 40}}
    second = relay.session(job_values(**job, env=shorter, total_timesteps=2 * GOAL), first)
    assert second.code == 0
    assert not second.metadata.resume.exact
    assert any("episodes start anew" in reason for reason in second.metadata.resume.reasons)
    third = relay.session(job_values(**job, env=shorter, total_timesteps=3 * GOAL), second)
    assert third.code == 0
