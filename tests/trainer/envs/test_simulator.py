from __future__ import annotations

import numpy as np
import pytest

from trainer.envs.traffic_light.network import CAPACITY, CELLS, JAM_VEHICLES, LANE_GROUPS, LANES
from trainer.envs.traffic_light.simulator import Simulator, in_vehicles

GROUPS = len(LANE_GROUPS)


def arrivals_per_lane(rate: float, seconds: int, num_envs: int = 1) -> np.ndarray:
    return np.full((seconds, num_envs, GROUPS), rate) * LANES


def signal(green: bool, seconds: int, num_envs: int = 1) -> np.ndarray:
    return np.full((seconds, num_envs, GROUPS), green)


def inside(simulator: Simulator) -> np.ndarray:
    return in_vehicles(simulator.vehicles.sum(axis=0))


def test_every_vehicle_that_entered_is_inside_or_has_left() -> None:
    rng = np.random.default_rng(1)
    simulator = Simulator(3)
    entered = np.zeros(3)
    for _ in range(200):
        arrivals = rng.poisson(0.3, size=(5, 3, GROUPS)).astype(float)
        simulator.advance(arrivals, rng.random((5, 3, GROUPS)) < 0.4)
        entered += arrivals.sum(axis=(0, 2))
        np.testing.assert_allclose(inside(simulator) + in_vehicles(simulator.departed), entered, rtol=1e-12)
    assert simulator.vehicles.min() >= 0
    assert simulator.vehicles[1:].max() <= JAM_VEHICLES
    assert (in_vehicles(simulator.departed) > 0).all()


def test_free_flow_has_no_delay_and_takes_one_cell_per_second() -> None:
    simulator = Simulator(1)
    delay = simulator.advance(arrivals_per_lane(CAPACITY, CELLS), signal(True, CELLS))
    assert delay == pytest.approx(0)
    assert (simulator.departed == 0).all()
    delay = simulator.advance(arrivals_per_lane(0.3, 100), signal(True, 100))
    assert delay == pytest.approx(0, abs=1e-9)
    assert (simulator.departed > 0).all()


def test_red_stops_everyone_at_the_stop_line() -> None:
    simulator = Simulator(1)
    green = signal(True, 60)
    green[..., 3] = False
    simulator.advance(arrivals_per_lane(0.2, 60), green)
    assert simulator.departed[0, 3] == 0
    assert np.delete(simulator.departed[0], 3).min() > 0
    assert simulator.vehicles[-1, 0, 3] == pytest.approx(JAM_VEHICLES)


def test_delay_counts_each_second_of_each_stopped_vehicle() -> None:
    simulator = Simulator(1)
    simulator.vehicles[-1, 0] = 1.0
    delay = simulator.advance(arrivals_per_lane(0, 7), signal(False, 7))
    assert delay == pytest.approx(7 * LANES.sum())


def test_a_queue_that_fills_the_approach_spills_back_into_the_vertical_queue() -> None:
    simulator = Simulator(1)
    seconds = 300
    simulator.advance(arrivals_per_lane(0.4, seconds), signal(False, seconds))
    np.testing.assert_allclose(simulator.vehicles[1:], JAM_VEHICLES, rtol=1e-3)
    np.testing.assert_allclose(simulator.vehicles[0], 0.4 * seconds - CELLS * JAM_VEHICLES, rtol=1e-3)


def test_a_standing_queue_discharges_at_capacity() -> None:
    simulator = Simulator(1)
    simulator.vehicles[1:] = JAM_VEHICLES
    simulator.advance(arrivals_per_lane(0, 30), signal(True, 30))
    np.testing.assert_allclose(simulator.departed, 30 * CAPACITY)


def test_a_queue_dissolves_from_the_stop_line_and_its_end_still_waits() -> None:
    simulator = Simulator(1)
    simulator.vehicles[1:] = JAM_VEHICLES
    simulator.advance(arrivals_per_lane(0, 5), signal(True, 5))
    assert (simulator.vehicles[-1] < JAM_VEHICLES).all()
    assert (simulator.vehicles[1 : CELLS - 5] == JAM_VEHICLES).all()


def test_intersections_do_not_touch_each_other() -> None:
    simulator = Simulator(2)
    arrivals = arrivals_per_lane(0.3, 50, num_envs=2)
    arrivals[:, 1] = 0
    simulator.advance(arrivals, signal(True, 50, num_envs=2))
    assert inside(simulator)[0] > 0
    assert inside(simulator)[1] == 0


def test_clear_empties_the_roads() -> None:
    simulator = Simulator(1)
    simulator.advance(arrivals_per_lane(0.3, 50), signal(True, 50))
    simulator.clear()
    assert not simulator.vehicles.any()
    assert not simulator.departed.any()
