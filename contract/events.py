"""What a session prints for the runner: one event to a line, as `@relay <event> <JSON>`.

Whatever an environment or a library prints stands in the same log, and may look like an event or stand before one.
"""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from contract.plain_text import encodable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MARK = "@relay "
_LARGEST_COUNT = 1 << 63


class Event(NamedTuple):
    """Something that happened in a session: `started`, `progress`, `checkpoint`, `evaluation` or `ended`."""

    name: str
    values: dict[str, Any]


def emit(name: str, **values: Any) -> None:
    """Print an event at once; whoever reads the session's log sees it as it happens."""
    line = f"{MARK}{name} {json.dumps(values, ensure_ascii=False)}"
    if encodable(line, sys.stdout) != line:
        line = f"{MARK}{name} {json.dumps(values)}"
    say(line)


def say(text: str) -> None:
    """Print a line for people at once; a character that the stream cannot take is spelled out."""
    sys.stdout.write(f"{encodable(text, sys.stdout)}\n")
    sys.stdout.flush()


def split_event(line: str) -> tuple[str, Event | None]:
    """What stands before the event that ends `line`, and the event; the whole line and None where there is none.

    A program that ends no line of its own leaves its words before an event.
    """
    begin = line.find(MARK)
    while begin >= 0:
        if (event := parse_event(line[begin:])) is not None:
            return line[:begin], event
        begin = line.find(MARK, begin + 1)
    return line, None


def parse_event(line: str) -> Event | None:
    """The event that `line` states, or None for any other line: logs hold whatever programs print."""
    if not line.startswith(MARK):
        return None
    name, _, text = line.removeprefix(MARK).partition(" ")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return Event(name, values) if isinstance(values, dict) and _fits(name, values) else None


def _fits(name: str, values: Mapping[str, Any]) -> bool:
    """Whether an event has what those who show it go by; of names that are not known nobody shows anything."""
    needed, optional = _FIELDS.get(name, ({}, {}))
    return all(check(values.get(field)) for field, check in needed.items()) and all(
        values.get(field) is None or check(values[field]) for field, check in optional.items()
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST_COUNT


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < _LARGEST_COUNT)


def _is_speed(value: object) -> bool:
    return isinstance(value, float | int) and _is_number(value) and math.isfinite(value) and value >= 0


_Checks = dict[str, "Callable[[object], bool]"]
_FIELDS: dict[str, tuple[_Checks, _Checks]] = {
    "started": ({"timesteps": _is_count, "goal": _is_count}, {}),
    "progress": (
        {"timesteps": _is_count, "goal": _is_count},
        {"steps_per_second": _is_speed, "mean_reward": _is_number},
    ),
    "checkpoint": ({"file": lambda value: isinstance(value, str), "bytes": _is_count}, {}),
    "evaluation": (
        {"timesteps": _is_count, "mean_reward": _is_number, "improved": lambda value: isinstance(value, bool)},
        {},
    ),
}
"""For each event the values that it must have, and those that it may have."""
