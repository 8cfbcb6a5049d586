"""Why no further session is begun unasked, in a sentence that names the command which was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.lineage import Phase
from runner.planning.restraint import why_not
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import JobOnDisk, as_wanted, write_jobs

if TYPE_CHECKING:
    from pathlib import Path


def test_who_has_to_ask_is_told_the_backend_that_was_named(tmp_path: Path, cart: JobOnDisk) -> None:
    write_jobs(tmp_path, cart=cart_pole())
    workspace = Workspace(tmp_path, "docker")
    crash = {"interrupted_by": "ValueError", "error": "boom"}
    for _ in range(2):
        cart.add(Phase.RESTORED, timesteps=0, outcome=crash, **as_wanted(workspace))
    plan = workspace.plan("cart", "full")
    reason = why_not(plan, workspace.resume_command("cart"))
    assert reason is not None
    assert "`doit resume:cart backend=docker`" in reason
