"""What a session prints for the runner: one event to a line, as `@relay <event> <JSON>`."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

MARK = "@relay "


@dataclass(frozen=True)
class Event:
    """Something that happened in a session: `started`, `progress`, `checkpoint`, `evaluation` or `ended`."""

    name: str
    values: dict[str, Any]


def emit(name: str, **values: Any) -> None:
    """Print an event at once; whoever reads the session's log sees it as it happens."""
    sys.stdout.write(f"{MARK}{name} {json.dumps(values, ensure_ascii=False)}\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a line for people at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def parse_event(line: str) -> Event | None:
    """The event that `line` states, or None for any other line: logs hold whatever programs print."""
    if not line.startswith(MARK):
        return None
    name, _, text = line.removeprefix(MARK).partition(" ")
    try:
        values = json.loads(text)
    except ValueError:
        return None
    return Event(name, values) if isinstance(values, dict) else None
