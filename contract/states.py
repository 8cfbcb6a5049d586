"""Where a submitted workload or session stands, in the words that executors, backends and documents share."""

from __future__ import annotations

import enum


class State(enum.StrEnum):
    """Where a submitted workload stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_terminal(self) -> bool:
        """Whether it stays so."""
        return self not in (State.QUEUED, State.RUNNING)
