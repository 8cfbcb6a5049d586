"""`doit video`: the best agent of a job to look at."""

from __future__ import annotations

import shutil
import statistics
from typing import TYPE_CHECKING

from contract.errors import RelayError
from contract.events import say
from contract.plain_text import plain
from contract.storage import files
from runner.acting.choosing import best_agent
from runner.acting.order import VideoMade, VideoOrder
from runner.acting.process import acting

if TYPE_CHECKING:
    from pathlib import Path

    from runner.workspace import Workspace

SUFFIXES = (".mp4", ".gif")


def make_video(workspace: Workspace, job: str) -> None:
    """Record the best agent of `job` in a few episodes of its environment.

    Raises:
        RelayError: there is no agent yet, its environment draws nothing, or nothing here makes videos.
    """
    agent = best_agent(workspace.runs, job)
    plan = workspace.plan(job, "full")
    say(f"video     {job}  {agent.described} plays")
    with acting(workspace, plan, agent, VideoOrder(), VideoMade) as (made, folder):
        suffix = next((each for each in SUFFIXES if made.file.endswith(each)), None)
        if suffix is None:
            raise RelayError(f"job {job}", f"its agent's process made {plain(made.file)}, which is not a video")
        target = workspace.runs.best_agent(job, suffix)
        with files.replacing(target) as temporary:
            shutil.copyfile(folder / f"{target.stem}{suffix}", temporary)
    for other in SUFFIXES:
        if other != suffix:
            workspace.runs.best_agent(job, other).unlink(missing_ok=True)  # of an earlier agent
    for note in made.notes:
        say(f"video     {job}  {plain(note)}")
    say(f"video     {job}  {_told(made)}")
    say(f"video     {job}  {_from(workspace.runs.root, target)} ({files.human_bytes(target.stat().st_size)})")


def _told(made: VideoMade) -> str:
    length = f"{made.seconds:.1f} s, {made.width} x {made.height} pixels"
    if not made.rewards:
        return length
    count = len(made.rewards)
    episodes = "1 episode, reward" if count == 1 else f"{count} episodes, mean reward"
    return f"{length}: {episodes} {statistics.fmean(made.rewards):,.1f}"


def _from(root: Path, target: Path) -> str:
    return target.relative_to(root).as_posix()
