"""`doit gc`: what no session needs any more is removed from where sessions run, once the user agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.errors import InputError
from contract.events import say
from runner.backends.registry import backend_entry, commands_for
from runner.lineage import Phase, read_lineage

if TYPE_CHECKING:
    from runner.workspace import Workspace

AGREEMENT = "yes"


def tidy(workspace: Workspace, jobs: list[str]) -> None:
    """Remove what no session of `jobs` needs; a job with a session that may run is left alone.

    Raises:
        InputError: nobody is there to agree.
        BackendError: a backend gives no answer, or refuses.
    """
    idle = []
    for job in jobs:
        head = read_lineage(workspace.runs, job).head
        if head is not None and head.phase in (Phase.PACKAGED, Phase.SUBMITTED):
            say(f"gc  {job}: session {head.folder.number} may need what is there; nothing of it is removed")
        else:
            idle.append(workspace.wanted(job, "full").job)
    for name in sorted({job["backend"] for job in idle}):
        entry = backend_entry(name)
        if entry.tidy is None:
            say(f"gc  backend {name}: it keeps nothing; {commands_for('gc', lambda each: each.tidy)} looks elsewhere")
        else:
            entry.tidy(workspace.runs.backend(name), [job for job in idle if job["backend"] == name], _agrees)


def _agrees() -> bool:
    """Whether the user types the word."""
    try:
        return input(f"type {AGREEMENT} to remove it: ").strip() == AGREEMENT
    except EOFError:
        raise InputError("doit gc", "nobody answered whether to remove it", "run it in a terminal") from None
