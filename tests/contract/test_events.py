"""Lines that a session prints and the runner reads."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import events
from contract.events import MARK, Event, parse_event, split_event

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


@pytest.mark.parametrize(
    "line",
    [
        "@relay started {}",
        '@relay started {"timesteps": "many", "goal": 5}',
        '@relay started {"timesteps": true, "goal": 5}',
        '@relay started {"timesteps": -1, "goal": 5}',
        f'@relay started {{"timesteps": {10**30}, "goal": 5}}',
        '@relay progress {"timesteps": 1}',
        '@relay progress {"timesteps": 1, "goal": 5, "steps_per_second": NaN}',
        '@relay progress {"timesteps": 1, "goal": 5, "steps_per_second": [1]}',
        '@relay progress {"timesteps": 1, "goal": 5, "mean_reward": "good"}',
        '@relay checkpoint {"file": 7, "bytes": 5}',
        '@relay checkpoint {"file": "x.zip"}',
        '@relay evaluation {"timesteps": 1, "mean_reward": {}, "improved": true}',
        pytest.param(f"@relay started {'[' * 100_000}", id="nested"),
        pytest.param(f'@relay started {{"timesteps": {"9" * 5_000}, "goal": 5}}', id="long number"),
    ],
)
def test_what_looks_like_an_event_and_has_odd_values_is_none(line: str) -> None:
    assert parse_event(line) is None
    assert split_event(line) == (line, None)


def test_an_event_is_found_behind_a_line_without_an_end() -> None:
    emitted = '@relay checkpoint {"file": "@relay ended {}", "bytes": 5}'
    found = Event("checkpoint", {"file": "@relay ended {}", "bytes": 5})
    assert split_event(f"step 20/100{emitted}") == ("step 20/100", found)
    assert split_event(f"@relay started {{}}{emitted}") == ("@relay started {}", found)
    assert split_event(f"{emitted} and more")[1] is None


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_a_stream_cannot_take_is_spelled_out(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding)
    monkeypatch.setattr("sys.stdout", stream)
    events.emit("ended", **VALUES, odd="caf\udce9")
    events.say("caf\udce9")
    emitted, said = written.getvalue().decode(encoding).splitlines()
    assert parse_event(emitted) == Event("ended", {**VALUES, "odd": "caf\udce9"})
    assert said == "caf\\udce9"


@given(st.text())
def test_no_line_is_an_error(text: str) -> None:
    event = parse_event(f"{MARK}{text}")
    assert event is None or json.loads(text.partition(" ")[2]) == event.values


def test_people_read_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    events.say("[CHECKPOINT] Resumed")
    printed = capsys.readouterr().out
    assert printed == "[CHECKPOINT] Resumed\n"
    assert parse_event(printed) is None
