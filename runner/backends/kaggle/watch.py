"""One session on Kaggle as it is watched: asked after once in a while, its log read as it grows."""

from __future__ import annotations

import contextlib
import math
import time
from typing import TYPE_CHECKING

import httpx

from contract.errors import SessionLostError
from contract.states import State
from executors.base import Status
from runner.backends.kaggle.api.answers import RejectedError
from runner.backends.kaggle.kernels.kernel import Kernel
from runner.backends.kaggle.logs import LiveLog, last_words, log_text
from runner.display import duration_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.backends.kaggle.api.connection import Connection
    from runner.backends.kaggle.names import Handle

LIMIT_MARGIN_SECONDS = 1800.0
"""Beyond a session's limit, after which it is told that Kaggle did not end it."""
_SILENCE_SECONDS = 600.0
_LONG_QUEUED = (
    "still waits in Kaggle's queue, where sessions that were pushed from outside sometimes hang: "
    "open {slug} on kaggle.com, cancel this version and press Save Version, which is found here; "
    "or name an image in jobs.yaml (`kaggle: {{image: ...}}`), with which sessions start sooner"
)
_LONGEST_REASON = 300


class Watch:
    """Watches one session.

    Args:
        connection: to Kaggle.
        handle: the session.
        left_its_output: whether the output that Kaggle gives is that session's.
        quota_in_words: what is left of the quota, to be said while it waits.
        limit: seconds after which Kaggle is to end it.
        seconds_seen: seconds since it was first seen in a state, by this command or one before.
    """

    def __init__(
        self,
        connection: Connection,
        handle: Handle,
        left_its_output: Callable[[Handle], bool],
        quota_in_words: Callable[[], str],
        limit: float = math.inf,
        seconds_seen: Callable[[Handle, State], float] = lambda _handle, _state: 0.0,
    ) -> None:
        self._connection = connection
        self._handle = handle
        self._left_its_output = left_its_output
        self._quota_in_words = quota_in_words
        self._limit = limit
        self._seconds_seen = seconds_seen
        self._kernel = Kernel(connection, handle.slug)
        self._status: Status | None = None
        self._asked_at = 0.0
        self._doubted_since: float | None = None
        self._live: LiveLog | None = None
        self._has_noted_end = False
        self._stored = b""
        self._before = b""
        """What an earlier version of the same session had printed."""
        self._state: State | None = None
        self._since = 0.0
        self._looked_for_newer_at = 0.0

    def status(self, pace: float = 1.0) -> Status:
        """Where the session stands, asked of Kaggle if that is a while ago, or its log has ended since.

        Args:
            pace: how often the usual pause a while is.
        """
        is_due = time.monotonic() - self._asked_at >= pace * self._connection.settings.poll
        has_ended = self._live is not None and self._live.has_ended
        if self._status is None or is_due or (has_ended and not self._has_noted_end):
            self._asked_at, self._has_noted_end = time.monotonic(), has_ended
            told = self._ask()
            if told.state is not self._state:
                self._state, self._since = told.state, time.monotonic() - self._seconds_seen(self._handle, told.state)
                self._status = self._waiting(told) if told.state is State.QUEUED else told
            if told.state is State.QUEUED:
                self._status = self._long_queued() or self._status
            else:
                self._status = self._beyond_its_limit(told)
        assert self._status is not None  # noqa: S101 - it was asked for above
        return self._status

    def log(self, offset: int) -> bytes:
        """What the session has printed from byte `offset` on."""
        if self._status is None or self._status.state is State.QUEUED:
            return b""
        owner = self._connection.owner
        if not self._status.state.is_terminal:
            if self._live is None:
                self._live = LiveLog(self._open_stream, self._connection.settings.first_pause)
            live = log_text(list(self._live.events), owner, is_whole=False).encode()
            return (self._before + live)[offset:]
        return (self._before + self._stored_log())[offset:]

    def _stored_log(self) -> bytes:
        """The whole log of a session that has ended; empty while Kaggle does not list it yet."""
        if not self._stored:
            with contextlib.suppress(SessionLostError, RejectedError):
                self._stored = self._kernel.printed(self._handle).encode()
        return self._stored

    def close(self) -> None:
        """Read its log no further."""
        if self._live is not None:
            self._live.stop()

    def _ask(self) -> Status:
        """What Kaggle says; that a session has ended has to be said twice, and by its output too if it ended well.

        The answer may be about another version: an earlier one has ended while this one runs.
        """
        told = self._kernel.status(self._handle)
        if not told.state.is_terminal:
            self._doubted_since = None
            return told
        again = self._kernel.status(self._handle)
        if again.state is not told.state:
            return Status(State.RUNNING, is_ending=True)
        if again.state is not State.COMPLETE and (newer := self._kernel.newer(self._handle)) is not None:
            self._go_over_to(newer)
            return Status(State.RUNNING, reason=f"was started again on Kaggle, as version {newer.version}")
        if not self._is_borne_out(again.state):
            now = time.monotonic()
            self._doubted_since = self._doubted_since or now
            if now - self._doubted_since < self._connection.settings.patience:
                reason = "has ended on Kaggle, but its output is not there yet"
                return Status(State.RUNNING, reason=reason, is_ending=True)
        if again.state is State.FAILED and again.reason is None:
            return Status(again.state, reason=self._last_words())
        return again

    def _is_borne_out(self, state: State) -> bool:
        """Whether what Kaggle lists bears out that the session has ended; it lists it some time later.

        One that did not end well may have left nothing but its log.
        """
        return self._left_its_output(self._handle) or (state is not State.COMPLETE and bool(self._stored_log()))

    def _go_over_to(self, newer: Handle) -> None:
        """Watch a later version of the same session instead."""
        self._before += self._stored_log()
        self.close()
        self._live, self._stored, self._doubted_since, self._has_noted_end = None, b"", None, False
        self._handle = newer

    def _last_words(self) -> str:
        """Why a session failed, where Kaggle gives no reason: the last line of its own in its log."""
        last = last_words(self._stored_log().decode("utf-8", "replace"))
        return last[:_LONGEST_REASON] or "it failed on Kaggle, and printed nothing"

    def _long_queued(self) -> Status | None:
        """What helps a session that waits for long; None as long as it does not, or where that was said."""
        settings, now = self._connection.settings, time.monotonic()
        if now - self._since < settings.queue_patience:
            return None
        if now - self._looked_for_newer_at >= settings.queue_patience / 10:
            self._looked_for_newer_at = now
            if (newer := self._kernel.newer(self._handle)) is not None:
                self._go_over_to(newer)
                return Status(State.RUNNING, reason=f"was started again on Kaggle, as version {newer.version}")
        return Status(State.QUEUED, reason=_LONG_QUEUED.format(slug=self._handle.slug))

    def _beyond_its_limit(self, told: Status) -> Status:
        """The same, with a word where Kaggle should have ended it."""
        over = time.monotonic() - self._since - self._limit
        if told.state is not State.RUNNING or told.reason is not None or over < LIMIT_MARGIN_SECONDS:
            return told
        reason = (
            f"goes on {duration_text(LIMIT_MARGIN_SECONDS)} beyond the limit at which Kaggle was to end it, and spends "
            f"quota: look at {self._handle.slug} on kaggle.com, and cancel it there under View Active Events"
        )
        return Status(told.state, reason=reason)

    def _waiting(self, told: Status) -> Status:
        return Status(told.state, reason=f"{told.reason}{self._quota_in_words()}")

    def _open_stream(self) -> contextlib.AbstractContextManager[httpx.Response]:
        path = f"kernels/logs/stream/{self._connection.owner}/{self._handle.slug}"
        return self._connection.plain.stream(
            "GET",
            self._connection.stream_url(path),
            params={"versionLabel": self._handle.label},
            headers={"Accept": "text/event-stream, */*"},
            auth=self._connection.authorization,
            timeout=httpx.Timeout(self._connection.settings.timeout, read=_SILENCE_SECONDS),
        )
