"""Whether what was adopted is still what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.errors import RelayError
from contract.events import say
from restore.adoption import problem_with
from runner.lineage import Phase, read_lineage

if TYPE_CHECKING:
    from pathlib import Path

    from runner.workspace import Workspace


def verify(workspace: Workspace, job: str) -> None:
    """Check that every adopted file of `job` still is what was adopted.

    Raises:
        RelayError: one is not; the sentence names it.
    """
    problems, checked = [], 0
    removed = 0
    judged: dict[Path, str | None] = {}
    for session in read_lineage(workspace.runs, job).sessions:
        if session.phase is not Phase.RESTORED:
            continue
        restored = session.restored
        for reference in (*restored.candidates, restored.best_model):
            if reference is None or reference.session != session.folder.number:
                continue
            if reference.file.partition("/")[2] in session.removed.files:
                removed += 1
                continue
            checked += 1
            problem = problem_with(reference, workspace.runs.job(job), judged)
            if problem:
                problems.append(f"{reference.file} {problem}")
    if problems:
        remedy = "restore it from a backup; runs go on from the newest intact checkpoint"
        raise RelayError(f"job {job}", "; ".join(problems), remedy)
    given_up = f", and `doit gc` removed {removed}" if removed else ""
    say(f"{job}: {checked} file(s) are as they were adopted{given_up}")
