"""Notation of sizes in a job, such as `8g`: as Docker's command line writes them."""

from __future__ import annotations

import re

LARGEST_SIZE = 1 << 50

_SIZE = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?)(?P<unit>[bkmgt]?)(?:i?b)?")
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


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
