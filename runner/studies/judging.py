"""What a trial's evaluations come to: pure functions of what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from contract.documents.metrics import EVALUATION_MEAN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.curve.measurements import Curve


class Evaluated(NamedTuple):
    """An evaluation.

    Args:
        due: the timesteps at which it was due, which trials have in common whatever the length of their rollouts.
        timesteps: at which it was.
        value: the mean return of its episodes.
    """

    due: int
    timesteps: int
    value: float


def evaluations(curve: Curve, frequency: int) -> list[Evaluated]:
    """The evaluations of a trial so far, by timesteps.

    Args:
        curve: what all its sessions measured.
        frequency: timesteps between two of them.
    """
    measured = curve.series(EVALUATION_MEAN)
    return [Evaluated(each.timesteps // frequency * frequency, each.timesteps, each.value) for each in measured]


def unreported(found: Sequence[Evaluated], reported: Mapping[int, float]) -> list[Evaluated]:
    """Those that are yet to be told, in order: one for each time at which one was due.

    An evaluation at the end that was not due, or one for which another had come first, is none of them.
    """
    latest = max(reported, default=0)
    told: list[Evaluated] = []
    for each in found:
        if each.due > latest:
            told.append(each)
            latest = each.due
    return told


def value(found: Sequence[Evaluated], metric: Literal["best", "last"], until: int | None = None) -> float | None:
    """What a trial comes to, None where it was never evaluated.

    Args:
        found: its evaluations.
        metric: which of them counts.
        until: the timesteps up to which they do.
    """
    values = [each.value for each in found if until is None or each.timesteps <= until]
    if not values:
        return None
    return max(values) if metric == "best" else values[-1]
