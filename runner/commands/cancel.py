"""A running session asked to stop, and where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.documents.runs import Ledger
from contract.errors import BackendError, BackendUnreachableError
from contract.events import say
from runner.backends.registry import open_backend
from runner.lineage import Phase, read_lineage

if TYPE_CHECKING:
    from runner.lineage import SessionState
    from runner.workspace import Workspace


def cancel(workspace: Workspace, job: str) -> None:
    """Ask the running session of `job` to stop after a last checkpoint.

    Raises:
        BackendError: its backend cannot ask it, or gives no answer.
    """
    head = read_lineage(workspace.runs, job).head
    if head is None or head.phase is not Phase.SUBMITTED:
        say(f"{job}: no session is running")
        return
    handle = submitted_handle(workspace, head)
    if handle is None:
        say(f"{job}: session {head.folder.number} was never submitted, so nothing is running")
        return
    ask_to_stop(workspace, head, handle)
    then = f"`{workspace.resume_command(job)}` restores its last checkpoint"
    say(f"{job}: session {head.folder.number} was asked to stop; {then}")


def ask_to_stop(workspace: Workspace, session: SessionState, handle: str) -> None:
    """Ask a running session to stop, having noted that it was asked.

    Args:
        workspace: the project.
        session: the session.
        handle: the backend's reference to it.

    Raises:
        BackendError: its backend cannot ask it, or gives no answer.
    """
    ledger = Ledger.read(session.folder.ledger_json)
    if ledger.handle is None:
        ledger = ledger.submitted(handle)
    ledger.asked_to_stop().write(session.folder.ledger_json)
    try:
        with open_backend(ledger.backend, workspace.runs) as backend:
            backend.cancel(handle)
    except BackendUnreachableError:
        raise  # perhaps it was asked
    except BackendError:
        # It goes on, and so does a `resume` that watches it.
        written = Ledger.read_if_there(session.folder.ledger_json) or ledger
        written.asked_to_stop(asked=False).write(session.folder.ledger_json)
        raise


def submitted_handle(workspace: Workspace, session: SessionState) -> str | None:
    """The backend's reference to a session that may have been submitted, None where it was not.

    Raises:
        BackendError: the backend does not say whether it was.
    """
    ledger = session.ledger
    if ledger.handle is not None:
        return ledger.handle
    try:
        with open_backend(ledger.backend, workspace.runs) as backend:
            return backend.find(ledger.key)
    except BackendError as error:
        number, name = session.folder.number, ledger.backend
        problem = f"session {number} may have been submitted to the {name} backend, which does not say so ({error})"
        remedy = (
            "run the same command again once it answers; if you know that nothing runs there, remove "
            f"{session.folder.ledger_json}"
        )
        kind = BackendUnreachableError if isinstance(error, BackendUnreachableError) else BackendError
        raise kind(f"job {session.folder.path.parent.name}", problem, remedy) from None
