"""Checkpoints: one zip each, which plain `PPO.load` opens too, written whole or not at all."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stable_baselines3.common.save_util import load_from_zip_file, recursive_getattr

from contract.documents.session import CheckpointRecord, FileEntry, Parent
from contract.errors import CheckpointError
from contract.storage import files
from contract.storage.layout import RECORD_MEMBER, STATE_MEMBER
from contract.storage.zips import timeless_member
from trainer.checkpoint.resume_state import ResumeState

if TYPE_CHECKING:
    from pathlib import Path

    from stable_baselines3.common.base_class import BaseAlgorithm

    from contract.storage.layout import Artifacts

KEPT_CHECKPOINTS = 2


@dataclass(frozen=True)
class Contents:
    """A copy of all that a checkpoint holds but its record.

    Args:
        model: what `save` of Stable-Baselines3 writes, as bytes.
        state: the resume state, as bytes.
    """

    model: bytes
    state: bytes

    @property
    def held_bytes(self) -> int:
        """The memory that it takes."""
        return len(self.model) + len(self.state)

    def members(self) -> dict[str, bytes]:
        """The zip's members by name."""
        with zipfile.ZipFile(io.BytesIO(self.model)) as saved:
            members = {name: saved.read(name) for name in saved.namelist()}
        return members | {STATE_MEMBER: self.state}


def collect(model: BaseAlgorithm, state: ResumeState) -> Contents:
    """Copy everything that a checkpoint of `model` holds into memory: what training has to wait for."""
    stream = io.BytesIO()
    model.save(stream)
    return Contents(stream.getvalue(), state.to_bytes())


def pack(contents: Contents, record: CheckpointRecord) -> bytes:
    """The checkpoint as the bytes of a zip; equal contents and record give equal bytes.

    Args:
        contents: what it holds.
        record: what it says of itself, but for the members, which are added here.
    """
    members = contents.members()
    record = record.model_copy(update={"members": {name: file_entry(each) for name, each in members.items()}})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as packed:
        everything = {RECORD_MEMBER: record.model_dump_json().encode(), **members}
        for name, content in everything.items():
            packed.writestr(timeless_member(name), content)
    return stream.getvalue()


def file_entry(content: bytes) -> FileEntry:
    """Size and digest of `content`."""
    return FileEntry(bytes=len(content), sha256=files.sha256_of_bytes(content))


def rotate(artifacts: Artifacts) -> list[Path]:
    """Remove all but the newest checkpoints by the number in their names; return what was removed."""
    surplus = list(artifacts.checkpoints_by_timesteps().values())[:-KEPT_CHECKPOINTS]
    for path in surplus:
        path.unlink()
    return surplus


def open_parent(path: Path, parent: Parent) -> tuple[CheckpointRecord, ResumeState, bytes]:
    """Read the checkpoint that a session goes on from.

    Returns:
        Its record, the resume state, and the whole file for `load_tensors`.

    Raises:
        CheckpointError: it is not the checkpoint that was asked for, or cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(path.name, f"cannot be read: {error}") from error
    if (found := files.sha256_of_bytes(content)) != parent.sha256:
        problem = (
            f"is not the parent that was asked for: sha256 {files.short(found)}, expected {files.short(parent.sha256)}"
        )
        raise CheckpointError(path.name, problem)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            record = CheckpointRecord.model_validate_json(packed.read(RECORD_MEMBER))
            state = ResumeState.from_bytes(packed.read(STATE_MEMBER))
    except Exception as error:  # unpickling raises anything, and each means the same here
        raise CheckpointError(path.name, f"cannot be resumed from: {error}") from error
    if record.timesteps != parent.timesteps:
        problem = f"stands at {record.timesteps:,} timesteps, expected {parent.timesteps:,}"
        raise CheckpointError(path.name, problem)
    return record, state, content


def load_tensors(model: BaseAlgorithm, content: bytes, optimizers: tuple[str, ...]) -> None:
    """Put the tensors of a checkpoint into `model`, in place.

    Args:
        model: the algorithm, made from the job.
        content: the checkpoint, whose digest was checked.
        optimizers: the state dicts without which no training goes on exactly.

    Raises:
        CheckpointError: they are not those of this model.
    """
    try:
        _, parameters, variables = load_from_zip_file(io.BytesIO(content), device=model.device, load_data=False)
        if missing := [name for name in ("policy", *optimizers) if name not in parameters]:
            raise KeyError(f"the state of {missing[0]} is missing")
        model.set_parameters(parameters, exact_match=True, device=model.device)
        for name, value in (variables or {}).items():
            recursive_getattr(model, name).data = value.data
    except (ValueError, RuntimeError, LookupError, AttributeError, TypeError) as error:
        problem = f"does not fit the job's model: {' '.join(str(error).split())}"
        raise CheckpointError("the parent", problem) from error
