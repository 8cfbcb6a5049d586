"""One curve of several runs: the interquartile mean with a stratified bootstrap confidence interval.

As in R. Agarwal, M. Schwarzer, P. S. Castro, A. Courville and M. G. Bellemare, "Deep reinforcement learning at the edge
of the statistical precipice", Advances in Neural Information Processing Systems 34, 2021 (rliable): the mean of the
middle half of all runs, which one lucky or unlucky seed does not move, as a mean does, and which wastes less than a
median; and the percentiles of the same over runs drawn again with replacement, within each task of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from runner.report.series import Line

SHARE_LEFT_OUT = 0.25
"""At either end."""
RESAMPLES = 10_000
CONFIDENCE = 0.95
SEED = 0
"""Of the resampling: the same runs give the same interval."""
MOST_STOPS = 200
"""Of the timesteps at which runs are compared."""


class Estimate(NamedTuple):
    """An interquartile mean and its confidence interval, at each of several points."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class Aggregate(NamedTuple):
    """Several runs as one curve.

    Args:
        timesteps: at which they are compared: those that every run has come past.
        runs: what each had there, shape (runs, timesteps).
        estimate: of all of them.
    """

    timesteps: NDArray[np.float64]
    runs: NDArray[np.float64]
    estimate: Estimate


def interquartile_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the middle half along the last but one axis: a quarter at either end is left out, rounded down."""
    count = values.shape[-2]
    cut = int(SHARE_LEFT_OUT * count)
    middle: NDArray[np.float64] = np.sort(values, axis=-2)[..., cut : count - cut, :].mean(axis=-2)
    return middle


def estimate(runs: NDArray[np.float64], strata: Sequence[object], resamples: int = RESAMPLES) -> Estimate:
    """The interquartile mean of runs and its confidence interval.

    Args:
        runs: of each run its value at each point, shape (runs, points).
        strata: for each run what it is a repetition of: runs are drawn again among those of the same only.
        resamples: how often they are drawn again.
    """
    drawn = _drawn_again(strata, resamples)
    tails = (1 - CONFIDENCE) / 2
    columns = []
    for column in runs.T:  # one at a time: all at once may not fit into memory
        means = interquartile_mean(column[drawn][..., None])[:, 0]
        columns.append(np.quantile(means, [tails, 1 - tails]))
    low, high = np.array(columns).T
    return Estimate(interquartile_mean(runs), low, high)


def _drawn_again(strata: Sequence[object], resamples: int) -> NDArray[np.int64]:
    """Which runs each resample has, shape (resamples, runs)."""
    generator = np.random.default_rng(SEED)
    drawn = np.empty((resamples, len(strata)), dtype=np.int64)
    for stratum in dict.fromkeys(strata):
        places = np.array([index for index, each in enumerate(strata) if each == stratum])
        drawn[:, places] = generator.choice(places, size=(resamples, len(places)))
    return drawn


def aggregate(lines: Sequence[Line], strata: Sequence[object]) -> Aggregate | None:
    """Several runs as one curve; None where they have no timesteps in common.

    Between two measurements of a run its value is taken to lie on the straight line that joins them.

    Args:
        lines: what was measured of each.
        strata: for each run what it is a repetition of.
    """
    if not lines or any(len(each) == 0 for each in lines):
        return None
    first, last = max(each.timesteps[0] for each in lines), min(each.timesteps[-1] for each in lines)
    stops = np.unique(np.concatenate([each.timesteps for each in lines]))
    stops = stops[(stops >= first) & (stops <= last)]
    if len(stops) == 0:
        return None
    if len(stops) > MOST_STOPS:
        stops = np.linspace(first, last, MOST_STOPS)
    runs = np.array([np.interp(stops, each.timesteps, each.values) for each in lines])
    return Aggregate(stops, runs, estimate(runs, strata))
