"""Several scripts as one array of Slurm: one submission, one line in the queue, and a job of its own for each.

A script's place in its array is noted in its sandbox before anything is submitted, so that its job is found by it even
where the answer of sbatch was lost.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.storage import files
from executors.sandbox import LOG_FILE, read_if_there
from executors.shared_sandboxes import LAUNCHER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ARRAY_FILE = "array.json"
ARRAY_SCRIPT = "array.sh"
MOST_TASKS = 500
"""Of one array: a cluster has 1,001 at most unless it was told otherwise."""


@dataclass(frozen=True)
class ArrayTask:
    """Where a script stands in an array.

    Args:
        array: the name of the array's job.
        index: of its own task.
        first: the name of the first of its workloads, in whose sandbox the array is submitted.
    """

    array: str
    index: int
    first: str

    def note(self, sandbox: Path) -> None:
        """Write it down in the script's sandbox."""
        files.write_json(sandbox / ARRAY_FILE, {"array": self.array, "index": self.index, "first": self.first})


def noted_task(sandbox: Path) -> ArrayTask | None:
    """The place that is noted in a sandbox; None where the script is submitted alone."""
    note = read_if_there(sandbox / ARRAY_FILE)
    return None if note is None else ArrayTask(str(note["array"]), int(note["index"]), str(note["first"]))


def write_array_script(script: Path, sandboxes: Sequence[Path], python: str) -> None:
    """Write what Slurm runs for each task: it becomes the launcher in the sandbox of that number.

    Args:
        script: where it goes.
        sandboxes: one for each task, each with the launcher in it.
        python: the interpreter.
    """
    choices = [f"{index}) sandbox={shlex.quote(str(sandbox))} ;;" for index, sandbox in enumerate(sandboxes)]
    own = f'"$sandbox/{LAUNCHER}" "$sandbox"'
    lines = (
        "#!/bin/sh",
        'case "$SLURM_ARRAY_TASK_ID" in',
        *choices,
        "esac",
        f'exec {shlex.quote(python)} {own} >>"$sandbox/{LOG_FILE}" 2>&1',
        "",
    )
    files.write_bytes(script, "\n".join(lines).encode())
