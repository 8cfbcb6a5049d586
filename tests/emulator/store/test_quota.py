"""The weekly GPU quota."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from emulator.store.quota import WEEK, refresh_time, used_seconds, week_start

NOW = datetime(2026, 9, 23, 12, tzinfo=UTC).timestamp()  # a Wednesday


def test_a_week_begins_on_saturday() -> None:
    assert datetime.fromtimestamp(week_start(NOW), UTC) == datetime(2026, 9, 19, tzinfo=UTC)
    assert datetime.fromtimestamp(refresh_time(NOW), UTC) == datetime(2026, 9, 26, tzinfo=UTC)
    saturday = datetime(2026, 9, 26, tzinfo=UTC).timestamp()
    assert week_start(saturday) == saturday


def test_only_this_week_counts() -> None:
    saturday = week_start(NOW)
    last_week = (saturday - 7200, saturday - 3600)
    over_the_change = (saturday - 100, saturday + 50)
    runs_still = (NOW - 10, None)
    assert used_seconds([last_week, over_the_change, runs_still], NOW) == 60


@given(st.lists(st.tuples(st.floats(0, 2 * WEEK), st.floats(0, 2 * WEEK)), max_size=5), st.floats(WEEK, 3 * WEEK))
def test_a_session_counts_at_most_for_itself(sessions: list[tuple[float, float]], now: float) -> None:
    spans = [(start, start + length) for start, length in sessions]
    used = used_seconds(spans, now)
    assert 0 <= used <= sum(end - start for start, end in spans) + 1e-3
    assert used <= len(spans) * (now - week_start(now)) + 1e-3
