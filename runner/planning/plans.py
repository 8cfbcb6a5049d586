"""What is planned for a job, and for the session whose stages follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from runner.layout import SessionFolder
    from runner.lineage import Lineage
    from runner.planning.decide import Decision
    from runner.planning.wanted import Wanted


@dataclass(frozen=True)
class Plan:
    """What is wanted of a job, what is there, and what follows from both."""

    wanted: Wanted
    lineage: Lineage
    decision: Decision

    @property
    def job(self) -> str:
        """The job's name."""
        return self.lineage.job


@dataclass(frozen=True)
class LiveSession:
    """A session whose stages may have something to do.

    Args:
        plan: the plan that it belongs to.
        folder: where it is, or will be.
        parent: the session that it goes on from.
        goal: the timesteps that it is asked for.
        why: why it is live, in half a sentence.
    """

    plan: Plan
    folder: SessionFolder
    parent: SessionFolder | None
    goal: int
    why: str

    @property
    def name(self) -> str:
        """`<job>:<NNNN>`, as sub-tasks are called."""
        return f"{self.plan.job}:{self.folder.number}"

    @property
    def parents(self) -> list[Path]:
        """The file that the session goes on from, if any."""
        return [self.parent.restored_json] if self.parent else []
