"""What a session goes on from: the newest checkpoint that is still as it was adopted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.documents.removed import Removed
from contract.errors import CheckpointError
from restore import adoption
from runner.layout import SessionFolder

if TYPE_CHECKING:
    from pathlib import Path

    from contract.documents.runs import Restored
    from runner.display import Display


@dataclass(frozen=True)
class ParentFiles:
    """A checkpoint to go on from, and the best model so far, where they lie.

    Args:
        session: the session that made the checkpoint, as `0001`.
        timesteps: where it stands.
        checkpoint: the file, whose digest was checked.
        sha256: that digest.
        best_model: the best model so far, or None.
        segments: the files of its replay buffer, each compared with the digest in its name just now.
    """

    session: str
    timesteps: int
    checkpoint: Path
    sha256: str
    best_model: Path | None
    segments: tuple[Path, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of it all."""
        carried = (self.checkpoint, *self.segments, *([self.best_model] if self.best_model else []))
        return sum(path.stat().st_size for path in carried)


def choose_parent(restored: Restored, job_folder: Path, display: Display | None = None) -> ParentFiles:
    """The newest checkpoint of `restored` that is intact; what was passed over is said.

    Args:
        restored: what was adopted.
        job_folder: where its paths begin; its name is the job's.
        display: where to say it.

    Raises:
        CheckpointError: none is intact.
    """
    chosen, found = adoption.first_intact(restored, job_folder)
    given_up = _given_up(restored, job_folder) if found else set()
    refused = [_explained(reason, given_up) for reason in found]
    for reason in refused:
        if display is not None:
            display.checkpoint_line(f"Refused {reason}")
    if chosen is None:
        gone = f"no checkpoint is intact any more ({'; '.join(refused)})"
        problem = gone if refused else f"session {restored.session} has no checkpoint any more to go on from"
        remedy = f"restore the files from a backup, or run `doit fresh:{job_folder.name}` to start anew"
        raise CheckpointError(f"job {job_folder.name}", problem, remedy)
    if refused and display is not None:
        display.checkpoint_line(f"Going on from {chosen.file} at {chosen.timesteps:,} timesteps instead")
    best = restored.best_model
    return ParentFiles(
        session=chosen.session,
        timesteps=chosen.timesteps,
        checkpoint=job_folder / chosen.file,
        sha256=chosen.sha256,
        best_model=job_folder / best.file if best and adoption.problem_with(best, job_folder) is None else None,
        segments=adoption.segments(chosen, job_folder),
    )


def _given_up(restored: Restored, job_folder: Path) -> set[str]:
    """The files of the sessions that `restored` names which `doit gc` has removed."""
    folders = [SessionFolder(job_folder / number) for number in {each.session for each in restored.candidates}]
    found = {folder.number: Removed.read_if_there(folder.removed_json) for folder in folders}
    return {f"{number}/{file}" for number, removed in found.items() if removed is not None for file in removed.files}


def _explained(reason: str, given_up: set[str]) -> str:
    """Why a checkpoint was passed over, where it is missing on purpose."""
    file = next((each for each in given_up if reason == f"{each}: is missing"), None)
    return reason if file is None else f"{file}: was removed by `doit gc`"
