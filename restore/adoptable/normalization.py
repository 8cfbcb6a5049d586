"""The running statistics of a VecNormalize that was pickled."""

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

_MADE_BY = "stable_baselines3.common.vec_env.vec_normalize VecNormalize"
_MAX_BYTES = 256 << 20
_STATISTICS = ("mean", "var", "count")


class Normalization(NamedTuple):
    """What a VecNormalize had learned.

    Args:
        norm_obs: whether it changed what the policy saw.
        arrays: `obs_rms/mean`, `ret_rms/count` and so on; of a dictionary `obs_rms:key/mean`.
    """

    norm_obs: bool
    arrays: dict[str, npt.NDArray[Any]]


def read_normalization(path: Path) -> Normalization:
    """Read a pickle of VecNormalize.

    Raises:
        CheckpointError: it is not sound, or is something else.
    """
    return read_pickle(path, _MAX_BYTES, _extract)


def _extract(made: Made) -> Normalization:
    if made.made_by != _MADE_BY:
        raise UnsoundError(f"holds a {shown(made.made_by.replace(' ', '.'))} instead of a VecNormalize")
    known = attributes(made, "VecNormalize")
    arrays = dict(_statistics(known))
    refuse_infinite(arrays)
    return Normalization(known.get("norm_obs") is True, arrays)


def _statistics(known: dict[str, Any]) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for name in ("obs_rms", "ret_rms"):
        found = known.get(name)
        several = found if isinstance(found, dict) else {"": found}
        for key, each in several.items():
            if each is None:
                continue
            called = f"{name}:{key}" if isinstance(found, dict) else name
            values = attributes(each, called)
            yield from ((f"{called}/{part}", array(values.get(part), f"{called}.{part}")) for part in _STATISTICS)
