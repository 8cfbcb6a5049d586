"""Poisson demand: an episode's arrivals, drawn at once when it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainer.envs.traffic_light.network import APPROACHES, LANE_GROUPS
from trainer.envs.traffic_light.scenario import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainer.envs.traffic_light.scenario import Scenario


def mean_rates(scenario: Scenario) -> NDArray[np.float64]:
    """Mean arrivals in vehicles per second, shape (8,): by lane group."""
    return _by_lane_group(scenario, np.array([scenario.demand[approach] for approach in APPROACHES]))


def draw_arrivals(scenario: Scenario, generator: np.random.Generator) -> NDArray[np.uint16]:
    """Vehicles that arrive in each second at each lane group: shape (episode seconds, 8).

    `generator` alone decides, and an episode takes all that it needs here: so an environment's
    traffic does not depend on what it is stepped together with, or on what the signal does.
    """
    low, high = 1 - scenario.demand_spread, 1 + scenario.demand_spread
    factor = generator.uniform(low, high, size=len(APPROACHES))
    start = generator.uniform(size=len(APPROACHES))
    progress = np.arange(scenario.episode_seconds)[:, np.newaxis] / scenario.episode_seconds
    swing = 1 + scenario.demand_swing * np.sin(2 * np.pi * (progress + start))
    mean = np.array([scenario.demand[approach] for approach in APPROACHES])
    return generator.poisson(_by_lane_group(scenario, mean * factor * swing)).astype(np.uint16)


def _by_lane_group(scenario: Scenario, vehicles_per_hour: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.array([1 - scenario.left_share, scenario.left_share])
    rates: NDArray[np.float64] = vehicles_per_hour[..., np.newaxis] * shares / SECONDS_PER_HOUR
    return rates.reshape(*vehicles_per_hour.shape[:-1], len(LANE_GROUPS))
