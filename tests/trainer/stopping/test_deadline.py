"""When a session runs out of its time, as a decision over plain values."""

from __future__ import annotations

import pytest

from trainer.stopping.deadline import Pace, is_out_of_time


@pytest.mark.parametrize(
    ("elapsed", "limit", "rollout", "copy", "write", "stop"),
    [
        (0, 3600, 1, 1, 0, False),
        (3561, 3600, 2, 1, 0, False),
        (3562, 3600, 2, 1, 0, True),  # 36 s of margin: one per cent
        (3561, 3600, 3, 1, 0, True),
        (3561, 3600, 2, 2, 0, True),
        (3559, 3600, 2, 1, 1, False),
        (3560, 3600, 2, 1, 1, True),  # one write may still be under way when the last checkpoint is copied
        (8.8, 10, 0.1, 0.05, 0, False),  # a second of margin at least
        (9.0, 10, 0.05, 0.05, 0, True),
        (0, 0.5, 0, 0, 0, True),
    ],
)
def test_one_more_rollout_and_a_save_must_fit(
    elapsed: float, limit: float, rollout: float, copy: float, write: float, *, stop: bool
) -> None:
    assert is_out_of_time(elapsed, limit, rollout, Pace(copy=copy, write=write)) is stop


def test_the_pace_is_that_of_the_slowest() -> None:
    pace = Pace()
    for seconds in (1.0, 3.0, 2.0):
        pace.note("rollout", seconds)
    assert (pace.rollout, pace.evaluation) == (3.0, 0.0)
