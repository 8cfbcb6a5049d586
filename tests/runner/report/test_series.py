"""Lines of few points that look as those of many."""

from __future__ import annotations

import numpy as np

from runner.report.series import MOST_POINTS, Line, measured_line, thinned
from runner.report.values import EVALUATED_RETURN
from tests.runner.report import examples


def test_the_line_of_a_key_has_what_was_measured_of_it_and_nothing_else() -> None:
    line = measured_line(examples.curve(sessions=2, rounds=4), EVALUATED_RETURN)
    assert line.timesteps.tolist() == [10_000, 20_000, 30_000, 40_000]
    assert len(measured_line(examples.curve(), "train/nothing")) == 0


def test_a_line_of_few_points_stays_as_it_is() -> None:
    line = Line(np.arange(MOST_POINTS, dtype=float), np.zeros(MOST_POINTS))
    assert thinned(line) is line


def test_a_line_of_many_points_keeps_every_peak_and_its_ends() -> None:
    values = np.random.default_rng(3).normal(size=50_000)
    values[31_415], values[9_265] = 40.0, -35.0
    line = thinned(Line(np.arange(50_000, dtype=float), values))
    assert len(line) <= MOST_POINTS
    assert (line.timesteps[0], line.timesteps[-1]) == (0, 49_999)
    assert np.all(np.diff(line.timesteps) > 0)
    assert line.timesteps[line.values.argmax()] == 31_415
    assert line.timesteps[line.values.argmin()] == 9_265
