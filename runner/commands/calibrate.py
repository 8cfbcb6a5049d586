"""`doit calibrate`: what only the owner of an account can find out about where sessions run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.events import say
from runner.backends.registry import backend_entry, spell_commands

if TYPE_CHECKING:
    from runner.workspace import Workspace


def calibrate(workspace: Workspace, jobs: list[str]) -> None:
    """Calibrate each backend of `jobs` of which anything is to be found out.

    Raises:
        BackendError: it gives no answer, or refuses; the same command goes on.
    """
    for name in sorted({workspace.backend_name(job) for job in jobs}):
        found = backend_entry(name).calibrate
        if found is None:
            elsewhere = spell_commands("calibrate", lambda entry: entry.calibrate)
            say(f"backend {name}: there is nothing to calibrate; {elsewhere} finds something out")
        else:
            found(workspace.runs.backend(name))
