"""One session on Kaggle as it is watched: asked after once in a while, its log read as it grows."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import httpx

from contract.errors import SessionLostError
from contract.states import State
from executors.base import Status
from runner.backends.kaggle.api.answers import RejectedError
from runner.backends.kaggle.kernel import Kernel
from runner.backends.kaggle.logs import LiveLog, log_text, stored_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.backends.kaggle.api.connection import Connection
    from runner.backends.kaggle.names import Handle

_SILENCE_SECONDS = 600.0
_LONGEST_REASON = 300


class Watch:
    """Watches one session.

    Args:
        connection: to Kaggle.
        handle: the session.
        left_its_output: whether the output that Kaggle gives is this session's.
        quota_in_words: what is left of the quota, to be said while it waits.
    """

    def __init__(
        self,
        connection: Connection,
        handle: Handle,
        left_its_output: Callable[[], bool],
        quota_in_words: Callable[[], str],
    ) -> None:
        self._connection = connection
        self._handle = handle
        self._left_its_output = left_its_output
        self._quota_in_words = quota_in_words
        self._kernel = Kernel(connection, handle.slug)
        self._status: Status | None = None
        self._asked_at = 0.0
        self._doubted_since: float | None = None
        self._live: LiveLog | None = None
        self._has_noted_end = False
        self._stored: bytes | None = None

    def status(self) -> Status:
        """Where the session stands, asked of Kaggle if that is a while ago, or its log has ended since."""
        is_due = time.monotonic() - self._asked_at >= self._connection.settings.poll
        has_ended = self._live is not None and self._live.has_ended
        if self._status is None or is_due or (has_ended and not self._has_noted_end):
            self._asked_at, self._has_noted_end = time.monotonic(), has_ended
            told = self._ask()
            if told.state is State.QUEUED:
                was_queued = self._status is not None and self._status.state is State.QUEUED
                told = self._status if was_queued and self._status else self._waiting(told)
            self._status = told
        return self._status

    def log(self, offset: int) -> bytes:
        """What the session has printed from byte `offset` on."""
        if self._status is None or self._status.state is State.QUEUED:
            return b""
        owner = self._connection.owner
        if not self._status.state.is_terminal:
            if self._live is None:
                self._live = LiveLog(self._open_stream, self._connection.settings.first_pause)
            return log_text(list(self._live.events), owner).encode()[offset:]
        return self._stored_log()[offset:]

    def _stored_log(self) -> bytes:
        """The whole log of a session that has ended."""
        if self._stored is None:
            stored = ""
            with contextlib.suppress(SessionLostError, RejectedError):
                stored = self._kernel.output(self._handle).log
            self._stored = log_text(stored_events(stored), self._connection.owner).encode()
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
            return Status(State.RUNNING)
        if again.state is State.FAILED and again.reason is None:
            return Status(again.state, reason=self._last_words())
        if again.state is not State.COMPLETE or self._left_its_output():
            return again
        now = time.monotonic()
        self._doubted_since = self._doubted_since or now
        if now - self._doubted_since >= self._connection.settings.patience:
            return again
        return Status(State.RUNNING, reason="has ended on Kaggle, but its output is not there yet")

    def _last_words(self) -> str:
        """Why a session failed, where Kaggle gives no reason: the last line of its log."""
        lines = self._stored_log().decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return last[:_LONGEST_REASON] or "it failed on Kaggle, and printed nothing"

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
