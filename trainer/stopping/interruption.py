"""What ends a session before its goal: a signal, a stop file, the session limit."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.stopping.activity import Activity
from trainer.stopping.deadline import SESSION_LIMIT, is_out_of_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from trainer.stopping.activity import Look, Section
    from trainer.stopping.deadline import Pace

STOP_SIGNALS = ("SIGTERM", "SIGINT", "SIGBREAK")
STOP_FILE = "stop file"
STOP_FILE_VARIABLE = "RELAY_STOP_FILE"
"""Names a file whose appearance asks the session to stop, for systems that have no SIGTERM."""
STOP_FILE_SECONDS = 0.1
"""How often the file is looked for: rollouts may follow each other within microseconds."""


@dataclass(frozen=True)
class StopRequest:
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


def gives_rollout_up(signals: tuple[str, ...], *, learning: bool = True) -> bool:
    """Whether a signal ends the session at once, and with it the running rollout.

    The first one lets the rollout end, so that no timestep is lost. Whoever sends a second one
    cannot wait for that. Before there is a rollout nothing can be lost. While a checkpoint is saved
    or the session ends, this is not asked: that is what the session would do next.

    Args:
        signals: names of the signals that came, oldest first, the one at hand included.
        learning: whether there is a rollout to lose.
    """
    return len(signals) > (1 if learning else 0)


def reason_for_giving_up(signals: tuple[str, ...]) -> str:
    """What `interrupted_by` says of a session that was ended by signals at once."""
    return f"{signals[0]}, then {signals[-1]}" if len(signals) > 1 else signals[0]


class SessionInterrupted(BaseException):
    """Raised to end the training loop: at a rollout boundary, after the last checkpoint, or by a second signal.

    Like KeyboardInterrupt it is no Exception: no `except Exception` on the way may stop it.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Interruption:
    """Listens for what may end the session.

    Args:
        started: `time.monotonic()` when the session began.
        limit: seconds that it may last.
    """

    def __init__(self, started: float, limit: float) -> None:
        self._started = started
        self._limit = limit
        self._signals: tuple[str, ...] = ()
        self._may_give_up = False
        self._is_learning = False
        self._activity = Activity()
        self.last_word = threading.RLock()
        """Held for good by who writes how the session ended: the main thread, or the watchdog instead of it."""
        self.exit_code = 0
        """Of the session, once it has ended but for the closing of its environments."""
        name = os.environ.get(STOP_FILE_VARIABLE)
        self._stop_file = Path(name) if name else None
        self._has_stop_file = False
        self._looked_at = 0.0

    def listen(self) -> None:
        """Turn SIGTERM and SIGINT into a request to stop at the next rollout boundary."""
        for name in STOP_SIGNALS:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signals = (*self._signals, signal.Signals(number).name)
        if self._may_give_up and gives_rollout_up(self._signals, learning=self._is_learning):
            self._may_give_up = False
            raise SessionInterrupted(reason_for_giving_up(self._signals))

    @contextlib.contextmanager
    def preparing(self) -> Iterator[None]:
        """While this lasts, and no rollout has begun, a signal ends the session at once."""
        self._may_give_up = True
        try:
            yield
        finally:
            self._may_give_up = False

    @contextlib.contextmanager
    def learning(self) -> Iterator[None]:
        """While this lasts, a second signal gives the running rollout up."""
        self._is_learning = self._may_give_up = True
        try:
            yield
        finally:
            self._may_give_up = False

    @contextlib.contextmanager
    def saving(self, section: Section = "save") -> Iterator[None]:
        """While this lasts, a signal is noted and nothing more."""
        before, self._may_give_up = self._may_give_up, False
        try:
            with self.within(section):
                yield
        finally:
            self._may_give_up = before

    def enter(self, section: Section) -> None:
        """Note what the session does from now on."""
        self._activity.enter(section)

    @contextlib.contextmanager
    def within(self, section: Section) -> Iterator[None]:
        """Note what the session does while this lasts."""
        before = self._activity.enter(section)
        try:
            yield
        finally:
            self._activity.enter(before)

    def show_sign(self, moment: float) -> None:
        """Note that the session has done a step, at `moment` of `time.monotonic()`."""
        self._activity.show_sign(moment)

    def look(self) -> Look:
        """What is to be seen of the session now."""
        return self._activity.look(self._started)

    @property
    def asked(self) -> str | None:
        """Who asks the session to stop, or None."""
        return StopRequest(self._signals, self.finds_stop_file()).reason

    def reason(self, pace: Pace) -> str | None:
        """Why the session must stop at this rollout boundary, or None."""
        return self.asked or (SESSION_LIMIT if self.is_out_of_time(pace.rollout, pace) else None)

    def is_out_of_time(self, step: float, pace: Pace) -> bool:
        """Whether a step (a rollout, an evaluation) of so many seconds and a checkpoint might not fit any more."""
        return is_out_of_time(time.monotonic() - self._started, self._limit, step, pace)

    def has_to_save(self, pace: Pace) -> bool:
        """Whether a checkpoint might not fit any more if it were taken later than now."""
        return is_out_of_time(time.monotonic() - self._started, self._limit, 0.0, pace)

    def finds_stop_file(self) -> bool:
        """Whether the file is there that asks the session to stop; it is looked for now and then."""
        if self._stop_file is not None and time.monotonic() - self._looked_at >= STOP_FILE_SECONDS:
            self._looked_at = time.monotonic()
            self._has_stop_file = self._stop_file.exists()
        return self._has_stop_file


def exit_code(reason: str | None) -> int:
    """The exit code of a session that ended for `reason`: 128 + the signal's number where it was asked to end."""
    if reason in (None, SESSION_LIMIT):
        return 0
    return 128 + (signal.SIGTERM if reason == STOP_FILE else signal.Signals[str(reason).partition(",")[0]])
