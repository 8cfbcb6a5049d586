"""What was measured, as the points of a line, and as few of them as tell the same."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from runner.curve.measurements import Curve

MOST_POINTS = 1_200
"""Of a line on a page: about as many as it is wide in pixels."""


class Line(NamedTuple):
    """Points from left to right.

    Args:
        timesteps: of each.
        values: of each.
    """

    timesteps: NDArray[np.float64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        """How many points; of a tuple it would be how many fields."""
        return len(self.timesteps)


def measured_line(curve: Curve, key: str) -> Line:
    """What was measured of `key`."""
    measured = curve.series(key)
    return Line(
        np.array([each.timesteps for each in measured], dtype=np.float64),
        np.array([each.value for each in measured], dtype=np.float64),
    )


def thinned(line: Line, most: int = MOST_POINTS) -> Line:
    """A line that looks the same and has at most `most` points.

    Its length is cut into equal parts, of each of which the lowest and the highest point stay, and the first and last
    of all: no peak is lost, as it would be if every n-th point stayed.
    """
    count = len(line)
    if count <= most:
        return line
    borders = np.linspace(0, count, max(2, most // 2)).astype(int)
    chosen = {0, count - 1}
    for begin, end in itertools.pairwise(borders):
        part = line.values[begin:end]
        chosen |= {begin + int(part.argmin()), begin + int(part.argmax())}
    kept = np.array(sorted(chosen))
    return Line(line.timesteps[kept], line.values[kept])
