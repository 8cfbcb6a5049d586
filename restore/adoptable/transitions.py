"""The transitions of a replay buffer that was pickled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from contract.errors import shown
from restore.adoptable.pickles import read_pickle, refuse_infinite
from restore.reading.object_machine import array, attributes
from restore.reading.spans import UnsoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from restore.reading.object_machine import Made

_KINDS = ("stable_baselines3.common.buffers ReplayBuffer", "stable_baselines3.common.buffers DictReplayBuffer")
_ROW_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


class Transitions(NamedTuple):
    """The rows of a replay buffer.

    Args:
        position: the row that would be written next.
        is_full: whether all rows are filled.
        arrays: by the names that a checkpoint gives them, each with all rows of the buffer.
    """

    position: int
    is_full: bool
    arrays: dict[str, npt.NDArray[Any]]


def read_transitions(path: Path, max_bytes: int) -> Transitions:
    """Read a pickle of a replay buffer.

    Raises:
        CheckpointError: it is not sound, or is something else.
    """
    return read_pickle(path, max_bytes, _extract)


def _extract(made: Made) -> Transitions:
    if made.made_by not in _KINDS:
        raise UnsoundError(f"holds a {shown(made.made_by.replace(' ', '.'))} instead of a ReplayBuffer")
    known = attributes(made, "ReplayBuffer")
    position, rows = known.get("pos"), known.get("buffer_size")
    if type(position) is not int or type(rows) is not int or not 0 <= position <= rows:
        raise UnsoundError(f"states the position {shown(position)} of {shown(rows)} rows")
    if known.get("optimize_memory_usage") is True:
        raise UnsoundError("was made with optimize_memory_usage, whose rows lean on each other")
    arrays = dict(_rows(known))
    if any(not each.shape or each.shape[0] != rows for each in arrays.values()):
        raise UnsoundError(f"has arrays of other lengths than its {rows:,} rows")
    is_full = known.get("full") is True
    refuse_infinite({name: each if is_full else each[:position] for name, each in arrays.items()})
    return Transitions(position, is_full, arrays)


def _rows(known: dict[str, Any]) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for name in _ROW_ARRAYS:
        found = known.get(name)
        if isinstance(found, dict):
            yield from ((f"{name}/{key}", array(each, f"{name}/{key}")) for key, each in found.items())
        elif found is not None:
            yield name, array(found, name)
