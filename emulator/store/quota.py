"""The weekly GPU quota: whose sessions used how much of this week."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.store.database import Database

DAY = 86_400.0
WEEK = 7 * DAY
_FIRST_SATURDAY = 2 * DAY


def week_start(now: float) -> float:
    """When this week began: Saturday, 00:00 UTC."""
    return (now - _FIRST_SATURDAY) // WEEK * WEEK + _FIRST_SATURDAY


def refresh_time(now: float) -> float:
    """When the next week begins."""
    return week_start(now) + WEEK


def used_seconds(sessions: Iterable[tuple[float, float | None]], now: float) -> float:
    """The wall clock of sessions within this week.

    Args:
        sessions: the start and end of each; None while it runs.
        now: the emulated time.
    """
    start = week_start(now)
    ends = ((began, now if ended is None else ended) for began, ended in sessions)
    return sum(max(0.0, min(ended, now) - max(began, start)) for began, ended in ends)


class GpuTime:
    """The GPU sessions of all users; those of deleted kernels count on.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, session: int, user: str, at: float) -> None:
        """A session with a GPU starts; saying so twice is saying so once."""
        self._database.run("INSERT OR IGNORE INTO gpu_time VALUES (?, ?, ?, NULL)", session, user, at)

    def end(self, session: int, at: float) -> None:
        """A session ends, whether or not it had a GPU."""
        self._database.run("UPDATE gpu_time SET ended_at = ? WHERE session_id = ? AND ended_at IS NULL", at, session)

    def used(self, user: str, now: float) -> float:
        """A user's seconds in this week."""
        rows = self._database.all("SELECT started_at, ended_at FROM gpu_time WHERE user = ?", user)
        return used_seconds(((row["started_at"], row["ended_at"]) for row in rows), now)
