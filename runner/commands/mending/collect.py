"""What a session left that was not there when it was looked for: looked for again before anything else is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.documents.runs import Execution
from contract.errors import BackendError
from contract.events import say
from runner.lineage import Phase, read_lineage

if TYPE_CHECKING:
    from runner.lineage import SessionState
    from runner.workspace import Workspace


def collect(workspace: Workspace, job: str) -> None:
    """Look for what the newest session of `job` left, and say what came."""
    head = _unsettled(workspace, job)
    if head is None:
        say(f"{job}: all that its newest session left is here")
    elif look_again(workspace, job):
        say(f"{job}: `{workspace.resume_command(job)}` goes on with it")
    else:
        say(f"{job}: nothing has come of session {head.folder.number} yet")


def look_again(workspace: Workspace, job: str) -> bool:
    """Whether something came of the newest session of a job, of which nothing had come."""
    head = _unsettled(workspace, job)
    if head is None:
        return False
    from runner.backends.registry import open_backend  # noqa: PLC0415 - hardly ever needed
    from runner.stages import download  # noqa: PLC0415

    try:
        with open_backend(Execution.read(head.folder.execution_json).backend, workspace.runs) as backend:
            return download.look_again(head.folder, backend)
    except BackendError as error:
        say(f"{job}: looked again for what session {head.folder.number} left: {error}")
        return False


def _unsettled(workspace: Workspace, job: str) -> SessionState | None:
    """The newest session of a job, if nothing came of it and a look may change that."""
    head = read_lineage(workspace.runs, job).head
    if head is None or not head.folder.nothing_came_json.exists() or head.phase < Phase.DOWNLOADED:
        return None
    return head
