from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from contract.errors import CheckpointError
from trainer.envs.traffic_light.environment import TrafficLightEnv
from trainer.envs.traffic_light.vector import TrafficLightVectorEnv

if TYPE_CHECKING:
    from collections.abc import Callable

DECISIONS = 25
BEFORE, AFTER = 17, 45


def walk_single(env: TrafficLightEnv, actions: np.ndarray) -> list[bytes]:
    trace = []
    for action in actions[:, 0]:
        observation, reward, _, truncated, info = env.step(int(action))
        trace.append(observation.tobytes() + np.float64(reward).tobytes() + repr(info).encode())
        if truncated:
            trace.append(env.reset()[0].tobytes())
    return trace


def walk_vector(env: TrafficLightVectorEnv, actions: np.ndarray) -> list[bytes]:
    trace = []
    for row in actions:
        observations, rewards, _, _, infos = env.step(row)
        trace.append(observations.tobytes() + rewards.tobytes() + repr(infos).encode())
    return trace


@pytest.mark.parametrize("vectorised", [False, True])
def test_a_new_object_goes_on_exactly_over_an_episodes_end(vectorised: bool) -> None:
    def new() -> Any:
        return TrafficLightVectorEnv(3, decisions=DECISIONS) if vectorised else TrafficLightEnv(decisions=DECISIONS)

    walk: Callable[..., list[bytes]] = walk_vector if vectorised else walk_single
    actions = np.random.default_rng(0).integers(0, 4, size=(BEFORE + AFTER, 3))
    env = new()
    env.reset(seed=3)
    walk(env, actions[:BEFORE])
    state = env.get_state()
    expected = walk(env, actions[BEFORE:])

    resumed = new()
    resumed.set_state(state)
    assert walk(resumed, actions[BEFORE:]) == expected

    reseeded = new()
    reseeded.reset(seed=99)
    reseeded.set_state(state)
    assert walk(reseeded, actions[BEFORE:]) == expected, "the state was changed by its first use, or is incomplete"


def test_the_state_is_plain_data() -> None:
    env = TrafficLightVectorEnv(2)
    env.reset(seed=0)

    def plain(value: Any) -> Any:
        assert type(value) in {np.ndarray, dict, list, int, float, str, bool}
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items()}
        return [plain(each) for each in value] if isinstance(value, list) else np.asarray(value).tolist()

    assert json.dumps(plain(env.get_state()))


def test_an_environment_that_was_never_reset_has_a_state_too() -> None:
    env = TrafficLightVectorEnv(2)
    env.set_state(TrafficLightVectorEnv(2).get_state())
    observations, _ = env.reset(seed=1)
    assert np.array_equal(observations, TrafficLightVectorEnv(2).reset(seed=1)[0])


def test_a_running_episode_keeps_its_length_when_the_next_ones_get_another() -> None:
    env = TrafficLightEnv(decisions=10)
    env.reset(seed=0)
    env.step(0)
    longer = TrafficLightEnv(decisions=20)
    longer.set_state(env.get_state())
    assert [longer.step(0)[3] for _ in range(9)] == [False] * 8 + [True]
    longer.reset()
    assert [longer.step(0)[3] for _ in range(20)] == [False] * 19 + [True]


def test_the_state_of_another_number_of_environments_is_refused() -> None:
    with pytest.raises(CheckpointError, match="resume with the n_envs it was saved with"):
        TrafficLightVectorEnv(2).set_state(TrafficLightVectorEnv(3).get_state())
