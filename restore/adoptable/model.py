"""A model that `save` of Stable-Baselines3 wrote: where it stands, once its zip and all its tensors are found sound."""

from __future__ import annotations

import stat
import struct
from typing import TYPE_CHECKING, NamedTuple

from contract.errors import CheckpointError, shown
from contract.storage.layout import POLICY_MEMBER
from restore.reading.spans import Span, UnsoundError
from restore.reading.strict_json import read_object
from restore.reading.tensors import read_tensor_specs
from restore.reading.zip_file import ArchiveLimits, StrictZip

if TYPE_CHECKING:
    from pathlib import Path

_MAX_MEMBERS = 64
_MAX_DATA_BYTES = 16 << 20
_MAX_JSON_VALUES = 200_000
_DATA_MEMBER = "data"
_TORCH_SUFFIX = ".pth"
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
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnsoundError("is not a plain file")  # noqa: TRY301 - one sentence for all that is wrong with a file
        with path.open("rb") as stream:
            span = Span(stream)
            if span.size > max_bytes:
                remedy = "raise validation.max_checkpoint_bytes"
                raise UnsoundError(f"has {span.size:,} bytes, more than the {max_bytes:,} allowed", remedy)  # noqa: TRY301 - as above
            counters = _counters(StrictZip(span, ArchiveLimits(_MAX_MEMBERS, max_bytes)), timesteps)
            return SavedModel(span.read(0, span.size), counters)
    except UnsoundError as error:
        raise CheckpointError(path.name, error.problem, error.remedy or _REMEDY) from None
    except OSError as error:
        raise CheckpointError(path.name, f"cannot be read: {error.strerror or error}", _REMEDY) from error
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, MemoryError, struct.error) as error:
        problem = f"cannot be understood ({type(error).__name__}: {shown(str(error))})"
        raise CheckpointError(path.name, problem, _REMEDY) from error


def _counters(archive: StrictZip, timesteps: int) -> dict[str, float]:
    for name in (_DATA_MEMBER, POLICY_MEMBER):
        if name not in archive.members:
            raise UnsoundError(f"lacks the member {name}, which each model of Stable-Baselines3 has")
    for name in archive.names:
        for _ in archive.stream(name):
            pass  # its CRC
        if name.endswith(_TORCH_SUFFIX):
            read_tensor_specs(archive.span(name))
    values = read_object(archive.read(_DATA_MEMBER, _MAX_DATA_BYTES), max_values=_MAX_JSON_VALUES, strict=False)
    found = values.get("num_timesteps")
    if type(found) is not int or found != timesteps:
        raise UnsoundError(f"holds a model at {shown(found)} timesteps, and its name says {timesteps:,}")
    return {name: values[name] for name in _COUNTERS if type(values.get(name)) in (int, float)}
