from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contract.errors import InputError
from trainer.envs.traffic_light.controllers import Controller, FixedTime, MaxPressure, WebsterPlan
from trainer.envs.traffic_light.network import APPROACHES
from trainer.envs.traffic_light.scenario import Scenario
from trainer.envs.traffic_light.vector import TrafficLightVectorEnv

SEEDS = range(500, 520)


def mean_total_delay(controller: Controller, **kwargs: Any) -> float:
    env = TrafficLightVectorEnv(len(SEEDS), **kwargs)
    observations, _ = env.reset(seed=list(SEEDS))
    controller.reset()
    while True:
        observations, _, _, truncated, infos = env.step(controller.act(observations))
        if truncated.all():
            return float(infos["final_info"]["total_delay"].mean())


def test_websters_plan_is_his_formula() -> None:
    demand = {"north": 900, "east": 1350, "south": 450, "west": 450}
    plan = WebsterPlan(Scenario(demand=demand, left_share=0.2, yellow=3))
    critical = np.array([720 / 3600, 180 / 1800, 1080 / 3600, 270 / 1800])
    assert plan.cycle == pytest.approx((1.5 * 12 + 5) / (1 - critical.sum()))
    assert plan.greens == pytest.approx(critical / critical.sum() * (plan.cycle - 12))
    assert plan.decisions == tuple(np.ceil((plan.greens + 3) / 5).astype(int))


def test_websters_plan_leaves_out_a_phase_without_demand_and_keeps_the_minimum_green() -> None:
    plan = WebsterPlan(Scenario(demand=dict.fromkeys(APPROACHES, 50), left_share=0.0, min_green=9))
    assert plan.decisions == (3, 0, 3, 0)


def test_websters_plan_stays_finite_under_overload_and_needs_some_demand() -> None:
    assert WebsterPlan(Scenario(demand=dict.fromkeys(APPROACHES, 3000))).cycle == pytest.approx(230)
    with pytest.raises(InputError, match="no approach has any demand"):
        WebsterPlan(Scenario(demand=dict.fromkeys(APPROACHES, 0)))


def test_fixed_time_repeats_its_cycle() -> None:
    controller = FixedTime((2, 0, 1, 1))
    observations = np.zeros((2, 38), dtype=np.float32)
    shown = [controller.act(observations).tolist() for _ in range(5)]
    assert shown == [[0, 0], [0, 0], [2, 2], [3, 3], [0, 0]]
    controller.reset()
    assert controller.act(observations).tolist() == [0, 0]


def test_max_pressure_serves_the_fullest_phase_and_stays_among_equals() -> None:
    env = TrafficLightVectorEnv(2, demand={"north": 0, "east": 2000, "south": 0, "west": 0}, left_share=0.0)
    observations, _ = env.reset(seed=0)
    controller = MaxPressure(env.scenario)
    assert controller.act(observations).tolist() == [0, 0], "empty roads"
    observations, *_ = env.step(np.array([0, 0]))
    assert controller.act(observations).tolist() == [2, 2]


def test_max_pressure_keeps_the_phase_between_its_choices() -> None:
    env = TrafficLightVectorEnv(1, demand={"north": 0, "east": 2000, "south": 0, "west": 0}, left_share=0.0)
    observations, _ = env.reset(seed=0)
    controller = MaxPressure(env.scenario, period=3)
    shown = []
    for _ in range(5):
        action = controller.act(observations)
        shown.append(int(action[0]))
        observations, *_ = env.step(action)
    assert shown == [0, 0, 0, 2, 2]


def test_websters_plan_beats_equal_greens_under_asymmetric_demand() -> None:
    kwargs = {"demand_spread": 0.0, "demand_swing": 0.0}
    webster = WebsterPlan(Scenario(**kwargs))  # type: ignore[arg-type]
    equal = (round(sum(webster.decisions) / 4),) * 4
    assert mean_total_delay(FixedTime(webster.decisions), **kwargs) < mean_total_delay(FixedTime(equal), **kwargs)


def test_max_pressure_beats_websters_plan_under_asymmetric_changing_demand() -> None:
    scenario = Scenario()
    fixed = mean_total_delay(FixedTime(WebsterPlan(scenario).decisions))
    assert mean_total_delay(MaxPressure(scenario)) < fixed
