"""Does what was planned; whatever is replaced is kept."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from contract.storage import files

if TYPE_CHECKING:
    from pathlib import Path

    from runner.layout import RunsFolder
    from runner.repairing.planning import Repair


def do_repair(runs: RunsFolder, repair: Repair, when: str, now: float) -> None:
    """Do it, in an order in which a kill leaves what the next `repair` finds and ends.

    Args:
        runs: where the job's sessions lie.
        repair: what is to be done.
        when: names the folder for what is replaced.
        now: the time that documents from the future are given.
    """
    kept, job = runs.damaged(repair.job, when), runs.job(repair.job)
    for found in repair.found:
        if found.target.exists():
            keep(found.target, kept / found.target.relative_to(job))
        source = found.source if found.source.exists() else kept / found.source.relative_to(job)
        with files.replacing(found.target) as copy:
            shutil.copyfile(source, copy)
        if found.is_misnamed and found.source.exists():
            keep(found.source, kept / found.source.relative_to(job))
    for path, _ in repair.aside:
        keep(path, kept / path.relative_to(job))
    for path, content in repair.documents:
        if path.exists():
            (kept / path.relative_to(job)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, kept / path.relative_to(job))
        if path.parent.exists():
            files.write_bytes(path, content)
    for path in repair.touched:
        if path.exists():
            os.utime(path, (now, now))


def keep(path: Path, place: Path) -> None:
    """Move a file or a folder out of the way."""
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, place)
    if path.parent.exists():
        files.fsync_directory(path.parent)
