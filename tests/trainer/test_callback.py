"""When a session saves and measures: at the first rollout boundary past each multiple of the frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from job.model import SAVE_FREQUENCIES, SAVE_FREQUENCY_OF_LONG_RUNS, parse_job
from tests.trainer.conftest import ROLLOUT, job_values
from trainer.callback import is_due

if TYPE_CHECKING:
    from tests.trainer.conftest import Relay


@pytest.mark.parametrize(
    ("now", "last", "frequency", "due"),
    [
        (99, 0, 100, False),
        (100, 0, 100, True),
        (101, 100, 100, False),
        (199, 100, 100, False),
        (200, 199, 100, True),
        (250, 150, 100, True),
        (1000, 100, 100, True),
        (1000, 0, 0, False),
    ],
)
def test_a_multiple_is_due_once(now: int, last: int, frequency: int, *, due: bool) -> None:
    assert is_due(now, last, frequency) is due


THRESHOLDS = [below for below, _ in SAVE_FREQUENCIES]
FREQUENCIES = [*(frequency for _, frequency in SAVE_FREQUENCIES), SAVE_FREQUENCY_OF_LONG_RUNS]


@pytest.mark.parametrize(
    ("threshold", "below", "above"), [*zip(THRESHOLDS, FREQUENCIES, FREQUENCIES[1:], strict=False)]
)
def test_auto_saves_more_often_in_shorter_runs(threshold: int, below: int, above: int) -> None:
    assert parse_job(job_values(total_timesteps=threshold - 1)).save_frequency == below
    assert parse_job(job_values(total_timesteps=threshold)).save_frequency == above


def saved_at(relay: Relay, **changes: object) -> list[int]:
    return [event["timesteps"] for event in relay.session(job_values(**changes)).events("checkpoint")]


@pytest.mark.parametrize(
    ("goal", "save_freq", "saved"),
    [
        (80, 16, [16, 32, 48, 64, 80]),
        (80, 32, [32, 64, 80]),
        (80, 20, [32, 48, 64, 80]),  # 20, 40, 60 and 80 lie in these rollouts
        (80, 7, [16, 32, 48, 64, 80]),
        (80, 1000, [80]),
        (81, "auto", [96]),
        (240, "auto", [112, 208, 240]),
    ],
)
def test_checkpoints_follow_the_multiples_of_save_freq(
    relay: Relay, goal: int, save_freq: int | str, saved: list[int]
) -> None:
    # The session prints the final model and the checkpoint at the goal one after the other.
    assert saved_at(relay, total_timesteps=goal, save_freq=save_freq) == [*saved, saved[-1]]


def test_parallel_environments_count_together(relay: Relay) -> None:
    env = {"id": "CartPole-v1", "n_envs": 4}
    assert saved_at(relay, env=env, total_timesteps=320, save_freq=100) == [128, 256, 320, 320]


def test_a_chain_saves_where_one_session_would(relay: Relay) -> None:
    job = job_values(save_freq=2 * ROLLOUT)
    first = relay.session(job, stop_after=1)
    assert [each["timesteps"] for each in first.events("checkpoint")] == [16]
    assert [each["timesteps"] for each in relay.session(job, first).events("checkpoint")] == [32, 64, 80, 80]


def test_the_policy_is_measured_at_multiples_and_at_the_end(relay: Relay) -> None:
    job = job_values(eval={"frequency": 2 * ROLLOUT, "episodes": 1})
    measured = [each["timesteps"] for each in relay.session(job).events("evaluation")]
    assert measured == [32, 64, 80]
    assert relay.session(job_values()).events("evaluation") == []


def test_an_evaluation_at_the_end_is_not_done_twice(relay: Relay) -> None:
    job = job_values(total_timesteps=2 * ROLLOUT, eval={"frequency": 2 * ROLLOUT, "episodes": 1})
    assert [each["timesteps"] for each in relay.session(job).events("evaluation")] == [32]


def test_progress_tells_where_the_session_stands(relay: Relay) -> None:
    ended = relay.session(job_values())
    first, last = ended.events("progress")[0], ended.events("progress")[-1]
    assert (first["timesteps"], first["goal"], first["episodes"]) == (0, 80, 0)
    assert last["timesteps"] == 80
    assert last["episodes"] == ended.metadata.episodes > 0
    assert last["mean_reward"] == ended.metadata.mean_reward
    assert last["steps_per_second"] > 0
    assert ended.events("started") == [{"session": "0001", "timesteps": 0, "goal": 80}]
