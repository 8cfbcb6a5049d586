"""What of a curve is to be sent to a tracker, by what it has."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from contract.documents.metrics import EVALUATION_LENGTH, EVALUATION_MEAN, EVALUATION_STD
from runner.curve.event_files import REPEATS_THE_AXIS

if TYPE_CHECKING:
    from runner.curve.chain import Link
    from runner.curve.measurements import Curve, Measurement
    from runner.tracking.values import Held

_EVALUATED = frozenset({EVALUATION_MEAN, EVALUATION_STD, EVALUATION_LENGTH})
_NO_ROUNDING = 1e-12
"""A database may give a number back with less than its last digit."""


class Settled(NamedTuple):
    """The part of a training that no later session goes through again, as far as that is known now.

    Args:
        timesteps: of the newest checkpoint that was adopted; 0 where none was.
        borders: where sessions begin and end, and evaluations may be made twice.
        goes_on: whether a session is under way behind it.
    """

    timesteps: int
    borders: frozenset[int]
    goes_on: bool


class Replaced(NamedTuple):
    """What was sent is no longer a part of the training: it fell back to an older checkpoint, or was done again.

    Args:
        timesteps: the first ones that are not what they were.
        key: of which that was found.
    """

    timesteps: int
    key: str


class ToSend(NamedTuple):
    """What is new, by timesteps; nothing, where the tracker has everything.

    Args:
        points: each key at most once at the same timesteps.
    """

    points: tuple[Measurement, ...]


def settled(links: tuple[Link, ...]) -> Settled:
    """How far a training is settled, by the sessions that it stems from."""
    ends = [each.ends for each in links if each.ends is not None]
    borders = frozenset([*(each.begins for each in links), *ends])
    return Settled(ends[-1] if ends else 0, borders, goes_on=bool(links) and links[-1].ends is None)


def what_to_send(curve: Curve, known: Settled, held: Held) -> ToSend | Replaced:
    """What a run that has `held` lacks of `curve`.

    At a border an evaluation may have been made twice, by the session that ended there and the one that went on; the
    one that was sent first stays. What was sent of beyond a session that is under way is judged once that has ended.
    A key that the training never measured is somebody else's, and left alone.
    """
    measured = set(curve.keys)
    points = tuple(
        each for each in curve.measurements if each.timesteps <= known.timesteps and each.key not in REPEATS_THE_AXIS
    )
    now: dict[str, dict[int, float]] = {}
    for each in points:
        now.setdefault(each.key, {})[each.timesteps] = each.value
    replaced = sorted(
        Replaced(timesteps, key)
        for key, series in held.items()
        if key in measured
        for timesteps, value in series.items()
        if not (key in _EVALUATED and timesteps in known.borders)
        and not (known.goes_on and timesteps > known.timesteps)
        and not _is(now.get(key, {}).get(timesteps), value)
    )
    if replaced:
        return replaced[0]
    return ToSend(tuple(each for each in points if each.timesteps not in held.get(each.key, {})))


def _is(value: float | None, sent: float) -> bool:
    return value is not None and math.isclose(value, sent, rel_tol=_NO_ROUNDING)
