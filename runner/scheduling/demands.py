"""What a job needs of the scheduler, as a value."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.scheduling.slots import Slot


class Need(enum.Enum):
    """What a job needs to get on.

    BEGIN: a slot, in which a session begins. PASS: a pass, for what needs no slot, such as what ended. ASK: a pass,
    and perhaps its session runs. END: nothing but the end of its session.
    """

    BEGIN = "begin"
    PASS = "pass"  # noqa: S105 - no secret
    ASK = "ask"
    END = "end"

    @property
    def holds_slot(self) -> bool:
        """Whether a session of the job has a slot, or may have one."""
        return self in (Need.ASK, Need.END)


@dataclass(frozen=True)
class Demand:
    """A job as the scheduler sees it.

    Args:
        job: its name.
        needs: what it needs to get on.
        slot: what a session of it takes.
        position: among all jobs, where nothing else tells which comes first.
        priority: those with a higher one come first, whatever the others had.
        group: what it shares its turn with; empty for a job by itself.
        sessions: how many it had.
        seconds: for how long these had their device.
        limit: seconds that a session of it lasts at most.
    """

    job: str
    needs: Need
    slot: Slot
    position: int
    priority: int = 0
    group: str = ""
    sessions: int = 0
    seconds: float = 0.0
    limit: float = 0.0
