"""A running session asked to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.events import say
from runner.lineage import Phase, read_lineage
from runner.stages.stopping import ask_to_stop, submitted_handle

if TYPE_CHECKING:
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
