"""What belongs to no job: doit's memory, and how jobs.yaml is encoded."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, NamedTuple

from contract.storage import files
from runner.layout import DOIT_MEMORY, JOBS_FILE
from runner.repairing.doing import keep
from runner.verifying.folders import damaged_memories

if TYPE_CHECKING:
    from pathlib import Path

    from runner.layout import RunsFolder

_MARKED = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_WESTERN = "cp1252"
"""What editors of Windows save where nobody says otherwise."""


class ProjectRepair(NamedTuple):
    """What is to be done to the project.

    Args:
        aside: files that are moved out of the way.
        jobs: jobs.yaml in UTF-8, and how it was encoded; None where it is.
    """

    aside: tuple[Path, ...]
    jobs: tuple[bytes, str] | None

    @property
    def steps(self) -> list[str]:
        """Each thing to be done, in words."""
        said = [f"puts {each.name} aside: doit makes its memory anew" for each in self.aside]
        return [*said, f"writes {JOBS_FILE} in UTF-8, read as {self.jobs[1]}"] if self.jobs is not None else said


def plan_project(runs: RunsFolder) -> ProjectRepair:
    """What is to be done; changes nothing."""
    try:
        content = (runs.root / JOBS_FILE).read_bytes()
    except OSError:
        content = b""
    return ProjectRepair(tuple(damaged_memories(runs.root)), _in_utf8(content))


def do_project(runs: RunsFolder, repair: ProjectRepair, when: str) -> None:
    """Do it."""
    kept = runs.damaged("", when)
    for path in repair.aside:
        keep(path, kept / path.name)
        for suffix in ("-wal", "-shm") if path.name == DOIT_MEMORY else ():
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    if repair.jobs is not None:
        kept.mkdir(parents=True, exist_ok=True)
        files.write_bytes(kept / JOBS_FILE, (runs.root / JOBS_FILE).read_bytes())
        files.write_bytes(runs.root / JOBS_FILE, repair.jobs[0])


def _in_utf8(content: bytes) -> tuple[bytes, str] | None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        encoding = next((name for mark, name in _MARKED if content.startswith(mark)), _WESTERN)
        return content.decode(encoding, "replace").encode(), encoding
    return None
