"""A pickle's file as the object that it would make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from contract.errors import shown
from restore.reading.judging import judging, refuse_large
from restore.reading.object_machine import read_object
from restore.reading.spans import UnsoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import TypeVar

    import numpy.typing as npt

    from restore.reading.object_machine import Made

    T = TypeVar("T")

_REMEDY = "copy it again, or remove it to go without"


def read_pickle(path: Path, max_bytes: int, extract: Callable[[Made], T]) -> T:
    """What `extract` finds in the object of a pickle, of which nothing is run.

    Raises:
        CheckpointError: it cannot be read, does what it need not, or holds something else.
    """
    with judging(path.name, _REMEDY):
        refuse_large(path.stat().st_size, max_bytes, "validation.max_replay_bytes")
        return extract(read_object(path.read_bytes()))


def refuse_infinite(arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Refuse numbers that nothing can be learned from.

    Raises:
        UnsoundError: there is one.
    """
    for name, numbers in arrays.items():
        if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
            raise UnsoundError(f"holds NaN or infinity among its {shown(name)}")
