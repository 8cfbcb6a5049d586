"""Several seeds as one curve: beside rliable, whose method it is."""

from __future__ import annotations

import numpy as np
import pytest

from runner.report.aggregate import aggregate, estimate, interquartile_mean
from runner.report.series import Line

TEN_RUNS_OF_THREE_TASKS = np.array(
    [
        [1.691, 0.034, 1.033],
        [0.408, -0.289, 1.002],
        [-0.001, -1.255, 2.018],
        [0.6, -0.125, 0.828],
        [0.505, 0.239, 0.757],
        [-1.453, 1.055, 1.124],
        [0.274, -1.027, 2.651],
        [0.154, 0.113, 3.029],
        [-0.045, -0.951, 0.595],
        [-2.288, 1.549, 0.584],
    ]
)
FIVE_RUNS = np.array([[-0.743], [1.072], [-1.651], [0.535], [-2.064]])


@pytest.mark.parametrize(
    ("scores", "mean", "low", "high"),
    [
        # rliable 1.2.0, `get_interval_estimates` of `aggregate_iqm` with 50,000 resamples
        (TEN_RUNS_OF_THREE_TASKS, 0.4425, 0.1757, 0.7113),
        (FIVE_RUNS, -0.6196666666666667, -1.9263, 0.8930),
    ],
)
def test_the_interquartile_mean_and_its_interval_are_those_of_rliable(
    scores: np.ndarray, mean: float, low: float, high: float
) -> None:
    strata = [task for task in range(scores.shape[1]) for _ in range(len(scores))]
    found = estimate(scores.T.reshape(-1, 1), strata, resamples=50_000)
    assert found.mean[0] == pytest.approx(mean, abs=1e-12)
    assert found.low[0] == pytest.approx(low, abs=0.01)
    assert found.high[0] == pytest.approx(high, abs=0.01)


def test_a_quarter_of_the_runs_at_either_end_is_left_out() -> None:
    runs = np.array([[-1_000.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [900.0]])
    assert interquartile_mean(runs).tolist() == [3.5]


def test_runs_are_drawn_again_among_repetitions_of_the_same_only() -> None:
    runs = np.array([[0.0], [0.0], [10.0], [10.0]])
    apart = estimate(runs, ["one", "one", "other", "other"])
    mixed = estimate(runs, ["same"] * 4)
    assert (apart.low[0], apart.high[0]) == (5.0, 5.0)
    assert mixed.low[0] < 5.0 < mixed.high[0]


def test_runs_are_compared_where_all_of_them_have_come_past_and_between_measurements_on_a_straight_line() -> None:
    one = Line(np.array([0.0, 100.0, 200.0]), np.array([0.0, 10.0, 20.0]))
    other = Line(np.array([50.0, 150.0]), np.array([100.0, 300.0]))
    whole = aggregate([one, other], ["", ""])
    assert whole is not None
    assert whole.timesteps.tolist() == [50, 100, 150]
    assert whole.runs.tolist() == [[5, 10, 15], [100, 200, 300]]
    assert whole.estimate.mean.tolist() == [52.5, 105, 157.5]


def test_runs_with_no_timesteps_in_common_are_no_curve() -> None:
    early, late = Line(np.array([1.0, 2.0]), np.zeros(2)), Line(np.array([3.0, 4.0]), np.zeros(2))
    assert aggregate([early, late], ["", ""]) is None
    assert aggregate([early, Line(np.array([]), np.array([]))], ["", ""]) is None


def test_the_same_runs_give_the_same_interval() -> None:
    assert estimate(FIVE_RUNS, [""] * 5) == estimate(FIVE_RUNS, [""] * 5)
