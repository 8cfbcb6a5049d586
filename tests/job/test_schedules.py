"""Numbers that change over a training."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.schedules import ConstantSchedule, LinearSchedule, parse_schedule


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("linear_0.0003", LinearSchedule(0.0003)),
        ("linear_3e-4", LinearSchedule(0.0003)),
        ("lin_3e-4", LinearSchedule(0.0003)),
        ("constant_0.2", ConstantSchedule(0.2)),
        ("linear_0", LinearSchedule(0.0)),
    ],
)
def test_a_schedule_is_read(text: str, schedule: object) -> None:
    assert parse_schedule(text) == schedule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "linear",
        "linear_",
        "linear_-1",
        "linear_nan",
        "linear_inf",
        "linear_1_2_x",
        "cosine_1",
        "0.1",
        "linear_1e999",
    ],
)
def test_what_is_no_schedule_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a number, or a schedule such as linear_0\.0003$"):
        parse_schedule(text)


@pytest.mark.parametrize(("left", "linear"), [(1.0, 0.4), (0.5, 0.2), (0.0, 0.0)])
def test_a_linear_schedule_ends_at_zero_and_a_constant_one_never_moves(left: float, linear: float) -> None:
    assert LinearSchedule(0.4)(left) == pytest.approx(linear)
    assert ConstantSchedule(0.4)(left) == 0.4


@given(st.floats(min_value=0, max_value=1e6), st.sampled_from(["linear", "lin", "constant"]))
def test_a_schedule_survives_a_checkpoint(initial: float, prefix: str) -> None:
    schedule = parse_schedule(f"{prefix}_{initial!r}")
    restored = pickle.loads(pickle.dumps(schedule))  # noqa: S301 - this is how checkpoints hold schedules
    assert restored == schedule
    assert restored(1.0) == initial
