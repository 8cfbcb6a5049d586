"""SUMO's intersection: quiet, seeded, one in a process, and given back by SUMO's own saved states."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import pytest

import trainer.envs.sumo  # noqa: F401 - registers it
from contract.errors import InputError
from job.model import parse_job
from tests.trainer.conftest import ROLLOUT, job_values, outcome_of
from tests.trainer.environments.test_snapshot import play
from trainer.environments.making import make_training_envs
from trainer.environments.self_check import Resumption, check_environments
from trainer.environments.state.recorded_actions import record_actions
from trainer.environments.state.snapshot import SnapshotWrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.trainer.conftest import Relay

SUMO = "trainer.envs.sumo:SumoIntersection-v0"
NEEDS_SUMO = pytest.mark.skipif(
    any(importlib.util.find_spec(each) is None for each in ("sumo", "libsumo", "sumolib", "traci")),
    reason="SUMO is not installed: pip install .[sumo]",
)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def opened() -> Iterator[Callable[..., SnapshotWrapper]]:
    """`opened(record, **kwargs)`: an intersection; the one before it is closed, and the last after the test."""
    latest: list[SnapshotWrapper] = []

    def make(*, record: bool = False, seed: int = 0, **kwargs: Any) -> SnapshotWrapper:
        for each in latest:
            each.close()
        wrapper = SnapshotWrapper(gym.make(SUMO, num_seconds=300, **kwargs))
        latest[:] = [record_actions(wrapper) if record else wrapper]
        wrapper.reset(seed=seed)
        return wrapper

    yield make
    for each in latest:
        each.close()


@NEEDS_SUMO
@pytest.mark.parametrize("record", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 37, 90])
def test_the_future_is_the_same_from_the_snapshot_on(
    opened: Callable[..., SnapshotWrapper], steps: int, *, record: bool
) -> None:
    first = opened(record=record, seed=1)
    play(first, steps)
    snapshot = first.take_snapshot()
    future = play(first, 100)
    second = opened(record=record, seed=2)
    assert play(second, 100) != future
    second.restore_snapshot(snapshot)
    again = second.take_snapshot()
    assert play(second, 100) == future
    second.restore_snapshot(again)
    assert play(second, 100) == future


@NEEDS_SUMO
def test_traffic_follows_the_seed_and_differs_between_episodes(opened: Callable[..., SnapshotWrapper]) -> None:
    first = opened(seed=5)
    episodes = [play_out(first), play_out(first)]
    assert episodes[0] != episodes[1]
    second = opened(seed=5)
    assert [play_out(second), play_out(second)] == episodes
    assert play_out(opened(seed=6)) != episodes[0]


def play_out(env: SnapshotWrapper) -> list[float]:
    rewards, over = [], False
    while not over:
        _, reward, terminated, over, _ = env.step(0)
        assert not terminated
        rewards.append(float(reward))
    assert len(rewards) == 300 // 5
    env.reset()
    return rewards


@NEEDS_SUMO
def test_it_is_a_job_like_any_other_and_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    job = parse_job(job_values(env={"id": SUMO, "kwargs": {"num_seconds": 200, "reward_fn": "queue"}}))
    assert check_environments(job) == Resumption("state", ())
    venv = make_training_envs(job)
    venv.reset()
    venv.close()
    assert capfd.readouterr() == ("", "")


@NEEDS_SUMO
def test_a_second_one_in_a_process_is_refused_until_the_first_is_closed(opened: Callable[..., SnapshotWrapper]) -> None:
    first = opened()
    job = parse_job(job_values(env={"id": SUMO}))
    with pytest.raises(InputError) as caught:
        make_training_envs(job)
    assert str(caught.value).startswith(
        f"environment {SUMO}: cannot be made: SUMO runs one simulation in a process; write `vectorization: subproc`"
    )
    first.close()
    make_training_envs(job).close()


@NEEDS_SUMO
@pytest.mark.slow
def test_three_sessions_in_worker_processes_are_one_uninterrupted_training(relay: Relay) -> None:
    env = {"id": SUMO, "n_envs": 2, "vectorization": "subproc", "kwargs": {"num_seconds": 150}}
    evaluated = {"frequency": 4 * ROLLOUT, "episodes": 1}
    job = job_values(env=env, total_timesteps=10 * ROLLOUT, eval=evaluated)
    whole, chained = relay.session(job), relay.chain(job, 2, 1)
    assert chained.metadata.resume.exact, chained.metadata.resume.reasons
    assert outcome_of(chained.latest) == outcome_of(whole.latest)
    assert whole.metadata.episodes > 0


def test_without_sumo_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sumo", None)
    with pytest.raises(InputError) as caught:
        make_training_envs(parse_job(job_values(env={"id": SUMO})))
    assert "cannot be made: SUMO is not installed (" in str(caught.value)
    assert "run `pip install .[sumo]`" in str(caught.value)
