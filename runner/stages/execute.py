"""The execute stage: run a packaged session on its backend, or attach to it; never submit a key twice."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.documents.runs import Execution, Ledger, Package, Submission
from contract.errors import (
    BackendBusyError,
    BackendUnreachableError,
    CredentialsError,
    InputError,
    RefusedError,
    RelayError,
    SessionLostError,
    UnderWayError,
)
from contract.plain_text import one_line
from contract.states import State
from executors.base import Status
from runner.backends.base import SubmitsTogether

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runner.backends.base import Backend
    from runner.display import Display
    from runner.layout import SessionFolder

POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 5.0
LONGEST_BACK_OFF_SECONDS = 300.0
_FASTER_POLLS = 200
_LATER = "the same command later goes on"


class NotYetItsTurnError(UnderWayError):
    """A session was not submitted, as its backend takes no further one now.

    Args:
        subject, problem, remedy: as for every error.
        busy: what the backend said.
    """

    def __init__(self, subject: str, problem: str, remedy: str | None, busy: BackendBusyError) -> None:
        super().__init__(subject, problem, remedy)
        self.busy = busy


def execute(
    folder: SessionFolder, backend: Backend, display: Display, *, waits: bool = True, is_watched: bool = False
) -> None:
    """Bring a session to its end and write `execution.json`; one that has ended is left as it is.

    Args:
        folder: the session, packaged.
        backend: where it runs.
        display: shows its log as it grows.
        waits: whether to wait for its turn, and for its end.
        is_watched: whether somebody else asks after it, and comes back when it has ended.

    Raises:
        BackendError: the backend refused or lost the session.
        UnderWayError: it goes on or waits, and nobody is to wait for it.
    """
    if folder.execution_json.exists():
        return
    key = Package.read(folder.package_json).key
    ledger = submit_or_attach(folder, key, backend, display, waits=waits, is_watched=is_watched)
    status = Follower(folder, ledger, backend, display, waits=waits, is_watched=is_watched).follow()
    ledger = Ledger.read_if_there(folder.ledger_json) or ledger  # meanwhile it may have been asked to stop
    Execution(
        key=key,
        backend=ledger.backend,
        handle=str(ledger.handle),
        state=status.state,
        exit_code=status.exit_code,
        reason=None if status.reason is None else one_line(status.reason),
        cancel_requested=ledger.cancel_requested,
    ).write(folder.execution_json)
    ledger.ended().write(folder.ledger_json)


def submit_or_attach(
    folder: SessionFolder,
    key: str,
    backend: Backend,
    display: Display,
    *,
    waits: bool = True,
    is_watched: bool = False,
) -> Ledger:
    """The ledger of the one submission of `key`, made now or by an earlier command.

    A session that the backend refused was not submitted: with another job it may be packaged anew.
    """
    ledger = Ledger.read_if_there(folder.ledger_json)
    if ledger is not None and ledger.entry is not Submission.SUBMITTING:
        if not is_watched:  # else that was said
            display.say(attaching_to(folder, ledger))
        return ledger
    if ledger is not None and (handle := backend.find(key)) is not None:
        display.say(f"adopting session {folder.number}, which was submitted before the last command was cut off")
        return ledger.submitted(handle).write(folder.ledger_json)
    said = ""
    while True:
        try:
            return _submit(folder, key, backend)
        except BackendBusyError as busy:
            if not waits:
                raise NotYetItsTurnError(_name(folder), f"waits for its turn: {busy}", _LATER, busy) from None
            if busy.problem != said:
                said = busy.problem
                display.say(f"waits for its turn: {busy}; trying again every {busy.wait_seconds:.0f} s")
            time.sleep(busy.wait_seconds)


def submit_together(folders: Sequence[SessionFolder], backend: Backend) -> int:
    """Submit packaged sessions at once where the backend can; the execute stage of each then attaches to its own.

    What the backend refuses, and whether it has an answer, is found and told by the stage of each session by itself: it
    asks for its key before it submits.

    Args:
        folders: of the sessions; those that were submitted, or may have been, are left out.
        backend: where they run.

    Returns:
        how many are known to be submitted.
    """
    fresh = {Package.read(each.package_json).key: each for each in folders if not each.ledger_json.exists()}
    if len(fresh) <= 1 or not isinstance(backend, SubmitsTogether):
        return 0
    try:
        for key, folder in fresh.items():
            backend.prepare(folder, key)
        ledgers = {
            key: Ledger(key=key, backend=backend.name).write(folder.ledger_json) for key, folder in fresh.items()
        }
        handles = backend.submit_together(fresh)
    except RelayError:
        return 0
    for key, handle in handles.items():
        ledgers[key].submitted(handle).write(fresh[key].ledger_json)
    return len(handles)


def _submit(folder: SessionFolder, key: str, backend: Backend) -> Ledger:
    """Submit a session that is known not to be there; until it may have been, nothing says so."""
    backend.prepare(folder, key)
    ledger = Ledger(key=key, backend=backend.name).write(folder.ledger_json)
    try:
        return ledger.submitted(backend.submit(folder, key)).write(folder.ledger_json)
    except (RefusedError, CredentialsError, InputError, BackendBusyError):
        # It was not: it may be packaged anew, or run elsewhere.
        folder.ledger_json.unlink()
        raise


def attaching_to(folder: SessionFolder, ledger: Ledger) -> str:
    """That a session is watched which an earlier command submitted."""
    return f"attaching to session {folder.number} on the {ledger.backend} backend"


@dataclass
class Follower:
    """Watches a session until it ends, copying its log."""

    folder: SessionFolder
    ledger: Ledger
    backend: Backend
    display: Display
    waits: bool = True
    is_watched: bool = False
    sleep: Callable[[float], None] = time.sleep

    def follow(self) -> Status:
        """Wait for the end; a backend that gives no answer is asked again, ever more slowly.

        Raises:
            UnderWayError: it has not ended, and nobody is to wait for it.
        """
        polls = failures = 0
        said: str | None = None
        while True:
            try:
                status = self._look()
                failures = 0
                if status.reason not in (said, None) and not status.state.is_terminal and self.waits:
                    self.display.say(str(status.reason))
                said = status.reason
                if status.state.is_terminal:
                    return status
                if not self.waits and (self.is_watched or not status.is_ending):
                    raise _under_way(self.folder, _where(self.ledger, status))
                polls += 1
                self.sleep(poll_pause(polls))
            except BackendUnreachableError as error:
                if not self.waits:
                    raise _under_way(self.folder, f"may go on: {error}") from None
                failures += 1
                pause = back_off_pause(failures)
                self.display.say(f"{error}; asking again in {pause:.0f} s")
                self.sleep(pause)

    def _look(self) -> Status:
        try:
            return self._ask()
        except SessionLostError as error:
            return Status(State.FAILED, reason=error.problem)

    def _ask(self) -> Status:
        # The status is asked for first: a log read after the end is whole.
        handle = str(self.ledger.handle)
        status = self.backend.status(handle)
        if not self.waits and not status.state.is_terminal:
            return status  # where a log comes as a stream, there is nothing of it yet
        written = self.folder.log.stat().st_size if self.folder.log.exists() else 0
        if news := self.backend.logs(handle, written):
            with self.folder.log.open("ab") as log:
                log.write(news)
            self.display.feed(news)
        return status


def _under_way(folder: SessionFolder, where: str) -> UnderWayError:
    return UnderWayError(_name(folder), where, _LATER)


def _name(folder: SessionFolder) -> str:
    return f"{folder.path.parent.name}: session {folder.number}"


def _where(ledger: Ledger, status: Status) -> str:
    doing = "waits" if status.state is State.QUEUED else "goes on"
    return f"{doing} on the {ledger.backend} backend" + (f" ({status.reason})" if status.reason else "")


def poll_pause(polls: int) -> float:
    """Seconds to wait after `polls` answers: quick at first, slower in a long session."""
    return POLL_SECONDS if polls <= _FASTER_POLLS else min(LONGEST_POLL_SECONDS, POLL_SECONDS * polls / _FASTER_POLLS)


def back_off_pause(failures: int) -> float:
    """Seconds to wait after `failures` requests in a row without an answer."""
    return min(LONGEST_BACK_OFF_SECONDS, float(2 ** min(failures, 16)))
