"""For how long a session may go on, and when it disregards its signals; `test_hanging_sessions.py` has the sessions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from trainer.stopping.activity import (
    ALIVE_SECONDS,
    ANSWER_SECONDS,
    END_SECONDS,
    FACTOR,
    GRACE_SECONDS,
    Activity,
    Look,
    disregards_signals,
    seconds_left,
)

if TYPE_CHECKING:
    from trainer.stopping.activity import Section


@pytest.mark.parametrize(
    ("look", "left"),
    [
        (Look("rollout", lasts=50, silent=1, longest=0, elapsed=100), 199),  # a step may take as long as patience goes
        (Look("rollout", lasts=300, silent=0, longest=1, elapsed=700), -100),  # and a rollout, which never ends so
        (Look("rollout", lasts=300, silent=0, longest=40, elapsed=700), FACTOR * 40 - 300),
        (Look("rollout", lasts=900, silent=ALIVE_SECONDS, longest=0, elapsed=990), 10),
        (Look("rollout", lasts=900, silent=0, longest=0, elapsed=1000), GRACE_SECONDS),
        (Look("learning", lasts=150, silent=150, longest=1, elapsed=500), 50),
        (Look("learning", lasts=150, silent=150, longest=60, elapsed=500), 450),
        (Look("evaluation", lasts=900, silent=1, longest=1, elapsed=901), 119),
        (Look("save", lasts=60, silent=60, longest=1, elapsed=1010), 10),
        (Look("check", lasts=120, silent=120, longest=0, elapsed=130), 80),
        (Look("preparation", lasts=2, silent=2, longest=0, elapsed=1001), GRACE_SECONDS - 1),
        (Look("end", lasts=5, silent=5, longest=0, elapsed=5000), END_SECONDS - 5),
    ],
)
def test_each_section_has_a_bound_of_its_own(look: Look, left: float) -> None:
    assert seconds_left(look, limit=1000, patience=200) == left


@pytest.mark.parametrize(
    ("section", "signals", "disregards"),
    [
        ("check", 0, False),
        ("check", 1, True),
        ("preparation", 1, True),
        ("rollout", 1, False),
        ("rollout", 2, True),
        ("evaluation", 2, True),
        ("save", 2, False),
        ("end", 3, False),
    ],
)
def test_signals_are_disregarded_where_a_session_that_should_end_goes_on(
    section: Section, signals: int, *, disregards: bool
) -> None:
    assert disregards_signals(section, signals, ANSWER_SECONDS) is disregards
    assert not disregards_signals(section, signals, ANSWER_SECONDS / 2)


def test_the_longest_of_each_section_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    activity = Activity()
    for seconds, section in ((1.0, "rollout"), (4.0, "learning"), (2.0, "rollout"), (3.0, "learning")):
        now += seconds
        activity.enter(section)  # type: ignore[arg-type] # they are its words
    now += 0.5
    activity.enter("rollout")
    activity.show_sign(now + 2.0)
    now += 5.0
    assert activity.look(started=90.0) == Look("rollout", lasts=5.0, silent=3.0, longest=4.0, elapsed=now - 90.0)
