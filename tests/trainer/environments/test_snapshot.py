"""An environment's state, wrappers included: put back, the future is the same; where it cannot be, that is said."""

from __future__ import annotations

import copy
import random
import threading
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import FrameStackObservation, NormalizeObservation, TransformReward

from tests.trainer.conftest import Rebuilt, Troubled, digest_of
from trainer.environments.state.layers import SnapshotError, follows_state_protocol
from trainer.environments.state.snapshot import SnapshotWrapper
from trainer.envs.traffic_light.environment import TrafficLightEnv

if TYPE_CHECKING:
    from collections.abc import Callable


def made(env: gym.Env[Any, Any], seed: int | None = None) -> SnapshotWrapper:
    wrapped = SnapshotWrapper(env)
    wrapped.reset(seed=seed)
    return wrapped


def play(env: gym.Env[Any, Any], steps: int) -> str:
    """The digest of all that the next steps give, ends of episodes included."""
    actions = copy.deepcopy(env.action_space)
    actions.seed(steps)
    told: list[Any] = []
    for _ in range(steps):
        action = actions.sample()
        observation, reward, terminated, truncated, info = env.step(action)
        told.append((action, observation, reward, terminated, truncated, info))
        if terminated or truncated:
            told.append(env.reset())
    return digest_of(told)


def cart_pole(**kwargs: Any) -> gym.Env[Any, Any]:
    return gym.make("CartPole-v1", **kwargs)


