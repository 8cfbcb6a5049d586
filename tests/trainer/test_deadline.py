"""When a session has to stop, as decisions over plain values."""

from __future__ import annotations

import pytest

from trainer.deadline import STOP_FILE, Asked, Pace, gives_rollout_up, is_out_of_time, reason_of


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


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (Asked(), None),
        (Asked(stop_file=True), STOP_FILE),
        (Asked(("SIGINT",)), "SIGINT"),
        (Asked(("SIGTERM", "SIGINT"), stop_file=True), "SIGTERM"),
    ],
)
def test_the_first_signal_is_the_reason(asked: Asked, reason: str | None) -> None:
    assert asked.reason == reason


def test_only_a_second_signal_gives_a_rollout_up() -> None:
    assert not gives_rollout_up(("SIGTERM",))
    assert gives_rollout_up(("SIGTERM", "SIGINT"))
    assert reason_of(("SIGTERM", "SIGINT")) == "SIGTERM, then SIGINT"
