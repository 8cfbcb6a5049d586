"""When a session runs out of its time: a decision without a clock, which `trainer.stopping.interruption` has."""

from __future__ import annotations

from dataclasses import dataclass

SESSION_LIMIT = "session limit"

MARGIN_SECONDS = 1.0
MARGIN_SHARE = 0.01


@dataclass
class Pace:
    """The longest that each step took so far in this session, in seconds.

    Args:
        rollout: a rollout and its update.
        evaluation: an evaluation.
        copy: copying a checkpoint, which training waits for.
        write: writing what was copied, which happens beside it.
    """

    rollout: float = 0.0
    evaluation: float = 0.0
    copy: float = 0.0
    write: float = 0.0

    @property
    def save(self) -> float:
        """A whole checkpoint, and one more that may still be written when it is copied."""
        return self.copy + 2 * self.write

    def note(self, step: str, seconds: float) -> None:
        """Take in how long a step took."""
        setattr(self, step, max(getattr(self, step), seconds))


def is_out_of_time(elapsed: float, limit: float, step: float, pace: Pace) -> bool:
    """Whether one more step and a last checkpoint might not fit into the session any more.

    Args:
        elapsed: seconds since the session began.
        limit: seconds that the session may last.
        step: seconds that the step may take: a rollout, an evaluation.
        pace: of the session so far.
    """
    margin = max(MARGIN_SECONDS, MARGIN_SHARE * limit)
    return elapsed + step + pace.save + margin > limit
