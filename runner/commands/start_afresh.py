"""A lineage laid aside, so that a job starts at 0 timesteps again."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from contract.errors import InputError
from contract.events import say
from runner.curve.showing import put_away
from runner.layout import put_away_json
from runner.lineage import Phase, PutAway, read_lineage
from runner.stages.stopping import submitted_handle

if TYPE_CHECKING:
    from runner.workspace import Workspace


def start_afresh(workspace: Workspace, job: str) -> None:
    """Archive the lineage of `job`; nothing is deleted.

    Raises:
        InputError: a session of it is still running.
        BackendError: one may have been submitted, and its backend does not say whether it was.
    """
    lineage = read_lineage(workspace.runs, job)
    if lineage.head is None:
        say(f"{job}: has no sessions yet, so there is nothing to archive")
        return
    if lineage.head.phase is Phase.SUBMITTED and submitted_handle(workspace, lineage.head) is not None:
        problem = f"session {lineage.head.folder.number} may still be running"
        raise InputError(
            f"job {job}", problem, f"let it end with `doit resume:{job}`, or stop it with `doit cancel:{job}`"
        )
    folder, target = workspace.runs.job(job), workspace.runs.archive(job, lineage.generation)
    target.parent.mkdir(parents=True, exist_ok=True)
    PutAway(at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds")).write(put_away_json(folder))
    folder.rename(target)
    put_away(workspace.runs, job, target)
    say(f"{job}: {len(lineage.sessions)} session(s) archived in {target}; the next run starts at 0 timesteps")
