"""Watches many sessions from one place: each backend is asked after all of its own at once, and logs are shown."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contract.errors import BackendUnreachableError, RelayError, SessionLostError
from contract.events import say
from contract.states import State
from executors.base import Closeable, Status
from runner.backends.base import AskedAtOnce
from runner.backends.registry import backend_entry
from runner.display import Display
from runner.stages.execute import LONGEST_POLL_SECONDS, POLL_SECONDS, attaching_to, back_off_pause

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.backends.base import Backend
    from runner.backends.opened import OpenBackends
    from runner.lineage import SessionState

_OF_ITS_AGE = 0.01
"""A session is looked at again after this part of the time for which it has been watched."""


@dataclass
class _Watched:
    """A session that runs, as far as is known.

    Args:
        session: it.
        display: shows its log.
        since: when it was first watched.
        due: when it is looked at next.
        written: bytes of its log that are here.
        said: what was said last of it.
    """

    session: SessionState
    display: Display
    since: float
    due: float
    written: int
    said: str | None = None

    @property
    def handle(self) -> str:
        """The backend's reference to it."""
        return str(self.session.ledger.handle)


@dataclass
class Watching(Closeable):
    """The sessions of many jobs, none of which has a thread or a process.

    Args:
        backends: where they run.
    """

    backends: OpenBackends
    _watched: dict[str, _Watched] = field(default_factory=dict)
    _failures: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __len__(self) -> int:
        return len(self._watched)

    def __contains__(self, job: object) -> bool:
        return job in self._watched

    def add(self, job: str, session: SessionState, now: float, *, is_new: bool) -> None:
        """Watch a session that was submitted, from where its log was shown last; one that is not new is told of."""
        if job not in self._watched:
            log = session.folder.log
            written = log.stat().st_size if log.exists() else 0
            display = Display(job, session.folder.number, is_one_of_many=True)
            self._watched[job] = _Watched(session, display, now, now, written)
            if not is_new:
                display.say(attaching_to(session.folder, session.ledger))

    def look(self, now: float) -> list[str]:
        """The jobs whose sessions have ended, or cannot be asked after, as a pass says: they are watched no more."""
        due: defaultdict[str, dict[str, _Watched]] = defaultdict(dict)
        for job, watched in self._watched.items():
            if watched.due <= now:
                due[watched.session.ledger.backend][job] = watched
        return [job for name, sessions in due.items() for job in self._look_at(name, sessions, now)]

    def next_look(self, now: float) -> float:
        """Seconds until a session is due; not long, as jobs may come."""
        soonest = min((each.due for each in self._watched.values()), default=now + LONGEST_POLL_SECONDS)
        return min(max(soonest - now, 0.0), LONGEST_POLL_SECONDS)

    def close(self) -> None:
        """Show what is left of each log; the sessions go on."""
        for watched in self._watched.values():
            watched.display.close()
        self._watched.clear()

    def _look_at(self, name: str, sessions: Mapping[str, _Watched], now: float) -> list[str]:
        try:
            backend = self.backends.get(name)
            stands = standing(backend, [each.handle for each in sessions.values()])
            ended = [job for job, each in sessions.items() if self._note(backend, each, stands[each.handle], now)]
            self._failures[name] = 0
        except BackendUnreachableError as error:
            self._failures[name] += 1
            pause = back_off_pause(self._failures[name])
            say(f"{error}; asking again in {pause:.0f} s")
            for each in self._watched.values():
                if each.session.ledger.backend == name:
                    each.due = now + pause
            return []
        except RelayError:
            ended = [*sessions]
        for job in ended:
            self._watched.pop(job).display.close()
        return ended

    def _note(self, backend: Backend, watched: _Watched, status: Status, now: float) -> bool:
        """Show what is new of a session; whether it has ended."""
        has_ended = status.state.is_terminal
        if status.reason not in (watched.said, None) and not has_ended:
            watched.display.say(str(status.reason))
        watched.said = status.reason
        if has_ended or not backend_entry(backend.name).log_is_streamed:
            self._show(backend, watched)
        pause = min(max(POLL_SECONDS, _OF_ITS_AGE * (now - watched.since)), LONGEST_POLL_SECONDS)
        watched.due = now + pause
        return has_ended

    def _show(self, backend: Backend, watched: _Watched) -> None:
        try:
            news = backend.logs(watched.handle, watched.written)
        except SessionLostError:  # the pass says it
            return
        if news:
            with watched.session.folder.log.open("ab") as log:
                log.write(news)
            watched.written += len(news)
            watched.display.feed(news)


def standing(backend: Backend, handles: Sequence[str]) -> Mapping[str, Status]:
    """Where sessions of one backend stand, by handle; one that it knows nothing of has failed.

    Raises:
        BackendUnreachableError: it gives no answer.
    """
    known = backend.standing(handles) if isinstance(backend, AskedAtOnce) else _one_by_one(backend, handles)
    return {handle: known.get(handle, Status(State.FAILED)) for handle in handles}


def _one_by_one(backend: Backend, handles: Sequence[str]) -> dict[str, Status]:
    known = {}
    for handle in handles:
        try:
            known[handle] = backend.status(handle)
        except SessionLostError as error:
            known[handle] = Status(State.FAILED, reason=error.problem)
    return known
