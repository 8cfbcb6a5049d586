"""What the sessions of a lineage measured is one curve, whatever was cut off, redone or left: no gap, no repeat."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

if sys.platform == "win32":
    pytest.skip("Windows has neither SIGKILL nor processes that fork", allow_module_level=True)

from signal import SIGTERM

from runner.curve.measurements import Curve
from runner.curve.stitching import stitched
from tests.scenarios.kills import Lineage, server_of_sessions
from tests.scenarios.kills_child import SIGKILL, Blow
from tests.scenarios.kills_jobs import JOBS, SEGMENT_BYTES, job_values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOAL = 128


@pytest.fixture(scope="module", autouse=True)
def _forks() -> Iterator[None]:
    with server_of_sessions():
        yield


def curve_of(lineage: Lineage) -> Curve:
    return stitched(lineage.runs, lineage.job.name)


def measured(curve: Curve) -> list[tuple[int, str, float]]:
    """All that does not depend on the speed of the machine."""
    return [(each.timesteps, each.key, each.value) for each in curve.measurements if not each.key.startswith("time/")]


def check_seams(curve: Curve) -> None:
    """No gap, no timesteps twice."""
    assert curve.stretches[0].begins == 0
    assert all(one.ends == next_one.begins for one, next_one in pairwise(curve.stretches))
    assert [each.session for each in curve.stretches] == sorted({each.session for each in curve.stretches})
    for key in curve.keys:
        steps = [each.timesteps for each in curve.series(key)]
        assert steps == sorted(set(steps))
    parts = {each.session: each for each in curve.stretches}
    for each in curve.measurements:
        assert parts[each.session].begins <= each.timesteps <= parts[each.session].ends


SHARE = ("ppo-normalized", "dqn")
OTHERS = [
    pytest.param(name, marks=pytest.mark.long("two algorithms are held against the uninterrupted run without"))
    for name in JOBS
    if name not in (*SHARE, "a2c-gsde", "ppo-own")
]
"""A2C's logger dumps every hundredth rollout of a session: elsewhere in a lineage that was cut."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SHARE, *OTHERS])
def test_cuts_a_redo_and_a_fallback_give_the_curve_of_the_uninterrupted_run(tmp_path: Path, name: str) -> None:
    whole = Lineage(tmp_path / "whole", job_values(name), SEGMENT_BYTES)
    assert whole.session().code == 0
    expected = measured(curve_of(whole))
    assert {key.partition("/")[0] for _, key, _ in expected} >= {"rollout", "train", "episode"}
    assert max(timesteps for timesteps, _, _ in expected) >= 0.8 * GOAL

    lineage = Lineage(tmp_path / "cut", job_values(name), SEGMENT_BYTES)
    steps_of_a_rollout = lineage.job.total_timesteps // 4 // lineage.job.env.n_envs
    if name == "ars-normalized":
        steps_of_a_rollout *= 2  # so that there is a checkpoint to go on from
    killed = lineage.session(Blow("step", steps_of_a_rollout + 11, (SIGKILL,)))  # it measured beyond its checkpoint
    assert killed.code == -SIGKILL
    lineage.session(Blow("step", 9, (SIGTERM,)))
    lineage.redo()
    lineage.session(Blow("step", 2 * steps_of_a_rollout + 1, (SIGTERM,)))
    fell_back = lineage.fall_back()
    assert lineage.session().code == 0
    curve = curve_of(lineage)
    check_seams(curve)
    assert 2 not in {each.session for each in curve.stretches}, "what was redone is in it"
    assert measured(curve) == expected
    assert fell_back
    assert curve.notes == ()


def test_a_lineage_without_sessions_is_an_empty_curve(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path / "none", job_values("dqn"), SEGMENT_BYTES)
    assert curve_of(lineage) == Curve(lineage.job.name, 1, (), ())
