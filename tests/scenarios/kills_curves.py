"""What the sessions of a lineage measured, as one curve."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from runner.curve.stitching import stitched

if TYPE_CHECKING:
    from runner.curve.measurements import Curve
    from tests.scenarios.kills import Lineage


def curve_of(lineage: Lineage) -> Curve:
    return stitched(lineage.runs, lineage.job.name)


def measured(curve: Curve) -> list[tuple[int, str, float]]:
    """All that does not depend on the speed of the machine."""
    return [(each.timesteps, each.key, each.value) for each in curve.measurements if not each.key.startswith("time/")]


def check_seams(curve: Curve) -> None:
    """No gap, no timesteps twice."""
    assert curve.stretches[0].begins == 0
    assert all(one.ends == next_one.begins for one, next_one in pairwise(curve.stretches))
    assert [each.session for each in curve.stretches] == sorted({each.session for each in curve.stretches})
    for key in curve.keys:
        steps = [each.timesteps for each in curve.series(key)]
        assert steps == sorted(set(steps))
    parts = {each.session: each for each in curve.stretches}
    for each in curve.measurements:
        assert parts[each.session].begins <= each.timesteps <= parts[each.session].ends
