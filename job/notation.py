"""Notation of quantities in a job: durations such as `8h45m`, and sizes such as `8g` as Docker has them."""

from __future__ import annotations

import re

LONGEST_DURATION = 366 * 24 * 3600
LARGEST_SIZE = 1 << 50

_DURATION = re.compile(r"(?:(?P<h>[0-9]{1,9})h)?(?:(?P<m>[0-9]{1,9})m)?(?:(?P<s>[0-9]{1,9})s)?")
_SIZE = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?)(?P<unit>[bkmgt]?)(?:i?b)?")
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def parse_duration(value: object) -> float:
    """Seconds of a duration such as `8h45m`, `90s` or a plain number of seconds.

    Raises:
        ValueError: it is not a duration, or not a positive one, or more than a year.
    """
    if isinstance(value, str) and value and (match := _DURATION.fullmatch(value.replace(" ", ""))):
        hours, minutes, seconds = (int(part or 0) for part in match.group("h", "m", "s"))
        value = 3600 * hours + 60 * minutes + seconds
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_DURATION:
        raise ValueError("must be a duration such as 8h45m, 90s or a number of seconds above 0")
    return float(value)


def parse_size(value: object) -> int:
    """Bytes of a size such as `8g`, `512m`, `1.5GiB` or a plain number of bytes; each unit is 1,024 of the one below.

    Raises:
        ValueError: it is not a size, or not one above 0, or more than a pebibyte.
    """
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip().lower())):
        value = float(match["number"]) * _UNITS[match["unit"]]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= LARGEST_SIZE:
        raise ValueError("must be a size such as 8g, 512m or a number of bytes above 0")
    return int(value)
