"""Environments that give nothing back are led to where they stood by the same reset and the same actions."""

from __future__ import annotations

import copy
import importlib.util
import random
import threading
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import NormalizeObservation, TimeLimit

from tests.trainer.conftest import digest_of
from trainer.environments.state import recorded_actions
from trainer.environments.state.layers import SnapshotError
from trainer.environments.state.recorded_actions import ActionRecorder, record_actions
from trainer.environments.state.snapshot import SnapshotWrapper

if TYPE_CHECKING:
    from collections.abc import Callable

BOX2D_WARNS = pytest.mark.filterwarnings("ignore:builtin type :DeprecationWarning")
"""What SWIG made for it lacks an attribute that Python asks for."""

NEEDS_BOX2D = pytest.mark.skipif(
    any(importlib.util.find_spec(each) is None for each in ("Box2D", "pygame")),
    reason="Box2D is not installed: pip install .[box2d]",
)


class Sealed(gym.Env[Any, Any]):
    """A walk that neither pickles nor gives its state; it hands out the array in which it keeps its place.

    Args:
        draws: of whom it draws while it walks: its `own` generator, or the `process`'s.
    """

    def __init__(self, draws: str = "own") -> None:
        self.observation_space = gym.spaces.Box(-1e3, 1e3, (2,), np.float64)
        self.action_space = gym.spaces.Box(-1, 1, (2,), np.float32)
        self._lock = threading.Lock()
        self._place = np.zeros(2)
        self._draws = draws

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        super().reset(seed=seed, options=options)
        if seed is not None:
            self.observation_space.seed(seed)
        start = (options or {}).pop("start", 0.0)
        self._place[:] = start + self.np_random.normal(size=2) + np.random.random() + random.random()  # noqa: NPY002 - careless
        return self._place, {}

    def step(self, action: Any) -> tuple[np.ndarray[Any, Any], float, bool, bool, dict[str, Any]]:
        drawn = self.np_random.random() if self._draws == "own" else np.random.random()  # noqa: NPY002 - careless
        self._place += action + self.observation_space.sample() / 1e3 + drawn
        action *= 0
        return self._place, float(self._place.sum()), bool(self.np_random.random() < 0.05), False, {}


def sealed(draws: str = "own") -> gym.Env[Any, Any]:
    return NormalizeObservation(TimeLimit(Sealed(draws), 40))


def recorded(env: gym.Env[Any, Any], seed: int | None = None, options: dict[str, Any] | None = None) -> SnapshotWrapper:
    wrapper = record_actions(SnapshotWrapper(env))
    wrapper.reset(seed=seed, options=options)
    return wrapper


def recorder_of(wrapper: gym.Env[Any, Any]) -> ActionRecorder:
    while not isinstance(wrapper, ActionRecorder):
        assert isinstance(wrapper, gym.Wrapper)
        wrapper = wrapper.env
    return wrapper


def play(env: gym.Env[Any, Any], steps: int, *, to_the_end: bool = False) -> str:
    """The digest of all that random actions give, ends of episodes included; `to_the_end` of the latest as well."""
    actions = copy.deepcopy(env.action_space)
    actions.seed(steps)
    told: list[Any] = []
    while steps > 0 or to_the_end:
        steps -= 1
        observation, reward, terminated, truncated, _ = env.step(actions.sample())
        told.append((copy.deepcopy(observation), reward, terminated, truncated))
        if terminated or truncated:
            told.append(copy.deepcopy(env.reset()[0]))
            if steps <= 0:
                break
    return digest_of(told)


@pytest.mark.parametrize("steps", [0, 1, 7, 93])
def test_the_future_is_the_same_from_the_snapshot_on(steps: int) -> None:
    first, second = recorded(sealed(), seed=1, options={"start": 9.0}), recorded(sealed(), seed=2)
    play(first, steps)
    snapshot = first.take_snapshot()
    future = play(first, 70)
    assert play(second, 5) != future
    second.restore_snapshot(snapshot)
    again = second.take_snapshot()
    assert play(second, 70) == future
    first.restore_snapshot(again)
    assert play(first, 70) == future


def test_a_snapshot_right_after_a_later_reset_leads_to_that_episode() -> None:
    first, second = recorded(sealed(), seed=1), recorded(sealed(), seed=2)
    play(first, 90, to_the_end=True)
    snapshot = first.take_snapshot()
    future = play(first, 70)
    second.restore_snapshot(snapshot)
    assert play(second, 70) == future


def test_the_recorder_is_directly_above_the_environment() -> None:
    inner = Sealed()
    wrapper = record_actions(SnapshotWrapper(TimeLimit(inner, 5)))
    assert wrapper.unwrapped is inner
    assert recorder_of(wrapper).env is inner
    bare = record_actions(SnapshotWrapper(inner))
    assert isinstance(bare.env, ActionRecorder)
    assert bare.env.env is inner


def test_what_wrappers_drew_from_the_environments_generator_stays_drawn() -> None:
    first, second = recorded(Sealed(), seed=1), recorded(Sealed(), seed=1)
    play(first, 3)
    before = digest_of((first.np_random.random(), first.action_space.sample()))
    snapshot = first.take_snapshot()
    drawn = digest_of((first.np_random.random(), first.action_space.sample()))
    second.restore_snapshot(snapshot)
    assert digest_of((second.np_random.random(), second.action_space.sample())) == drawn != before


