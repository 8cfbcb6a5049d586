"""What ends a session before its goal: a signal, a stop file, the session limit."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

STOP_FILE_VARIABLE = "RELAY_STOP_FILE"
"""Names a file whose appearance asks the session to stop, for systems that have no SIGTERM."""

SESSION_LIMIT = "session limit"
STOP_FILE = "stop file"
MARGIN_SECONDS = 1.0
MARGIN_SHARE = 0.01


class SessionInterrupted(BaseException):
    """Raised at a rollout boundary, after the last checkpoint, to end the training loop.

    Like KeyboardInterrupt it is no Exception: no `except Exception` on the way may stop it.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def must_stop_now(elapsed: float, limit: float, longest_rollout: float, longest_save: float) -> bool:
    """Whether one more rollout and a last checkpoint might not fit into the session any more.

    Args:
        elapsed: seconds since the session began.
        limit: seconds that the session may last.
        longest_rollout: seconds of the longest rollout and update so far.
        longest_save: seconds of the longest checkpoint so far.
    """
    margin = max(MARGIN_SECONDS, MARGIN_SHARE * limit)
    return elapsed + longest_rollout + longest_save + margin > limit


class Interruption:
    """Listens for what may end the session; a second signal ends the process at once.

    Args:
        started: `time.monotonic()` when the session began.
        limit: seconds that it may last.
    """

    def __init__(self, started: float, limit: float) -> None:
        self._started = started
        self._limit = limit
        self._signal: str | None = None
        name = os.environ.get(STOP_FILE_VARIABLE)
        self._stop_file = Path(name) if name else None

    def listen(self) -> None:
        """Turn SIGTERM and SIGINT into a request to stop at the next rollout boundary."""
        for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signal = signal.Signals(number).name
        signal.signal(number, signal.SIG_DFL)

    def reason(self, longest_rollout: float, longest_save: float) -> str | None:
        """Why the session must stop now, or None; durations in seconds."""
        if self._signal:
            return self._signal
        if self._stop_file and self._stop_file.exists():
            return STOP_FILE
        return SESSION_LIMIT if self.is_out_of_time(longest_rollout, longest_save) else None

    def is_out_of_time(self, longest_step: float, longest_save: float) -> bool:
        """Whether a step (a rollout, an evaluation) and a checkpoint might not fit any more; durations in seconds."""
        return must_stop_now(time.monotonic() - self._started, self._limit, longest_step, longest_save)


def exit_code(reason: str | None) -> int:
    """The exit code of a session that ended for `reason`: 128 + the signal's number where it was asked to end."""
    if reason in (None, SESSION_LIMIT):
        return 0
    return 128 + (signal.SIGTERM if reason == STOP_FILE else signal.Signals[reason])
