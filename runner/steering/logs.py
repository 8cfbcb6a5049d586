"""`doit logs`: what a session has printed, as it was shown while it ran; and what it prints now."""

from __future__ import annotations

import contextlib
import platform
import time
from typing import TYPE_CHECKING

import psutil
from doit import get_var

from contract.documents.runs import Ledger
from contract.errors import BackendUnreachableError, InputError, SessionLostError
from contract.events import say
from contract.storage import files
from runner.backends.registry import open_backend
from runner.display import Display
from runner.lineage import Phase, read_lineage
from runner.stages.execute import back_off_pause, poll_pause
from runner.steering.answers import is_yes

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.backends.base import Backend
    from runner.layout import SessionFolder
    from runner.lineage import SessionState
    from runner.workspace import Workspace

PATIENCE_SECONDS = 60.0
"""For how long a log may not grow that another command copies, before the backend is asked for it as well."""


def show_log(workspace: Workspace, job: str) -> None:
    """Show the log of the session that the command line names, or of the newest one; with `follow=yes` as it grows.

    Raises:
        InputError: there is no such session.
        BackendError: one that runs is nobody's to watch, and its backend refuses.
    """
    session = _chosen(workspace, job, get_var("session"))
    if session is None:
        say(f"{job}: has no sessions yet, so there is no log")
        return
    follows = is_yes("follow")
    with Display(job, session.folder.number) as display:
        reader = Reader(session.folder, display)
        reader.read()
        if session.phase is Phase.SUBMITTED and session.ledger.handle is not None:
            with contextlib.ExitStack() as opened:

                def ask() -> Backend:
                    return opened.enter_context(open_backend(session.ledger.backend, workspace.runs))

                is_copied = _is_copied(workspace, job)
                if follows:
                    follow(reader, ask, patience=PATIENCE_SECONDS if is_copied else 0.0)
                elif not is_copied:
                    _read_once(reader, ask)
    if not reader.shown:
        say(f"{job}: session {session.folder.number} has printed nothing, as far as this machine knows")


def _chosen(workspace: Workspace, job: str, asked: object) -> SessionState | None:
    lineage = read_lineage(workspace.runs, job)
    if asked is None:
        begun = [each for each in lineage.sessions if each.phase > Phase.PACKAGED or each.folder.log.exists()]
        return begun[-1] if begun else lineage.head
    found = lineage.session(int(str(asked))) if str(asked).isdecimal() else None
    if found is None:
        known = ", ".join(str(each.number) for each in lineage.sessions)
        remedy = f"choose one of {known}" if known else "it has none yet"
        raise InputError(f"job {job}", f"has no session {asked!s} in its current lineage", remedy)
    return found


class Reader:
    """Shows the log of a session from where it was shown last.

    Args:
        folder: the session.
        display: shows it.
    """

    def __init__(self, folder: SessionFolder, display: Display) -> None:
        self._folder = folder
        self._display = display
        self.shown = 0

    def read(self) -> bool:
        """Show what came to the log on this machine; return whether anything did."""
        news = b""
        with contextlib.suppress(FileNotFoundError), self._folder.log.open("rb") as log:
            log.seek(self.shown)
            news = log.read()
        return self._show(news)

    def read_there(self, backend: Backend) -> bool:
        """Show what came to the log where the session runs; return whether it has ended."""
        handle = str(Ledger.read(self._folder.ledger_json).handle)
        try:
            is_over = backend.status(handle).state.is_terminal  # asked first: a log read after the end is whole
            self._show(backend.logs(handle, self.shown))
        except SessionLostError as error:
            self.say(error.problem)
            return True
        return is_over

    def _show(self, news: bytes) -> bool:
        self.shown += len(news)
        self._display.feed(news)
        return bool(news)

    @property
    def has_ended(self) -> bool:
        """Whether somebody has written down that the session has ended."""
        return self._folder.execution_json.exists()

    def say(self, text: str) -> None:
        """Show a line of the command's own."""
        self._display.say(text)


def _read_once(reader: Reader, ask: Callable[[], Backend]) -> None:
    try:
        reader.read_there(ask())
    except BackendUnreachableError as error:
        reader.say(f"{error}; above is what this machine has of the log")


def follow(
    reader: Reader, ask: Callable[[], Backend], *, patience: float, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Show a log as it grows, until its session has ended.

    Args:
        reader: shows it.
        ask: opens the backend, where nobody else copies the log.
        patience: seconds without news after which that is so.
        sleep: waits.
    """
    backend: Backend | None = None
    polls, failures, quiet = 0, 0, 0.0
    while True:
        is_over = reader.has_ended
        before = reader.shown
        reader.read()
        pause = poll_pause(polls)
        if reader.shown == before and not is_over and quiet >= patience:
            try:
                backend = backend or ask()
                is_over = reader.read_there(backend)
                failures = 0
            except BackendUnreachableError as error:
                failures += 1
                pause = back_off_pause(failures)
                reader.say(f"{error}; asking again in {pause:.0f} s")
        if is_over:
            if not reader.has_ended:
                reader.say("has ended; the next `doit resume` downloads what it left")
            return
        quiet = 0.0 if reader.shown > before and backend is None else quiet + pause
        polls += 1
        sleep(pause)


def _is_copied(workspace: Workspace, job: str) -> bool:
    """Whether another command holds the job, and so copies its session's log."""
    try:
        holder = files.read_json(workspace.runs.lock_holder(job))
        return holder["host"] == platform.node() and psutil.pid_exists(int(holder["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False
