"""Checkpoints: one zip each, which plain `PPO.load` opens too, written whole or not at all."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer import files
from trainer.errors import CheckpointError
from trainer.layout import OPTIMIZER_MEMBER, RECORD_MEMBER, STATE_MEMBER
from trainer.records import CheckpointRecord, FileEntry, Parent
from trainer.resume_state import ResumeState

if TYPE_CHECKING:
    from pathlib import Path

    from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

    from trainer.layout import Artifacts

KEPT_CHECKPOINTS = 2
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Contents:
    """The members of a checkpoint but its record, and the record's part about them."""

    members: dict[str, bytes]
    entries: dict[str, FileEntry]


def collect(model: OnPolicyAlgorithm, state: ResumeState) -> Contents:
    """Copy everything that a checkpoint of `model` holds into memory."""
    stream = io.BytesIO()
    model.save(stream)
    with zipfile.ZipFile(stream) as saved:
        members = {name: saved.read(name) for name in saved.namelist()}
    members[STATE_MEMBER] = state.to_bytes()
    return Contents(members, {name: entry_of(content) for name, content in members.items()})


def pack(contents: Contents, record: CheckpointRecord) -> bytes:
    """The checkpoint as the bytes of a zip; equal members and record give equal bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as packed:
        everything = {RECORD_MEMBER: record.model_dump_json().encode(), **contents.members}
        for name, content in everything.items():
            packed.writestr(zipfile.ZipInfo(name, _ZIP_EPOCH), content)
    return stream.getvalue()


def entry_of(content: bytes) -> FileEntry:
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
        Its record, the resume state, and the whole file for `set_parameters`.

    Raises:
        CheckpointError: it is not the checkpoint that was asked for, or cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(path.name, f"cannot be read: {error}") from error
    if (found := files.sha256_of_bytes(content)) != parent.sha256:
        problem = f"is not the parent that was asked for: sha256 {found[:12]}, expected {parent.sha256[:12]}"
        raise CheckpointError(path.name, problem)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            record = CheckpointRecord.model_validate_json(packed.read(RECORD_MEMBER))
            packed.getinfo(OPTIMIZER_MEMBER)
            state = ResumeState.from_bytes(packed.read(STATE_MEMBER))
    except Exception as error:  # unpickling raises anything, and each means the same here
        raise CheckpointError(path.name, f"cannot be gone on from: {error}") from error
    if record.timesteps != parent.timesteps:
        problem = f"stands at {record.timesteps:,} timesteps, expected {parent.timesteps:,}"
        raise CheckpointError(path.name, problem)
    return record, state, content
