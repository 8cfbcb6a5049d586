"""What a controller sees: the layout of the observation, written and read here only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from gymnasium import spaces

from trainer.envs.traffic_light.network import CELLS, JAM_VEHICLES, LANE_GROUPS, LANES, PHASES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainer.envs.traffic_light.signal import Signal

QUEUE_SCALE: Final = 20.0
"""Vehicles per lane in the vertical queue that are shown as one half."""
GREEN_SCALE: Final = 60.0
"""Seconds of green that are shown as 1, like any longer green."""
_SIGNAL_FEATURES: Final = len(PHASES) + 2


class ObservationLayout:
    """Numbers from 0 to 1 in a row, for each intersection.

    For each of the 8 lane groups: the occupancy of each segment (vehicles in it / vehicles that
    fill it), from the entry to the stop line, and the vertical queue as q / (q + 20) with q in
    vehicles per lane. Then the phase (one-hot, 4), its green so far in minutes (at most 1), and
    whether the minimum green is over.

    Args:
        segments: equal parts of an approach, a divisor of its 12 cells.
    """

    def __init__(self, segments: int) -> None:
        self._segments = segments
        self._full = CELLS // segments * JAM_VEHICLES
        self._traffic = len(LANE_GROUPS) * (segments + 1)

    @property
    def space(self) -> spaces.Box:
        """The observation space of one intersection."""
        return spaces.Box(0.0, 1.0, shape=(self._traffic + _SIGNAL_FEATURES,), dtype=np.float32)

    def encode(self, vehicles: NDArray[np.float64], signal: Signal) -> NDArray[np.float32]:
        """Observations, shape (num_envs, features), of the simulator's `vehicles` and the `signal`."""
        num_envs = vehicles.shape[1]
        observations = np.zeros((num_envs, self._traffic + _SIGNAL_FEATURES), dtype=np.float32)
        traffic = observations[:, : self._traffic].reshape(num_envs, len(LANE_GROUPS), -1)
        in_segments = vehicles[1:].reshape(self._segments, -1, *vehicles.shape[1:]).sum(axis=1)
        traffic[..., :-1] = in_segments.transpose(1, 2, 0) / self._full
        traffic[..., -1] = vehicles[0] / (vehicles[0] + QUEUE_SCALE)
        observations[:, : self._traffic] = traffic.reshape(num_envs, -1)
        observations[np.arange(num_envs), self._traffic + signal.phase] = 1
        observations[:, -2] = np.minimum(signal.green_elapsed / GREEN_SCALE, 1)
        observations[:, -1] = signal.may_change
        return observations

    def vehicles(self, observations: NDArray[np.float32]) -> NDArray[np.float64]:
        """Vehicles on each lane group and in its vertical queue, shape (num_envs, 8)."""
        traffic = observations[:, : self._traffic].astype(np.float64).reshape(len(observations), len(LANE_GROUPS), -1)
        on_road = self._full * traffic[..., :-1].sum(axis=-1)
        queued = QUEUE_SCALE * traffic[..., -1] / (1 - traffic[..., -1])
        per_group: NDArray[np.float64] = (on_road + queued) * LANES
        return per_group

    def phase(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """The phase that is shown, shape (num_envs,)."""
        shown: NDArray[np.int64] = np.argmax(observations[:, self._traffic : self._traffic + len(PHASES)], axis=1)
        return shown
