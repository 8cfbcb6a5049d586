"""Many episodes side by side: what the single and the vectorised environment both are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from gymnasium.error import ResetNeeded

from contract.errors import CheckpointError
from trainer.envs.traffic_light.demand import draw_arrivals
from trainer.envs.traffic_light.network import LANE_GROUPS
from trainer.envs.traffic_light.observation import ObservationLayout
from trainer.envs.traffic_light.signal import Signal
from trainer.envs.traffic_light.simulator import Simulator, in_vehicles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trainer.envs.traffic_light.scenario import Scenario


class Transition(NamedTuple):
    """What one decision led to.

    Args:
        observations: float32, shape (num_envs, features).
        delay: vehicle-seconds since the decision, shape (num_envs,).
        ended: whether the episodes are over; they all have the same length.
    """

    observations: NDArray[np.float32]
    delay: NDArray[np.float64]
    ended: bool


class EpisodeBatch:
    """`num_envs` episodes of one scenario that begin and end together.

    No method loops over the environments but `reset`, where each draws its demand from its own
    generator: an environment in a batch goes through the same numbers as it would alone.
    """

    def __init__(self, num_envs: int, scenario: Scenario) -> None:
        self.num_envs = num_envs
        self.scenario = scenario
        self.layout = ObservationLayout(scenario.observed_segments)
        self._simulator = Simulator(num_envs)
        self._signal = Signal(num_envs, scenario.min_green, scenario.yellow)
        self._arrivals: NDArray[np.uint16] = np.zeros((0, num_envs, len(LANE_GROUPS)), dtype=np.uint16)
        self._clock = 0
        self._delay: NDArray[np.float64] = np.zeros(num_envs)

    def reset(self, generators: Sequence[np.random.Generator]) -> NDArray[np.float32]:
        """Begin new episodes, each with demand drawn from its own generator."""
        self._arrivals = np.stack([draw_arrivals(self.scenario, generator) for generator in generators], axis=1)
        self._simulator.clear()
        self._signal.clear()
        self._clock = 0
        self._delay = np.zeros(self.num_envs)
        return self._observe()

    def step(self, actions: NDArray[np.int64]) -> Transition:
        """Ask for the phases `actions`, shape (num_envs,), and go on until the next decision.

        Raises:
            ResetNeeded: the episodes are over, or have not begun.
        """
        if self._over:
            raise ResetNeeded("TrafficLight-v0: the episode is over or has not begun; call reset()")
        seconds = self.scenario.decision_interval
        arrivals = self._arrivals[self._clock : self._clock + seconds]
        delay = self._simulator.advance(arrivals, self._signal.advance(actions, seconds))
        self._clock += seconds
        self._delay += delay
        return Transition(self._observe(), delay, self._over)

    def summary(self) -> dict[str, NDArray[np.float64]]:
        """The episodes so far, each of shape (num_envs,).

        `total_delay` in vehicle-seconds; `arrived` and `departed` in vehicles; `mean_delay` in
        seconds per arrived vehicle.
        """
        arrived = self._arrivals[: self._clock].sum(axis=(0, 2), dtype=np.float64)
        return {
            "total_delay": self._delay.copy(),
            "mean_delay": self._delay / np.maximum(arrived, 1),
            "arrived": arrived,
            "departed": in_vehicles(self._simulator.departed),
        }

    def get_state(self) -> dict[str, Any]:
        """Everything that the rest of these episodes depends on, as a copy."""
        return {
            "clock": self._clock,
            "arrivals": self._arrivals.copy(),
            "delay": self._delay.copy(),
            "vehicles": self._simulator.vehicles.copy(),
            "departed": self._simulator.departed.copy(),
            "phase": self._signal.phase.copy(),
            "green_elapsed": self._signal.green_elapsed.copy(),
            "yellow_left": self._signal.yellow_left.copy(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave.

        The running episodes keep the demand and the length with which they began, whatever this
        scenario says: it governs those that begin later.

        Raises:
            CheckpointError: the state is not one of this number of environments.
        """
        if np.shape(state["vehicles"]) != self._simulator.vehicles.shape:
            raise CheckpointError(
                "state of TrafficLight-v0",
                f"its vehicles have shape {np.shape(state['vehicles'])}, expected {self._simulator.vehicles.shape}",
                "resume with the n_envs it was saved with",
            )
        self._clock = int(state["clock"])
        self._arrivals = np.array(state["arrivals"], dtype=np.uint16)
        self._delay = np.array(state["delay"], dtype=np.float64)
        self._simulator.vehicles[:] = state["vehicles"]
        self._simulator.departed[:] = state["departed"]
        self._signal.phase[:] = state["phase"]
        self._signal.green_elapsed[:] = state["green_elapsed"]
        self._signal.yellow_left[:] = state["yellow_left"]

    @property
    def _over(self) -> bool:
        return self._clock + self.scenario.decision_interval > len(self._arrivals)

    def _observe(self) -> NDArray[np.float32]:
        return self.layout.encode(self._simulator.vehicles, self._signal)
