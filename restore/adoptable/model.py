"""A model that `save` of Stable-Baselines3 wrote: where it stands, once its zip and all its tensors are found sound."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, NamedTuple

from contract.errors import shown
from contract.storage.layout import POLICY_MEMBER
from restore.integrity import DATA_MEMBER, MAX_DATA_BYTES, MAX_JSON_VALUES, MAX_MEMBERS, TORCH_SUFFIX
from restore.reading.judging import judging, refuse_large
from restore.reading.spans import Span, UnsoundError
from restore.reading.strict_json import read_object
from restore.reading.tensors import read_tensor_specs
from restore.reading.zip_file import ArchiveLimits, StrictZip

if TYPE_CHECKING:
    from pathlib import Path

_COUNTERS = ("_episode_num", "_n_updates", "_n_calls", "exploration_rate")
"""What the training went by, where it stands as a plain number beside the pickles of `data`."""
_REMEDY = "copy it again, or remove it to take in the one before"


class SavedModel(NamedTuple):
    """What a model says of itself.

    Args:
        content: the file.
        counters: plain numbers that its training went by.
    """

    content: bytes
    counters: dict[str, float]


def read_model(path: Path, *, timesteps: int, max_bytes: int) -> SavedModel:
    """Read a model to its last byte.

    Args:
        path: the file.
        timesteps: what its name states.
        max_bytes: the largest file to look at.

    Raises:
        CheckpointError: it is not sound, or does not stand where its name says.
    """
    with judging(path.name, _REMEDY):
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnsoundError("is not a plain file")
        with path.open("rb") as stream:
            span = Span(stream)
            refuse_large(span.size, max_bytes, "validation.max_checkpoint_bytes")
            counters = _counters(StrictZip(span, ArchiveLimits(MAX_MEMBERS, max_bytes)), timesteps)
            return SavedModel(span.read(0, span.size), counters)


def _counters(archive: StrictZip, timesteps: int) -> dict[str, float]:
    for name in (DATA_MEMBER, POLICY_MEMBER):
        if name not in archive.members:
            raise UnsoundError(f"lacks the member {name}, which each model of Stable-Baselines3 has")
    for name in archive.names:
        for _ in archive.stream(name):
            pass  # its CRC
        if name.endswith(TORCH_SUFFIX):
            read_tensor_specs(archive.span(name))
    values = read_object(archive.read(DATA_MEMBER, MAX_DATA_BYTES), max_values=MAX_JSON_VALUES, strict=False)
    found = values.get("num_timesteps")
    if type(found) is not int or found != timesteps:
        raise UnsoundError(f"holds a model at {shown(found)} timesteps, and its name says {timesteps:,}")
    return {name: values[name] for name in _COUNTERS if type(values.get(name)) in (int, float)}
