"""What environments offer to compare an agent with, played in the agent's own episodes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest

from contract.errors import InputError
from job.model import parse_job
from tests.trainer.conftest import job_values
from trainer.baselines import measure_baselines
from trainer.envs.traffic_light.controllers import FixedTime, MaxPressure, WebsterPlan
from trainer.envs.traffic_light.scenario import Scenario
from trainer.envs.traffic_light.vector import TrafficLightVectorEnv
from trainer.evaluation import SEED_OFFSET

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trainer.envs.traffic_light.controllers import Controller

EPISODES = 3
LIGHTS = {"id": "trainer.envs:TrafficLight-v0", "kwargs": {"decisions": 30}}


class Counting(gym.Env[Any, Any]):
    """Episodes of unequal lengths; their returns are how often action 1 was taken."""

    observation_space = gym.spaces.Box(-1, 1, (2,))
    action_space = gym.spaces.Discrete(2)
    max_episode_steps = 9

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.left = int(self.np_random.integers(4, 9))
        return np.zeros(2, np.float32), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.left -= 1
        return np.zeros(2, np.float32), float(action), self.left == 0, False, {}

    def baselines(self) -> dict[str, Callable[[], Callable[[NDArray[Any]], int]]]:
        def first_only() -> Callable[[NDArray[Any]], int]:
            steps = itertools.count()
            return lambda _: int(next(steps) == 0)

        return {"the first step of each episode": first_only, "never": lambda: lambda _: 0}


class Broken(Counting):
    def baselines(self) -> dict[str, Callable[[], Callable[[NDArray[Any]], int]]]:
        raise ValueError("the table of plans is missing")


@pytest.fixture(autouse=True, scope="module")
def registered() -> None:
    for entry in (Counting, Broken):
        gym.register(f"{entry.__name__}-v0", f"{entry.__module__}:{entry.__name__}")


def measured(**env: Any) -> dict[str, float]:
    return measure_baselines(parse_job(job_values(env=env, eval={"frequency": 16, "episodes": EPISODES})))


def played(controller: Controller) -> float:
    """The mean return of a controller in the episodes of the job's evaluations."""
    env = TrafficLightVectorEnv(EPISODES, decisions=30)
    observations, _ = env.reset(seed=[3 + SEED_OFFSET + index for index in range(EPISODES)])
    returns = np.zeros(EPISODES)
    for _ in range(30):
        observations, rewards, *_ = env.step(controller.act(observations))
        returns += rewards
    return float(returns.mean())


@pytest.mark.parametrize("wrapper", [None, "VecNormalize"])
def test_the_shipped_intersection_offers_webster_and_max_pressure_in_the_agents_episodes(wrapper: str | None) -> None:
    scenario = Scenario(decisions=30)
    found = measured(**LIGHTS, wrapper=wrapper)
    assert found == {
        "fixed time (Webster's plan)": pytest.approx(played(FixedTime(WebsterPlan(scenario).decisions))),
        "max-pressure": pytest.approx(played(MaxPressure(scenario))),
    }


def test_one_environment_after_the_other_comes_to_the_same_as_all_at_once() -> None:
    assert measured(**LIGHTS, vectorization="dummy").keys() == measured(**LIGHTS).keys()


def test_a_baseline_begins_each_episode_anew() -> None:
    assert measured(id="Counting-v0") == {"the first step of each episode": 1.0, "never": 0.0}


def test_an_environment_that_offers_none_has_none() -> None:
    assert measured(id="CartPole-v1") == {}


def test_baselines_that_fail_are_named_with_their_environment() -> None:
    with pytest.raises(InputError, match=r"Broken-v0: cannot play its baselines.*the table of plans is missing"):
        measured(id="Broken-v0")
