from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from contract.errors import InputError
from trainer.envs.traffic_light.environment import TrafficLightEnv
from trainer.envs.traffic_light.vector import TrafficLightVectorEnv

DECISIONS = 30


def make_vec(num_envs: int, **kwargs: Any) -> TrafficLightVectorEnv:
    env = gym.make_vec("trainer.envs:TrafficLight-v0", num_envs=num_envs, **kwargs)
    assert isinstance(env, TrafficLightVectorEnv)
    return env


def test_it_is_gymnasiums_vector_entry_point_and_declares_its_autoreset_mode() -> None:
    env = make_vec(3)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert env.observation_space.shape == (3, 38)
    assert env.single_action_space == gym.spaces.Discrete(4)


@pytest.mark.parametrize("num_envs", [1, 2, 5, 64])
def test_a_batch_is_its_single_environments_bit_for_bit(num_envs: int) -> None:
    together = make_vec(num_envs, decisions=DECISIONS)
    alone = [TrafficLightEnv(decisions=DECISIONS) for _ in range(num_envs)]
    observations, _ = together.reset(seed=7)
    singles = [env.reset(seed=7 + index)[0] for index, env in enumerate(alone)]
    assert np.array_equal(observations, singles)
    rng = np.random.default_rng(0)
    for _ in range(2 * DECISIONS + 3):
        actions = rng.integers(0, 4, size=num_envs)
        observations, rewards, terminated, truncated, infos = together.step(actions)
        for index, env in enumerate(alone):
            observation, reward, terminated_alone, truncated_alone, info = env.step(int(actions[index]))
            assert (reward, terminated_alone, truncated_alone) == (
                rewards[index],
                terminated[index],
                truncated[index],
            )
            if truncated_alone:
                assert np.array_equal(infos["final_obs"][index], observation)
                assert {key: infos["final_info"][key][index] for key in info} == info
                observation, _ = env.reset()
            assert np.array_equal(observations[index], observation)


def test_it_behaves_as_gymnasiums_own_vectorisation_of_the_single_environment() -> None:
    ours = make_vec(3, decisions=4)
    theirs = gym.make_vec(
        "trainer.envs:TrafficLight-v0",
        num_envs=3,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
        decisions=4,
    )
    assert np.array_equal(ours.reset(seed=1)[0], theirs.reset(seed=1)[0])
    for step in range(9):
        actions = np.array([step % 4, 1, 2])
        mine, reference = ours.step(actions), theirs.step(actions)
        for left, right in zip(mine[:4], reference[:4], strict=True):
            assert np.array_equal(left, right)
        assert mine[4].keys() == reference[4].keys()
        if mine[4]:
            assert np.array_equal(np.stack(mine[4]["final_obs"]), np.stack(reference[4]["final_obs"]))
            assert mine[4]["final_info"].keys() == reference[4]["final_info"].keys()
            for key, values in mine[4]["final_info"].items():
                assert np.array_equal(values, reference[4]["final_info"][key])


def test_seeds_are_given_one_by_one_or_counted_up() -> None:
    counted, listed = make_vec(2), make_vec(2)
    counted.reset(seed=5)
    listed.reset(seed=[5, 6])
    actions = np.zeros(2, dtype=np.int64)
    for _ in range(20):
        assert np.array_equal(counted.step(actions)[0], listed.step(actions)[0])


def test_results_handed_out_are_not_written_to_later() -> None:
    env = make_vec(2)
    observations, _ = env.reset(seed=0)
    kept = observations.copy()
    for _ in range(5):
        env.step(np.array([0, 2]))
    assert np.array_equal(observations, kept)


def test_a_batch_needs_an_environment() -> None:
    with pytest.raises(InputError, match="num_envs: found 0, expected at least 1"):
        make_vec(0)
