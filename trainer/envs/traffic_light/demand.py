"""Poisson demand: an episode's arrivals, drawn at once when it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainer.envs.traffic_light.network import APPROACHES, LANE_GROUPS, MOVEMENTS
from trainer.envs.traffic_light.scenario import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainer.envs.traffic_light.scenario import Scenario


def mean_rates(scenario: Scenario) -> NDArray[np.float64]:
    """Mean arrivals in vehicles per second, shape (8,): by lane group."""
    shares = np.array([1 - scenario.left_share, scenario.left_share])
    rates: NDArray[np.float64] = np.outer(_approach_rates(scenario), shares)
    return rates.ravel()


def draw_arrivals(scenario: Scenario, generator: np.random.Generator) -> NDArray[np.uint16]:
    """Vehicles that arrive in each second at each lane group: shape (episode seconds, 8).

    `generator` alone decides, and an episode takes all that it needs here: so an environment's
    traffic does not depend on what it is stepped together with, or on what the signal does.

    How many arrive is a Poisson number; given how many, the arrivals of a Poisson process are
    independent of each other and spread as its rate is. That takes a draw for each vehicle, where
    counting second by second would take one for each second and lane group.
    """
    low, high = 1 - scenario.demand_spread, 1 + scenario.demand_spread
    factor = generator.uniform(low, high, size=len(APPROACHES))
    start = generator.uniform(size=(len(APPROACHES), 1))
    seconds = scenario.episode_seconds
    swing = 1 + scenario.demand_swing * np.sin(2 * np.pi * (np.arange(seconds) / seconds + start))
    expected = np.cumsum((_approach_rates(scenario) * factor)[:, np.newaxis] * swing)
    vehicles = generator.poisson(expected[-1])
    place = np.searchsorted(expected, generator.uniform(high=expected[-1], size=vehicles), side="right")
    # Rounding lets a draw reach the upper end itself, which lies behind the last second.
    approach, second = np.divmod(np.minimum(place, expected.size - 1), seconds)
    movement = generator.uniform(size=vehicles) < scenario.left_share
    group = len(MOVEMENTS) * approach + movement
    counts = np.bincount(len(LANE_GROUPS) * second + group, minlength=seconds * len(LANE_GROUPS))
    return counts.astype(np.uint16).reshape(seconds, len(LANE_GROUPS))


def _approach_rates(scenario: Scenario) -> NDArray[np.float64]:
    return np.array([scenario.demand[approach] for approach in APPROACHES], dtype=np.float64) / SECONDS_PER_HOUR
