"""When a session has to stop: decisions without clocks, signals or files.

What listens and measures is `trainer.interruption` and `trainer.callback`.
"""

from __future__ import annotations

from dataclasses import dataclass

SESSION_LIMIT = "session limit"
STOP_FILE = "stop file"
NAN_LOSS = "NaN loss"

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


@dataclass(frozen=True)
class Asked:
    """What asks the session to stop.

    Args:
        signals: names of the signals that came, oldest first.
        stop_file: whether the file that asks for a stop is there.
    """

    signals: tuple[str, ...] = ()
    stop_file: bool = False

    @property
    def reason(self) -> str | None:
        """Why to stop at the next rollout boundary, or None."""
        if self.signals:
            return self.signals[0]
        return STOP_FILE if self.stop_file else None


def gives_rollout_up(signals: tuple[str, ...]) -> bool:
    """Whether a signal ends the session at once, and with it the running rollout.

    The first one lets the rollout end, so that no timestep is lost. Whoever sends a second one
    cannot wait for that. While a checkpoint is saved or the session ends, this is not asked: that
    is what the session would do next.

    Args:
        signals: names of the signals that came, oldest first, the one at hand included.
    """
    return len(signals) > 1


def reason_of(signals: tuple[str, ...]) -> str:
    """What `interrupted_by` says of a session that was ended by signals at once."""
    return f"{signals[0]}, then {signals[-1]}"
