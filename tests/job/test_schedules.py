"""Numbers that change over a training."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.schedules import parse_schedule


@pytest.mark.parametrize(
    ("text", "initial"),
    [("linear_0.0003", 0.0003), ("linear_3e-4", 0.0003), ("lin_3e-4", 0.0003), ("linear_0", 0.0)],
)
def test_a_schedule_is_read(text: str, initial: float) -> None:
    schedule = parse_schedule(text)
    assert callable(schedule)
    assert schedule(1.0) == initial


def test_a_constant_schedule_is_its_number() -> None:
    assert parse_schedule("constant_0.2") == 0.2


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


@given(st.floats(min_value=0, max_value=1e6), st.floats(min_value=0, max_value=1))
def test_a_linear_schedule_is_its_number_times_what_is_left(initial: float, left: float) -> None:
    schedule = parse_schedule(f"linear_{initial!r}")
    assert callable(schedule)
    assert schedule(left) == left * initial


@given(st.floats(min_value=0, max_value=1e6), st.sampled_from(["linear", "lin", "constant"]))
def test_a_schedule_survives_a_checkpoint_which_needs_nothing_of_ours(initial: float, prefix: str) -> None:
    pickled = pickle.dumps(parse_schedule(f"{prefix}_{initial!r}"))
    assert b"job" not in pickled
    restored = pickle.loads(pickled)  # noqa: S301 - this is how checkpoints hold schedules
    assert (restored(1.0) if callable(restored) else restored) == initial
