from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

from contract.errors import InputError
from trainer.envs.traffic_light.environment import TrafficLightEnv
from trainer.envs.traffic_light.vector import TrafficLightVectorEnv
from trainer.envs.vector_adapter import SB3VectorAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

DECISIONS = 6


def cart_poles(num_envs: int) -> SyncVectorEnv:
    make = [lambda: gym.make("CartPole-v1", max_episode_steps=12) for _ in range(num_envs)]
    return SyncVectorEnv(make, autoreset_mode=AutoresetMode.SAME_STEP)


def traffic_lights(num_envs: int) -> TrafficLightVectorEnv:
    return TrafficLightVectorEnv(num_envs, decisions=DECISIONS)


def array(values: Any) -> np.ndarray:
    assert isinstance(values, np.ndarray)
    return values


def same_info(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    theirs = {key: value for key, value in theirs.items() if value is not False} if not ours else theirs
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize(
    ("vectorised", "single"),
    [
        (traffic_lights, lambda: TrafficLightEnv(decisions=DECISIONS)),
        (cart_poles, lambda: gym.make("CartPole-v1", max_episode_steps=12)),
    ],
    ids=["traffic light", "cart pole"],
)
def test_it_equals_a_dummy_vec_env_of_single_environments(vectorised: Any, single: Any) -> None:
    ours, theirs = SB3VectorAdapter(vectorised(3)), DummyVecEnv([single] * 3)
    assert ours.seed(11) == theirs.seed(11) == [11, 12, 13]
    assert np.array_equal(array(ours.reset()), array(theirs.reset()))
    rng = np.random.default_rng(0)
    ended = 0
    for _ in range(40):
        actions = rng.integers(0, ours.action_space.n, size=3)  # type: ignore[attr-defined]
        mine, reference = ours.step(actions), theirs.step(actions)
        for left, right in zip(mine[:3], reference[:3], strict=True):
            assert np.array_equal(array(left), array(right))
            assert array(left).dtype == array(right).dtype
        assert all(same_info(left, right) for left, right in zip(mine[3], reference[3], strict=True))
        ended += int(mine[2].sum())
    assert ended > 3


def test_a_termination_is_no_time_limit() -> None:
    adapter = SB3VectorAdapter(cart_poles(2))
    adapter.seed(0)
    adapter.reset()
    flags = set()
    for step in range(60):
        push = np.array([1, step % 2])
        _, _, dones, infos = adapter.step(push)
        flags |= {(index, infos[index]["TimeLimit.truncated"]) for index in np.flatnonzero(dones).tolist()}
    assert flags == {(0, False), (1, True)}


def test_seeds_hold_for_one_reset_only() -> None:
    adapter = SB3VectorAdapter(traffic_lights(2))
    adapter.seed(1)
    adapter.reset()
    first = [adapter.step(np.array([0, 0]))[1].tolist() for _ in range(DECISIONS)]
    adapter.reset()
    assert [adapter.step(np.array([0, 0]))[1].tolist() for _ in range(DECISIONS)] != first


def test_an_environment_that_resets_in_the_next_step_is_refused() -> None:
    late = SyncVectorEnv([lambda: gym.make("CartPole-v1")], autoreset_mode=AutoresetMode.NEXT_STEP)
    with pytest.raises(InputError, match="NextStep, expected SameStep; set vectorization to dummy or subproc"):
        SB3VectorAdapter(late)


def test_the_state_protocol_is_there_exactly_where_the_environment_has_it() -> None:
    assert not hasattr(SB3VectorAdapter(cart_poles(1)), "get_state")
    assert not hasattr(SB3VectorAdapter(cart_poles(1)), "set_state")
    adapter, resumed = SB3VectorAdapter(traffic_lights(2)), SB3VectorAdapter(traffic_lights(2))
    adapter.seed(4)
    adapter.reset()
    adapter.step(np.array([0, 1]))
    resumed.set_state(adapter.get_state())
    for _ in range(2 * DECISIONS):
        actions = np.array([0, 3])
        assert np.array_equal(array(adapter.step(actions)[0]), array(resumed.step(actions)[0]))


def test_attributes_are_given_for_each_environment() -> None:
    adapter = SB3VectorAdapter(traffic_lights(3))
    assert [each.decisions for each in adapter.get_attr("scenario", indices=[0, 2])] == [DECISIONS] * 2
    assert not adapter.has_attr("no_such_attribute")
    adapter.set_attr("note", "here")
    assert adapter.get_attr("note") == ["here"] * 3
    with pytest.raises(NotImplementedError, match="in some environments"):
        adapter.set_attr("note", "there", indices=[1])
    separate = SB3VectorAdapter(cart_poles(2))
    assert separate.get_attr("gravity") == [9.8, 9.8]
    separate.set_attr("gravity", 1.6)
    assert separate.get_attr("gravity", indices=1) == [1.6]


def test_methods_are_called_where_environments_are_objects_of_their_own() -> None:
    assert SB3VectorAdapter(cart_poles(2)).env_method("get_wrapper_attr", "gravity") == [9.8, 9.8]
    with pytest.raises(NotImplementedError, match="no separate environments"):
        SB3VectorAdapter(traffic_lights(2)).env_method("get_state")
    with pytest.raises(NotImplementedError, match="in some environments"):
        SB3VectorAdapter(cart_poles(2)).env_method("get_wrapper_attr", "gravity", indices=[0])


def test_no_environment_is_said_to_be_wrapped() -> None:
    assert SB3VectorAdapter(cart_poles(2)).env_is_wrapped(gym.Wrapper, indices=0) == [False]


def test_options_are_passed_to_one_reset() -> None:
    class Recorder(TrafficLightVectorEnv):
        seen: list[Any]

        def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> Any:
            self.seen.append(options)
            return super().reset(seed=seed, options=options)

    env = Recorder(2)
    env.seen = []
    adapter = SB3VectorAdapter(env)
    adapter.set_options({"a": 1})
    adapter.reset()
    adapter.reset()
    assert env.seen == [{"a": 1}, None]
    adapter.set_options([{"a": 1}, {"a": 2}])
    with pytest.raises(NotImplementedError, match="same reset options"):
        adapter.reset()


def test_closing_it_closes_the_environment() -> None:
    env = traffic_lights(1)
    SB3VectorAdapter(env).close()
    assert env.closed


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_ppo_learns_through_it_in_rollouts_of_exactly_100_timesteps() -> None:
    env: VectorEnv[Any, Any, Any] = TrafficLightVectorEnv(10, decisions=DECISIONS)
    venv = VecNormalize(VecMonitor(SB3VectorAdapter(env)), norm_obs=False)
    model = PPO("MlpPolicy", venv, n_steps=10, batch_size=50, n_epochs=1, seed=0, device="cpu")
    model.learn(200)
    assert model.num_timesteps == 200
    assert model.ep_info_buffer is not None
    assert len(model.ep_info_buffer) == 200 // DECISIONS // 10 * 10
