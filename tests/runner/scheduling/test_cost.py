"""What a choice costs is counted: it follows from what changes, not from what waits or has a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from runner.scheduling.demands import Demand, Need
from runner.scheduling.lanes import Lane
from runner.scheduling.line import Line
from runner.scheduling.slots import Caps, Slot

if TYPE_CHECKING:
    from collections.abc import Callable

BETWEEN = 60.0
"""Seconds between two ticks."""


@pytest.fixture
def ranked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The groups that were ranked, one after the other."""
    groups: list[str] = []
    rank: Callable[..., None] = Lane.rank

    def noting(lane: Lane, group: str, *more: Any) -> None:
        groups.append(group)
        rank(lane, group, *more)

    monkeypatch.setattr(Lane, "rank", noting)
    return groups


def ranked_in_a_tick(live: int, waiting: int, ranked: list[str]) -> int:
    """How many groups one tick ranks in which one session has ended, where so many run and so many jobs wait."""
    slot = Slot("cluster", "", live)
    line = Line(Caps())
    for number in range(live + waiting):
        line.put(Demand(f"job{number}", Need.BEGIN, slot, number, group=f"group{number % (live + waiting // 2)}"), 0.0)
    assert len(line.choose(0.0).begins) == live
    line.put(Demand("job0", Need.BEGIN, slot, 0, group="group0", sessions=1, seconds=BETWEEN), BETWEEN)
    ranked.clear()
    assert line.choose(BETWEEN).begins == (f"job{live}",)
    return len(ranked)


def test_a_tick_ranks_as_many_groups_whether_ten_sessions_run_or_hundreds(ranked: list[str]) -> None:
    assert ranked_in_a_tick(10, 20, ranked) == ranked_in_a_tick(400, 800, ranked) <= 4
