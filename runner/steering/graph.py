"""`doit graph`: the stages of the jobs, and which of them are stale, as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.events import say
from contract.storage import files
from runner.steering.drawing import draw
from runner.steering.stages import Look, picture_stages

if TYPE_CHECKING:
    from runner.workspace import Workspace


def draw_graph(workspace: Workspace, jobs: list[str]) -> None:
    """Draw how the stages of `jobs` stand."""
    pictures = [picture_stages(workspace, job) for job in jobs]
    target = workspace.runs.graph
    files.write_bytes(target, draw(pictures, f"stages of {', '.join(jobs)}").encode())
    looks = [look for picture in pictures for row in picture.rows for look in row.looks]
    stale = looks.count(Look.STALE)
    where = target.relative_to(workspace.runs.root).as_posix()
    say(f"{where}: {len(jobs)} job(s), {stale or 'no'} stage(s) stale; open it in a browser")
