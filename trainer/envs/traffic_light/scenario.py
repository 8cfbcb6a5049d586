"""The environment's arguments and what they may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NoReturn

from contract.errors import InputError
from trainer.envs.traffic_light.network import APPROACH_LANES, APPROACHES, CAPACITY, CELLS

SECONDS_PER_HOUR: Final = 3600
DEFAULT_DEMAND: Final = MappingProxyType({"north": 500.0, "east": 1100.0, "south": 400.0, "west": 800.0})
"""Vehicles per hour and approach."""
MAX_DEMAND: Final = APPROACH_LANES * CAPACITY * SECONDS_PER_HOUR
"""Vehicles per hour that an approach's lanes can carry with no signal in the way."""
SEGMENTATIONS: Final = tuple(segments for segments in range(1, CELLS + 1) if CELLS % segments == 0)
"""Into how many equal parts an approach can be cut."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Arguments of `TrafficLight-v0`.

    Args:
        demand: mean vehicles per hour of each approach (`north`, `east`, `south`, `west`).
        left_share: share of an approach's vehicles that turn left, 0 to 1.
        demand_spread: between episodes, each approach's demand is multiplied by a factor drawn
            uniformly from 1 - spread to 1 + spread; 0 to 1.
        demand_swing: within an episode, each approach's demand swings around its mean as one sine
            period of this relative amplitude and a random start; 0 to 1.
        min_green: seconds of green before a phase may end, at least 1.
        yellow: seconds lost at each change of phase (yellow and all-red), in which nobody crosses.
        decision_interval: seconds between two actions, at least 1.
        decisions: actions in an episode, after which it is truncated.
        observed_segments: equal parts of an approach in which vehicles are counted: 1, 2, 3, 4, 6 or
            12. The only argument that changes the observation space.

    Raises:
        InputError: a value is out of range.
    """

    demand: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_DEMAND))
    left_share: float = 0.2
    demand_spread: float = 0.5
    demand_swing: float = 0.8
    min_green: int = 5
    yellow: int = 3
    decision_interval: int = 5
    decisions: int = 180
    observed_segments: int = 3

    def __post_init__(self) -> None:
        if not isinstance(self.demand, Mapping) or set(self.demand) != set(APPROACHES):
            _refuse("demand", self.demand, f"vehicles per hour for each of {', '.join(APPROACHES)}")
        for approach in APPROACHES:
            _check_number(f"demand of {approach}", self.demand[approach], MAX_DEMAND)
        for name in ("left_share", "demand_spread", "demand_swing"):
            _check_number(name, getattr(self, name), 1.0)
        for name, lowest in (("min_green", 1), ("yellow", 0), ("decision_interval", 1), ("decisions", 1)):
            _check_whole_number(name, getattr(self, name), lowest)
        if self.observed_segments not in SEGMENTATIONS or isinstance(self.observed_segments, bool):
            _refuse("observed_segments", self.observed_segments, f"one of {', '.join(map(str, SEGMENTATIONS))}")

    @property
    def episode_seconds(self) -> int:
        """Simulated seconds in an episode."""
        return self.decisions * self.decision_interval


def _check_number(name: str, value: object, highest: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= highest:
        _refuse(name, value, f"a number from 0 to {highest:g}")


def _check_whole_number(name: str, value: object, lowest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        _refuse(name, value, f"a whole number of at least {lowest}")


def _refuse(name: str, found: object, expected: str) -> NoReturn:
    raise InputError(f"TrafficLight-v0 {name}", f"found {found!r}, expected {expected}")
