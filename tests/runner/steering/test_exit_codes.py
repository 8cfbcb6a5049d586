"""Which of two ways to end is the worse."""

from __future__ import annotations

import pytest

from runner.steering.exit_codes import DONE, ERROR, FAILED, UNDER_WAY, worst


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((), DONE),
        ((DONE, UNDER_WAY), UNDER_WAY),
        ((UNDER_WAY, FAILED, DONE), FAILED),
        ((FAILED, UNDER_WAY, ERROR), ERROR),
    ],
)
def test_what_needs_a_person_is_worse_than_what_goes_on(codes: tuple[int, ...], expected: int) -> None:
    assert worst(*codes) == expected
