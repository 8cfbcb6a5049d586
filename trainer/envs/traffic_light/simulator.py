"""The cell transmission model of many independent intersections at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainer.envs.traffic_light.network import CAPACITY, CELLS, JAM_VEHICLES, LANE_GROUPS, LANES, WAVE_RATIO

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Simulator:
    """Traffic on the approaches of `num_envs` intersections, one second at a time.

    Daganzo (1994): in each second, from each cell to the next, there flow as many vehicles as the
    first holds, as the road carries, and as the second has room for: min(n_i, Q, (w/v)(N - n_i+1)).
    At the stop line, what the signal lets through takes the place of the last two. Before the first
    cell stands a vertical queue without limit, so that a jam turns no vehicle away.

    Everything is counted per lane, which makes capacity and room the same number everywhere.

    Attributes:
        vehicles: vehicles per lane, shape (13, num_envs, 8): the vertical queue, then the cells in
            the direction of travel; last axis as `network.LANE_GROUPS`.
        departed: vehicles per lane that crossed the stop line since `clear`, shape (num_envs, 8).
    """

    def __init__(self, num_envs: int) -> None:
        shape = (1 + CELLS, num_envs, len(LANE_GROUPS))
        self.vehicles: NDArray[np.float64] = np.zeros(shape)
        self.departed: NDArray[np.float64] = np.zeros(shape[1:])
        self._flow: NDArray[np.float64] = np.empty(shape)
        self._waited: NDArray[np.float64] = np.empty(shape)

    def clear(self) -> None:
        """Empty the roads."""
        self.vehicles[:] = 0
        self.departed[:] = 0

    def advance(self, arrivals: NDArray[np.float64 | np.uint16], green: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Go on by as many seconds as the arguments' first axis has.

        Args:
            arrivals: vehicles that join the vertical queues, shape (seconds, num_envs, 8).
            green: who may cross the stop line, shape (seconds, num_envs, 8).

        Returns:
            Delay in vehicle-seconds, shape (num_envs,): each vehicle counts once for each second
            in which it did not move.
        """
        vehicles, flow, waited = self.vehicles, self._flow, self._waited
        queue, cells, stop_line = vehicles[0], vehicles[1:], vehicles[-1]
        upstream, onward, crossing = vehicles[:-1], flow[:-1], flow[-1]
        arrivals_per_lane = arrivals / LANES
        discharge = green * CAPACITY
        waited[:] = 0
        for second in range(len(arrivals)):
            queue += arrivals_per_lane[second]
            np.subtract(JAM_VEHICLES, cells, out=onward)
            np.multiply(onward, WAVE_RATIO, out=onward)
            np.minimum(onward, CAPACITY, out=onward)
            np.minimum(onward, upstream, out=onward)
            np.minimum(stop_line, discharge[second], out=crossing)
            np.subtract(vehicles, flow, out=vehicles)
            np.add(waited, vehicles, out=waited)
            np.add(cells, onward, out=cells)
            self.departed += crossing
        return in_vehicles(waited.sum(axis=0))


def in_vehicles(per_lane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vehicles per intersection, shape (num_envs,), of vehicles per lane, shape (num_envs, 8)."""
    total: NDArray[np.float64] = (per_lane * LANES).sum(axis=-1)
    return total
