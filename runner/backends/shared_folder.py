"""The folder that a job states for the sandboxes of a cluster, which its nodes share with this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from contract.errors import InputError
from runner.backends.base import Check

_PATH = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")


def _on_one_line(value: str) -> str:
    if not _PATH.fullmatch(value):
        raise ValueError("must be a path on one line")
    return value


StatedPath = Annotated[str, AfterValidator(_on_one_line)]
"""A path as a section states it; it stands in scripts that a cluster runs."""


def stated_folder(job: str, key: str, stated: str | None, project: Path) -> Path | None:
    """The folder that a job states, with `~` and variables in it: one for everybody, in which each has its own.

    Args:
        job: its name.
        key: of jobs.yaml, that states it.
        stated: what it states, if anything.
        project: the folder of jobs.yaml.

    Raises:
        InputError: it names a variable that is not set.
    """
    if stated is None:
        return None
    path = os.path.expandvars(stated)
    if "$" in path:
        problem = f"{stated} names a variable that is not set here"
        raise InputError(f"job {job}, key {key}", problem, "set it, or write the folder itself")
    return (project / Path(path).expanduser()).absolute()


def look_at_folder(folder: Path, key: str) -> Check:
    """Whether sandboxes can be made in a folder, which need not be there yet; `key` of jobs.yaml names another one."""
    place = folder
    while not place.exists():
        place = place.parent
    if os.access(place, os.W_OK):
        return Check("sandboxes", f"lie in {folder}, which each node has to see under this path")
    return Check("sandboxes", f"{place} is not writable: make it so, or set {key}", is_well=False)
