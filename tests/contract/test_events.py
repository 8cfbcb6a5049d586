"""Lines that a session prints and the runner reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import events
from contract.events import MARK, Event, parse_event

VALUES: dict[str, Any] = {"timesteps": 5, "mean_reward": None, "error": "zwei\nZeilen: ü → 交叉口", "goal_met": False}


def test_what_is_emitted_is_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    events.emit("ended", **VALUES)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert parse_event(printed) == parse_event(printed.strip()) == Event("ended", VALUES)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "@relay",
        "@relay ended",
        "@relay ended {",
        "@relay ended [1]",
        "@relay ended 5",
        " @relay ended {}",
        "@RELAY ended {}",
        '{"timesteps": 5}',
    ],
)
def test_what_any_program_prints_is_no_event(line: str) -> None:
    assert parse_event(line) is None


@given(st.text())
def test_no_line_is_an_error(text: str) -> None:
    event = parse_event(f"{MARK}{text}")
    assert event is None or json.loads(text.partition(" ")[2]) == event.values


def test_people_read_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    events.say("[CHECKPOINT] Resumed")
    printed = capsys.readouterr().out
    assert printed == "[CHECKPOINT] Resumed\n"
    assert parse_event(printed) is None
