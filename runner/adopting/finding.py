"""Which checkpoints a folder has, by their names: Stable-Baselines3's `CheckpointCallback` gives them, and others do.

The number in a name is the truth, never the mtime.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from contract.errors import InputError

_MODEL = re.compile(r"(?P<prefix>.+?)_(?P<timesteps>0|[1-9][0-9]{0,18})_steps\.zip")
_OURS = "_checkpoint"
_MOST_FILES = 100_000
_MOST_SHOWN = 4


class Found(NamedTuple):
    """A checkpoint, and what was saved beside it.

    Args:
        model: the zip.
        timesteps: the number in its name.
        normalization: the pickle of its VecNormalize, or None.
        replay: the pickle of its replay buffer, or None.
    """

    model: Path
    timesteps: int
    normalization: Path | None
    replay: Path | None


def find_checkpoints(folder: Path, job: str) -> list[Found]:
    """The checkpoints of one run in `folder` or below it, newest first.

    Args:
        folder: where to look.
        job: whose they are to become; of several runs, the one of this name is meant.

    Raises:
        InputError: there are none, or those of several runs.
    """
    if not folder.is_dir():
        raise InputError(f"folder {folder}", "is not there", "write from=FOLDER, which counts from jobs.yaml")
    runs: dict[tuple[Path, str], list[Found]] = {}
    for path in _files(folder):
        if match := _MODEL.fullmatch(path.name):
            found = _with_what_lies_beside(path, match["prefix"], int(match["timesteps"]))
            runs.setdefault((path.parent, match["prefix"]), []).append(found)
    if not runs:
        problem = "holds no checkpoint: no file in it is called PREFIX_N_steps.zip, N being a number of timesteps"
        raise InputError(f"folder {folder}", problem, "name the folder that the checkpoints lie in")
    named = [run for run in runs if run[1] in (job, job + _OURS)]
    meant = named if len(named) == 1 else list(runs)
    if len(meant) > 1:
        shown = sorted(str((parent / prefix).relative_to(folder)) for parent, prefix in meant)
        more = ", ..." if len(shown) > _MOST_SHOWN else ""
        problem = f"holds checkpoints of {len(meant)} runs ({', '.join(shown[:_MOST_SHOWN])}{more})"
        raise InputError(f"folder {folder}", problem, "name a folder that holds those of one run")
    return sorted(runs[meant[0]], key=lambda each: each.timesteps, reverse=True)


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        found += (Path(parent, name) for name in names if name.endswith(".zip"))
        if len(found) > _MOST_FILES:
            raise InputError(
                f"folder {folder}", f"holds more than {_MOST_FILES:,} zips", "name the one in which they lie"
            )
    return found


def _with_what_lies_beside(model: Path, prefix: str, timesteps: int) -> Found:
    def beside(kind: str) -> Path | None:
        path = model.with_name(f"{prefix}_{kind}_{timesteps}_steps.pkl")
        return path if path.is_file() else None

    return Found(model, timesteps, beside("vecnormalize"), beside("replay_buffer"))