@pytest.mark.parametrize(
    "actions",
    [
        [np.int64(1), np.int64(2)],
        [np.array([1.0, 2.0], np.float32), np.array([3.0, 4.0], np.float32)],
        [np.array(1), np.array(2)],
        [1, 2],
        [np.int64(1), 2],
        [{"a": np.zeros(2)}, {"a": np.ones(2)}],
        [np.zeros(2), np.zeros(3)],
        [],
    ],
)
def test_actions_are_repeated_as_they_were(actions: list[Any]) -> None:
    class Listening(Sealed):
        def __init__(self) -> None:
            super().__init__()
            self.heard: list[Any] = []

        def step(self, action: Any) -> tuple[np.ndarray[Any, Any], float, bool, bool, dict[str, Any]]:
            self.heard.append(action)
            return self._place, 0.0, False, False, {}

    first, second = recorded(Listening()), recorded(Listening())
    for action in actions:
        first.step(action)
    second.restore_snapshot(first.take_snapshot())
    heard = second.unwrapped.heard  # type: ignore[attr-defined]
    assert [type(each) for each in heard] == [type(each) for each in actions]
    assert digest_of(heard) == digest_of(actions)


def test_an_environment_that_goes_elsewhere_is_named() -> None:
    first, second = recorded(sealed("process"), seed=1), recorded(sealed("process"), seed=2)
    for _ in range(3):
        np.random.random()  # noqa: NPY002 - as the learning beside it does
        first.step(np.zeros(2, np.float32))
    told = second.try_restore(first.take_snapshot())
    assert isinstance(told, SnapshotError)
    assert str(told) == (
        "Sealed came to another observation or reward when its 3 actions since its last reset were repeated"
    )
    with pytest.raises(SnapshotError):
        second.restore_snapshot(first.take_snapshot())


@pytest.mark.parametrize(("bound", "most"), [("MAX_ACTIONS", 4), ("MAX_BYTES", 4 * 8)])
def test_what_is_too_long_to_be_repeated_is_given_up_until_the_next_reset(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(recorded_actions, bound, most)
    env = recorded(Sealed())
    for _ in range(4):
        env.step(np.zeros(2, np.float32))
    assert isinstance(env.try_snapshot(), bytes)
    for _ in range(3):
        env.step(np.zeros(2, np.float32))
    told = env.try_snapshot()
    assert isinstance(told, SnapshotError)
    assert str(told).startswith("Sealed has run for too long since its last reset for its actions to be repeated: ")
    env.reset()
    assert isinstance(env.try_snapshot(), bytes)


def test_an_environment_that_nobody_seeded_is_led_back_as_well() -> None:
    first, second = recorded(Sealed()), recorded(Sealed())
    play(first, 3)
    snapshot = first.take_snapshot()
    future = play(first, 30)
    second.restore_snapshot(snapshot)
    assert play(second, 30) == future


def test_a_wrapper_may_write_into_what_it_is_shown() -> None:
    class Halving(gym.Wrapper[Any, Any, Any, Any]):
        def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
            observation, reward, terminated, truncated, info = self.env.step(action)
            observation /= 2
            return observation, reward, terminated, truncated, info

    class Showing(Sealed):
        def step(self, action: Any) -> tuple[np.ndarray[Any, Any], float, bool, bool, dict[str, Any]]:
            observation, reward, terminated, truncated, info = super().step(action)
            return observation.copy(), reward, terminated, truncated, info

    first, second = recorded(Halving(Showing()), seed=1), recorded(Halving(Showing()), seed=2)
    play(first, 3)
    snapshot = first.take_snapshot()
    future = play(first, 20)
    second.restore_snapshot(snapshot)
    assert play(second, 20) == future


def test_an_environment_that_was_never_reset_has_nothing_to_repeat() -> None:
    with pytest.raises(SnapshotError, match="Sealed has not been reset yet"):
        record_actions(SnapshotWrapper(Sealed())).take_snapshot()


def test_a_long_episode_takes_as_much_room_as_its_actions() -> None:
    env = recorded(Sealed())
    before = len(env.take_snapshot(generators=False))
    actions = np.random.default_rng(0).random((1000, 2), np.float32)
    for action in actions:
        env.step(action.copy())
    assert len(env.take_snapshot(generators=False)) - before < actions.nbytes


BOX2D: dict[str, Callable[[], gym.Env[Any, Any]]] = {
    "lander": lambda: gym.make("LunarLander-v3"),
    "lander in wind": lambda: gym.make("LunarLander-v3", continuous=True, enable_wind=True),
    "walker": lambda: gym.make("BipedalWalker-v3"),
}


@NEEDS_BOX2D
@BOX2D_WARNS
@pytest.mark.parametrize("seed", [3, 5, 15])
@pytest.mark.parametrize("name", BOX2D)
def test_box2d_is_led_back_whatever_its_world_went_through(name: str, seed: int) -> None:
    # With these seeds, two walkers whose worlds had been used before came apart.
    first, second = recorded(BOX2D[name](), seed=seed), recorded(BOX2D[name](), seed=99 + seed)
    play(first, 20 * seed, to_the_end=seed == 5)
    play(second, seed)
    snapshot = first.take_snapshot()
    future = play(first, 150)
    second.restore_snapshot(snapshot)
    assert play(second, 150) == future
