"""Durations, and sizes as Docker's command line writes them."""

from __future__ import annotations

import pytest

from job.notation import LARGEST_SIZE, LONGEST_DURATION, parse_duration, parse_size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("8h45m", 31_500), ("8h 45m", 31_500), ("90s", 90), ("1h", 3600), ("2m30s", 150), (90, 90), (0.5, 0.5)],
)
def test_a_duration_is_read(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "1 day", "8:45", "90", "h", "-1h", "0s", "1m1h", "9" * 5000 + "h"),
        *(0, -1, LONGEST_DURATION + 1, 10**400, float("nan"), float("inf"), True, None, []),
    ],
)
def test_what_is_no_duration_is_refused_with_examples(written: object) -> None:
    with pytest.raises(ValueError, match=r"^must be a duration such as 8h45m, 90s or a number of seconds above 0$"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("8g", 8 << 30),
        ("512m", 512 << 20),
        ("64K", 64 << 10),
        ("1.5GiB", 3 << 29),
        ("2 t".replace(" ", ""), 2 << 40),
        ("100b", 100),
        ("100", 100),
        (1e6, 1_000_000),
        (1 << 20, 1 << 20),
        (" 8gb ", 8 << 30),
    ],
)
def test_sizes_are_read(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize(
    "written",
    ["", "g", "8x", "-8g", "8 g", "0", "1e3g", 0, -1, True, None, [8], LARGEST_SIZE + 1, float("nan"), "9" * 16],
)
def test_what_is_no_size_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="must be a size such as 8g, 512m or a number of bytes above 0"):
        parse_size(written)