MAKERS: dict[str, Callable[[], gym.Env[Any, Any]]] = {
    "time limit": lambda: cart_pole(max_episode_steps=7),
    "pendulum": lambda: gym.make("Pendulum-v1"),
    "acrobot": lambda: gym.make("Acrobot-v1", max_episode_steps=9),
    "every generator": lambda: gym.make("Troubled-v0"),
    "own protocol": lambda: gym.make("trainer.envs:TrafficLight-v0", decisions=6),
    "stateful wrappers": lambda: NormalizeObservation(FrameStackObservation(cart_pole(), 3)),
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_future_is_the_same_from_the_snapshot_on(name: str) -> None:
    first, second = made(MAKERS[name](), seed=1), made(MAKERS[name](), seed=2)
    play(first, 13)
    snapshot = first.take_snapshot()
    future = play(first, 30)
    assert play(second, 17) != future
    second.restore_snapshot(snapshot)
    assert play(second, 30) == future
    first.restore_snapshot(snapshot)
    assert play(first, 30) == future


def test_taking_a_snapshot_changes_nothing() -> None:
    watched, other = (made(gym.make("Troubled-v0"), seed=1) for _ in range(2))
    state = random.getstate(), np.random.get_state()  # noqa: NPY002 - what the environment draws from
    for _ in range(3):
        watched.take_snapshot()
    future = play(watched, 20)
    random.setstate(state[0])
    np.random.set_state(state[1])  # noqa: NPY002 - what the environment draws from
    assert play(other, 20) == future


class Pair(gym.Wrapper[Any, Any, Any, Any]):
    """Holds a reference past the layers between to the innermost environment, and shares a list with it."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.innermost = env.unwrapped
        self.shared = self.innermost.shared = ["shared"]  # type: ignore[attr-defined]


def test_references_between_layers_stay_what_they_were() -> None:
    first, second = made(Pair(cart_pole())), made(Pair(cart_pole()))
    second.restore_snapshot(first.take_snapshot())
    pair = second.env
    assert isinstance(pair, Pair)
    assert pair.innermost is second.unwrapped
    assert pair.shared is second.unwrapped.shared  # type: ignore[attr-defined]


def test_spaces_stay_the_same_objects() -> None:
    env = made(cart_pole())
    space, innermost = env.action_space, env.unwrapped.action_space
    space.seed(5)
    snapshot = env.take_snapshot()
    drawn = [space.sample() for _ in range(9)]
    env.restore_snapshot(snapshot)
    assert env.action_space is space
    assert env.unwrapped.action_space is innermost
    assert [env.unwrapped.action_space.sample() for _ in range(9)] == drawn


@pytest.mark.parametrize(
    ("env", "why"),
    [
        (Troubled(part="lock"), "Troubled cannot be pickled and has no get_state/set_state (cannot pickle"),
        (Troubled(part="rebuilt"), "(Rebuilt is rebuilt from its arguments, its state forgotten)"),
        (TransformReward(cart_pole(), lambda reward: reward), "TransformReward cannot be pickled"),
    ],
)
def test_what_cannot_give_its_state_is_named(env: gym.Env[Any, Any], why: str) -> None:
    wrapped = made(env)
    with pytest.raises(SnapshotError) as caught:
        wrapped.take_snapshot()
    assert why in str(caught.value)
    told = wrapped.try_snapshot()
    assert isinstance(told, SnapshotError)
    assert str(told) == str(caught.value)


def test_an_own_protocol_saves_what_pickle_cannot() -> None:
    class Remembered(Troubled):
        def get_state(self) -> dict[str, Any]:
            return {"steps": self._steps}

        def set_state(self, state: dict[str, Any]) -> None:
            self._steps = state["steps"]

    first, second = made(Remembered(part="lock")), made(Remembered(part="lock"))
    play(first, 5)
    second.restore_snapshot(first.take_snapshot())
    assert second.unwrapped._steps == 5  # type: ignore[attr-defined] # noqa: SLF001 - what it remembers


class Refusing(Troubled):
    """Has both methods, and neither works."""

    def get_state(self) -> dict[str, Any]:
        raise RuntimeError("busy")

    def set_state(self, state: dict[str, Any]) -> None:
        raise RuntimeError(f"busy with {state}")


def test_a_protocol_that_fails_is_named() -> None:
    told = made(Refusing()).try_snapshot()
    assert str(told) == "Refusing does not give its state (RuntimeError: busy)"


def test_a_state_that_is_not_taken_back_is_named() -> None:
    class Giving(Refusing):
        def get_state(self) -> dict[str, Any]:
            return {}

    env = made(Giving())
    told = env.try_restore(env.take_snapshot())
    assert str(told) == "Giving does not take its state back (RuntimeError: busy with {})"


def test_a_state_fits_the_layers_that_it_was_taken_of() -> None:
    snapshot = made(NormalizeObservation(cart_pole())).take_snapshot()
    with pytest.raises(SnapshotError) as caught:
        made(cart_pole()).restore_snapshot(snapshot)
    said = str(caught.value)
    assert said.startswith("its state is that of CartPoleEnv in ")
    assert said.count("NormalizeObservation") == 1
    assert made(NormalizeObservation(cart_pole())).try_restore(snapshot) is None


def test_a_state_of_another_format_is_said_to_be_one() -> None:
    told = made(cart_pole()).try_restore(b"\x80\x05N.")
    assert str(told) == "its state was taken by another version of kaggle-relay"


def test_no_state_is_taken_where_that_is_known_to_fail() -> None:
    env = SnapshotWrapper(cart_pole(), ("it forgets", "it walks off"))
    env.reset()
    told = env.try_snapshot()
    assert isinstance(told, SnapshotError)
    assert (told.reasons, str(told)) == (("it forgets", "it walks off"), "it forgets; it walks off")


def test_generators_can_be_left_to_whoever_keeps_them() -> None:
    env = made(gym.make("Troubled-v0"))
    snapshot, whole = env.take_snapshot(generators=False), env.take_snapshot()
    drawn = random.random(), np.random.random()  # noqa: NPY002 - what the environment draws from
    env.restore_snapshot(snapshot)
    assert (random.random(), np.random.random()) != drawn  # noqa: NPY002 - what the environment draws from
    env.restore_snapshot(whole)
    assert (random.random(), np.random.random()) == drawn  # noqa: NPY002 - what the environment draws from


def test_the_protocol_is_asked_of_the_layer_itself() -> None:
    assert follows_state_protocol(TrafficLightEnv())
    assert not follows_state_protocol(gym.Wrapper(TrafficLightEnv()))
    assert not follows_state_protocol(threading.Lock())


def test_a_rebuilt_part_would_have_lost_its_state() -> None:
    # The reason for refusing it: pickle raises nothing.
    import pickle  # noqa: PLC0415 - only to show it

    part = Rebuilt()
    part.steps = 7
    assert pickle.loads(pickle.dumps(part)).steps == 0  # noqa: S301 - our own bytes
