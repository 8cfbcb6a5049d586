"""Ends a session that does not end by itself, whatever its main thread does."""

from __future__ import annotations

import contextlib
import faulthandler
import select
import signal
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract import events
from trainer.stopping.activity import WORDS, disregards_signals, seconds_left
from trainer.stopping.deadline import SESSION_LIMIT
from trainer.stopping.interruption import STOP_FILE, STOP_SIGNALS, exit_code, reason_for_giving_up
from trainer.stopping.stacks import call_of_main_thread, print_stacks

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainer.stopping.activity import Look
    from trainer.stopping.interruption import Interruption

HUNG_CODE = 75
"""The exit code of a session that hung: a failure that may pass (EX_TEMPFAIL)."""
LOOK_SECONDS = 1.0
LAST_RESORT_SECONDS = 20.0
"""After the moment at which this thread should have ended the session; then native code keeps Python's lock."""
SPEAKING_SECONDS = 18.0
"""For the last words and the stacks: the disk may hang, or who takes the log; the session ends all the same."""


@dataclass(frozen=True)
class ForcedEnd:
    """Why a session is ended from beside its main thread.

    Args:
        reason: as `interrupted_by` says it; None where the session has said by itself how it ended.
        error: in one sentence.
        code: the exit code of its process.
    """

    reason: str | None
    error: str | None
    code: int


class Watchdog:
    """A thread that looks at a session each second, and hears its signals; before the training its stop file too.

    Should native code keep Python's lock, so that no thread of Python's runs, then a thread of `faulthandler`'s, which
    needs none, prints where the session stands and ends it a little later.

    Args:
        interruption: of the session.
        limits: how long the session may last, and the job's patience, in seconds.
        subject: what the sentence is about.
        last_words: writes that end down; it must come back by itself. The main thread has none from there on.
        end: ends the process with an exit code.
    """

    def __init__(
        self,
        interruption: Interruption,
        limits: tuple[float, float],
        subject: str,
        last_words: Callable[[ForcedEnd], None],
        end: Callable[[int], None],
    ) -> None:
        self._interruption = interruption
        self._limit, self._patience = limits
        self._subject = subject
        self._last_words = last_words
        self._end = end
        self._heard: list[str] = []
        self._heard_at = 0.0
        self._stop_file_at: float | None = None
        self._ear, self._mouth = socket.socketpair()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch; only the main thread may, since signals are told to a process by it."""
        self._mouth.setblocking(False)
        # Written to by the system's own handler: the main thread may never come to run one of Python's.
        signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer: the session begins again in another process. Only the main thread may."""
        signal.set_wakeup_fd(-1)
        self._is_over.set()
        self._mouth.send(b"\0")
        self._thread.join()
        faulthandler.cancel_dump_traceback_later()

    def _watch(self) -> None:
        while not self._is_over.is_set():
            look = self._interruption.look()
            left = seconds_left(look, self._limit, self._patience)
            forced = self._by_request(look) or (self._overdue(look) if left <= 0 else None)
            if forced is not None:
                self._end_by_force(forced)
            with contextlib.suppress(OSError, ValueError, AttributeError):  # somebody took the standard error away
                faulthandler.dump_traceback_later(max(left, 0.0) + LAST_RESORT_SECONDS, exit=True)
            self._listen(max(0.01, min(LOOK_SECONDS, left)))

    def _listen(self, seconds: float) -> None:
        ready, _, _ = select.select([self._ear], [], [], seconds)
        if not ready:
            return
        names = [signal.Signals(number).name for number in self._ear.recv(64) if number in set(signal.Signals)]
        if heard := [name for name in names if name in STOP_SIGNALS]:
            self._heard += heard
            self._heard_at = time.monotonic()

    def _by_request(self, look: Look) -> ForcedEnd | None:
        """The end of a session that was told to end, and does not."""
        now = time.monotonic()
        if not self._heard and self._stop_file_at is None and self._interruption.finds_stop_file():
            self._stop_file_at = now
        if self._heard:
            heard, heard_at = tuple(self._heard), self._heard_at
        elif self._stop_file_at is not None:
            heard, heard_at = (STOP_FILE,), self._stop_file_at
        else:
            return None
        if not disregards_signals(look.section, len(heard), now - heard_at):
            return None
        reason = reason_for_giving_up(heard)
        return ForcedEnd(reason, None, exit_code(reason))

    def _overdue(self, look: Look) -> ForcedEnd:
        """The end of a session that goes on for too long."""
        if look.section == "end":
            return ForcedEnd(None, None, self._interruption.exit_code)
        words, limit = WORDS[look.section], f"the session limit of {self._limit:g} s"
        is_alive = look.is_alive and look.silent < self._patience / 2
        if is_alive and look.elapsed >= self._limit:
            problem = f"{words} did not end within {limit} and is lost; make rollouts shorter, or raise session_limit"
            return ForcedEnd(SESSION_LIMIT, f"{self._subject}: {problem}", HUNG_CODE)
        call = None if is_alive or look.section in ("learning", "save") else call_of_main_thread()
        seconds = look.lasts if is_alive else look.silent
        problem = f"its {call} has not come back in {words}" if call else f"{words} has not ended"
        problem += f" for {seconds:.0f} s" + (f", and {limit} is over" if look.elapsed >= self._limit else "")
        remedy = "the log shows where each thread stood; for a slow simulator raise `patience` in jobs.yaml"
        return ForcedEnd(f"hung in {call or look.section}", f"{self._subject}: {problem}; {remedy}", HUNG_CODE)

    def _end_by_force(self, forced: ForcedEnd) -> None:
        try:
            speaks = threading.Thread(target=self._speak, args=(forced,), name="last words", daemon=True)
            speaks.start()
            speaks.join(SPEAKING_SECONDS)
        finally:
            self._end(forced.code)

    def _speak(self, forced: ForcedEnd) -> None:
        if forced.reason is None:
            events.say(f"{self._subject}: {WORDS['end']} has not come to its end; the session ends without it")
        # Either this thread has the last word or the main thread, should it come back just now.
        if forced.reason is not None and self._interruption.last_word.acquire(blocking=False):
            self._last_words(forced)
        print_stacks()
