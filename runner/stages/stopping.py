"""A running session asked to stop from outside, and where it runs: the stage execute sees that it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.documents.runs import Ledger
from contract.errors import BackendError, BackendUnreachableError
from runner.backends.registry import open_backend

if TYPE_CHECKING:
    from runner.lineage import SessionState
    from runner.workspace import Workspace


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
