from __future__ import annotations

import numpy as np

from trainer.envs.traffic_light.network import LANE_GROUPS, PHASES, SERVED
from trainer.envs.traffic_light.signal import Signal

SECONDS = 5


def seconds_of_green(green: np.ndarray) -> list[int]:
    return [int(seconds) for seconds in green.any(axis=2).sum(axis=0)]


def test_the_phases_serve_every_lane_group_exactly_once() -> None:
    assert SERVED.shape == (len(PHASES), len(LANE_GROUPS))
    assert (SERVED.sum(axis=0) == 1).all()


def test_the_first_phase_is_green_from_the_start() -> None:
    green = Signal(1, min_green=5, yellow=3).advance(np.array([0]), SECONDS)
    assert (green == SERVED[0]).all()


def test_a_change_before_the_minimum_green_is_ignored() -> None:
    signal = Signal(2, min_green=6, yellow=3)
    signal.advance(np.array([2, 2]), SECONDS)
    assert signal.phase.tolist() == [0, 0]
    assert signal.may_change.tolist() == [False, False]
    signal.advance(np.array([2, 0]), SECONDS)
    assert signal.green_elapsed.tolist() == [10, 10]
    signal.advance(np.array([2, 0]), SECONDS)
    assert signal.phase.tolist() == [2, 0]


def test_nobody_has_green_during_the_yellow() -> None:
    signal = Signal(2, min_green=1, yellow=3)
    signal.advance(np.array([0, 0]), SECONDS)
    green = signal.advance(np.array([1, 0]), SECONDS)
    assert seconds_of_green(green) == [2, 5]
    assert not green[:3, 0].any()
    assert (green[3:, 0] == SERVED[1]).all()
    assert signal.green_elapsed.tolist() == [2, 10]


def test_a_yellow_longer_than_a_decision_runs_on_and_allows_no_other_change() -> None:
    signal = Signal(1, min_green=1, yellow=7)
    signal.advance(np.array([0]), SECONDS)
    assert seconds_of_green(signal.advance(np.array([1]), SECONDS)) == [0]
    assert signal.yellow_left.tolist() == [2]
    assert seconds_of_green(signal.advance(np.array([3]), SECONDS)) == [3]
    assert signal.phase.tolist() == [1]


def test_without_yellow_a_change_costs_nothing() -> None:
    signal = Signal(1, min_green=1, yellow=0)
    signal.advance(np.array([0]), SECONDS)
    assert seconds_of_green(signal.advance(np.array([3]), SECONDS)) == [5]


def test_any_sequence_of_requests_obeys_minimum_green_and_yellow() -> None:
    rng = np.random.default_rng(0)
    signal = Signal(4, min_green=8, yellow=3)
    shown = np.concatenate([signal.advance(rng.integers(0, 4, size=4), SECONDS) for _ in range(200)])
    phases = np.where(shown.any(axis=2), (shown @ SERVED.T.astype(int)).argmax(axis=2), -1)
    for row in phases.T:
        changes = np.flatnonzero(np.diff(row)) + 1
        runs = [(run[0], len(run)) for run in np.split(row, changes)][:-1]
        assert {length for phase, length in runs if phase == -1} == {3}
        assert min(length for phase, length in runs if phase != -1) >= 8
