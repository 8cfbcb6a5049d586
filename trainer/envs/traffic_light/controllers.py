"""Controllers to measure an agent by: a fixed-time plan and max-pressure.

Both act as an agent does, through the environment's actions and from its observations.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from contract.errors import InputError
from trainer.envs.traffic_light.demand import mean_rates
from trainer.envs.traffic_light.network import CAPACITY, LANES, PHASES, SERVED
from trainer.envs.traffic_light.observation import ObservationLayout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trainer.envs.traffic_light.scenario import Scenario

MAX_SATURATION = 0.9
"""Highest sum of critical flow ratios for which Webster's cycle is taken as it is; it has a pole at 1."""


class Controller(Protocol):
    """Chooses phases."""

    def reset(self) -> None:
        """Get ready for new episodes."""

    def act(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """The phase to show next, shape (num_envs,), for observations of shape (num_envs, features)."""


class FixedTime:
    """Shows the phases in turn, each as long as its plan says, whatever the traffic.

    Args:
        decisions: decision intervals of each phase, its yellow included; 0 skips a phase.
    """

    def __init__(self, decisions: Sequence[int]) -> None:
        self.decisions = tuple(decisions)
        self._cycle = np.repeat(np.arange(len(PHASES)), self.decisions)
        self._next = 0

    def reset(self) -> None:
        """Begin a cycle."""
        self._next = 0

    def act(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """The phase that the plan has now, the same for all."""
        phase = self._cycle[self._next % len(self._cycle)]
        self._next += 1
        return np.full(len(observations), phase)


class WebsterPlan:
    """Webster's fixed-time plan for the mean demand.

    With y_i the highest flow ratio (demand / saturation flow) of phase i's lane groups, Y their sum
    and L the lost time of a cycle, the cycle of least delay is (1.5 L + 5) / (1 - Y), its green is
    shared in proportion to y_i: F. V. Webster, "Traffic signal settings", Road Research Technical
    Paper 39, HMSO, 1958. A phase without demand is left out.

    Attributes:
        cycle: seconds.
        greens: effective green seconds of each phase, shape (4,).
        decisions: decision intervals of each phase, yellow included: what an agent can do of it.
    """

    def __init__(self, scenario: Scenario) -> None:
        flow_ratios = mean_rates(scenario) / (CAPACITY * LANES)
        critical = np.where(SERVED, flow_ratios, 0).max(axis=1)
        total = critical.sum()
        if total <= 0:
            raise InputError("Webster's plan", "no approach has any demand, expected some")
        lost = scenario.yellow * np.count_nonzero(critical)
        self.cycle = float((1.5 * lost + 5) / (1 - min(total, MAX_SATURATION)))
        self.greens: NDArray[np.float64] = critical / total * (self.cycle - lost)
        interval = scenario.decision_interval
        shortest = math.ceil((scenario.min_green + scenario.yellow) / interval)
        rounded = np.ceil((self.greens + scenario.yellow) / interval).astype(int)
        self.decisions = tuple(np.where(critical > 0, np.maximum(rounded, shortest), 0).tolist())


class MaxPressure:
    """Shows the phase with the highest pressure, taken anew at fixed intervals.

    A phase's pressure is the sum over its lane groups of saturation flow times (vehicles upstream -
    vehicles downstream): P. Varaiya, "Max pressure control of a network of signalized
    intersections", Transportation Research Part C 36, 2013, pp. 177-195. The roads out of this
    intersection lead out of the network and hold nobody. Among equals the phase shown stays.

    Args:
        scenario: that of the environment.
        period: decision intervals between two choices; each change costs a yellow, so that the
            best period is not the shortest.
    """

    def __init__(self, scenario: Scenario, period: int = 1) -> None:
        self._layout = ObservationLayout(scenario.observed_segments)
        self._period = period
        self._since_choice = 0

    def reset(self) -> None:
        """Choose at the next decision."""
        self._since_choice = 0

    def act(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """The phase of highest pressure, or between two choices the phase shown."""
        shown = self._layout.phase(observations)
        chooses = self._since_choice % self._period == 0
        self._since_choice += 1
        if not chooses:
            return shown
        pressure = (self._layout.vehicles(observations) * CAPACITY * LANES) @ SERVED.T
        rows = np.arange(len(observations))
        best: NDArray[np.int64] = pressure.argmax(axis=1)
        return np.where(pressure[rows, best] > pressure[rows, shown], best, shown)


def baselines(scenario: Scenario) -> dict[str, Callable[[], Callable[[NDArray[np.float32]], np.int64]]]:
    """What an agent is compared with, as `trainer.baselines` takes it; neither has been fitted to any episodes."""
    plan = WebsterPlan(scenario).decisions
    return {
        "fixed time (Webster's plan)": lambda: _for_one(FixedTime(plan)),
        "max-pressure": lambda: _for_one(MaxPressure(scenario)),
    }


def _for_one(controller: Controller) -> Callable[[NDArray[np.float32]], np.int64]:
    """A controller of one intersection, at the beginning of an episode."""
    controller.reset()
    return lambda observation: controller.act(observation[None])[0]
