"""Before a training, its environments are put to the test: which method gives their state back, or why none does."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from contract.errors import InputError
from job.model import Job, parse_job
from tests.trainer.conftest import digest_of, job_values
from tests.trainer.environments.test_recorded_actions import BOX2D_WARNS, NEEDS_BOX2D, Sealed
from trainer.environments import self_check
from trainer.environments.self_check import (
    EFFORT,
    STEPS_AFTER_A_RESET,
    STEPS_BEFORE,
    STEPS_TO_AN_END,
    Resumption,
    check_environments,
)
from trainer.envs.traffic_light.vector import TrafficLightVectorEnv
from trainer.generators import capture_generators

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_LIFE = 2 * STEPS_BEFORE + STEPS_TO_AN_END + STEPS_AFTER_A_RESET


class Watched(gym.Env[Any, Any]):
    """A walk of which only one may be there at a time, as with a simulator that a process has once.

    Args:
        forgets: what its state lacks: `nothing`, `place`, `draws` or `episodes`.
        trouble: what is wrong with it beside: `none`, `raises` or `slow`.
    """

    alive = 0
    made = 0
    longest_life = 0

    def __init__(self, forgets: str = "nothing", trouble: str = "none") -> None:
        assert Watched.alive == 0
        Watched.alive += 1
        Watched.made += 1
        self.observation_space = gym.spaces.Box(-1e3, 1e3, (2,), np.float64)
        self.action_space = gym.spaces.Discrete(3)
        self._forgets, self._trouble = forgets, trouble
        self._place = np.zeros(2)
        self._life = self._episodes = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self._episodes += 1
        self._place = self.np_random.normal(size=2)
        return self._place.copy(), {}

    def step(self, action: int) -> tuple[np.ndarray[Any, Any], float, bool, bool, dict[str, Any]]:
        self._life += 1
        Watched.longest_life = max(Watched.longest_life, self._life)
        if self._trouble == "raises" and self._life == 20:
            raise RuntimeError("the road\nis closed")
        if self._trouble == "slow":
            time.sleep(0.02)
        self._place = self._place + action
        reward = float(self.np_random.random()) + (self._episodes if self._forgets == "episodes" else 0)
        return self._place.copy(), reward, False, False, {"seconds": time.perf_counter()}

    def get_state(self) -> dict[str, Any]:
        whole = {"place": self._place, "draws": self.np_random.bit_generator.state, "episodes": self._episodes}
        return {name: each for name, each in whole.items() if name != self._forgets}

    def set_state(self, state: dict[str, Any]) -> None:
        self._place = state.get("place", self._place)
        self._episodes = state.get("episodes", self._episodes)
        if "draws" in state:
            self.np_random.bit_generator.state = state["draws"]

    def close(self) -> None:
        Watched.alive -= 1


class MaskedFrames(gym.Env[Any, Any]):
    """Small images, as an emulator of games gives them, and masks of what may be done."""

    observation_space = gym.spaces.Box(0, 255, (36, 36, 1), np.uint8)

    def __init__(self, choices: str = "one") -> None:
        spaces: dict[str, gym.Space[Any]] = {
            "one": gym.spaces.Discrete(4),
            "several": gym.spaces.MultiDiscrete([4, 4]),
            "switches": gym.spaces.MultiBinary(4),
        }
        self.action_space = spaces[choices]
        self._image = np.zeros((36, 36, 1), np.uint8)
        self._allowed = np.ones((2, 4), bool)

    def _look(self) -> np.ndarray[Any, Any]:
        self._image = np.roll(self._image, 1) ^ np.uint8(self.np_random.integers(256))
        self._allowed = self.np_random.permuted([[True, True, False, False], [True, False, False, True]], axis=1)
        return self._image

    def action_masks(self) -> np.ndarray[Any, Any]:
        if isinstance(self.action_space, gym.spaces.MultiBinary):
            return np.stack([self._allowed[0], ~self._allowed[0]], axis=1).ravel()
        return self._allowed[0] if isinstance(self.action_space, gym.spaces.Discrete) else self._allowed.ravel()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return self._look(), {}

    def step(self, action: Any) -> tuple[np.ndarray[Any, Any], float, bool, bool, dict[str, Any]]:
        if isinstance(self.action_space, gym.spaces.MultiBinary):
            assert np.array_equal(action, ~self._allowed[0])
        else:
            assert all(allowed[each] for allowed, each in zip(self._allowed, np.atleast_1d(action), strict=False))
        return self._look(), float(np.sum(action)), bool(self.np_random.random() < 0.1), False, {}


class ForgetfulLights(TrafficLightVectorEnv):
    """Traffic lights whose draws are not part of their state."""

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state({**state, "generators": self.get_state()["generators"]})


for entry in (Watched, MaskedFrames, Sealed):
    if f"{entry.__name__}-v0" not in gym.registry:
        gym.register(f"{entry.__name__}-v0", f"{entry.__module__}:{entry.__name__}")
if "ForgetfulLights-v0" not in gym.registry:
    gym.register("ForgetfulLights-v0", vector_entry_point=f"{__name__}:ForgetfulLights")

HANDS_OUT_ITS_OWN_ARRAY = pytest.mark.filterwarnings("ignore:.*should return new observation data:UserWarning")


def packaged_job(env_id: str, vectorization: str = "auto", **kwargs: Any) -> Job:
    return parse_job(job_values(env={"id": env_id, "kwargs": kwargs, "vectorization": vectorization}))


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    Watched.alive = Watched.made = Watched.longest_life = 0
    yield
    assert Watched.alive == 0


@pytest.mark.parametrize(
    "job",
    [
        packaged_job("CartPole-v1"),
        packaged_job("CartPole-v1", max_episode_steps=5),
        packaged_job("Pendulum-v1"),
        packaged_job("MountainCar-v0"),
        packaged_job("Acrobot-v1"),
        packaged_job("Troubled-v0"),
        packaged_job("trainer.envs:TrafficLight-v0"),
        packaged_job("trainer.envs:TrafficLight-v0", decisions=6),
        packaged_job("trainer.envs:TrafficLight-v0", vectorization="dummy"),
        packaged_job("CartPole-v1", vectorization="subproc"),
        packaged_job("MaskedFrames-v0"),
        packaged_job("MaskedFrames-v0", choices="several"),
        packaged_job("MaskedFrames-v0", choices="switches"),
        packaged_job("Watched-v0"),
    ],
)
def test_these_give_their_state(job: Job) -> None:
    assert check_environments(job) == Resumption("state", ())


@NEEDS_BOX2D
@BOX2D_WARNS
@pytest.mark.parametrize("env_id", ["LunarLander-v3", "BipedalWalker-v3"])
def test_box2d_repeats_its_actions(env_id: str) -> None:
    found = check_environments(packaged_job(env_id))
    assert found.method == "actions"
    assert len(found.reasons) == 1
    assert "cannot be pickled and has no get_state/set_state (cannot pickle 'SwigPyObject' object)" in found.reasons[0]


@pytest.mark.parametrize(("forgets", "wrong"), [("place", "observation"), ("draws", "reward"), ("episodes", "reward")])
def test_a_protocol_that_forgets_is_found_out(forgets: str, wrong: str) -> None:
    found = check_environments(packaged_job("Watched-v0", forgets=forgets))
    reason = f"Watched-v0 was given its state back, and its {wrong} differed 1 step later"
    assert found == Resumption("none" if forgets == "episodes" else "actions", found.reasons)
    assert found.reasons[0] == reason


@HANDS_OUT_ITS_OWN_ARRAY
def test_what_repeats_neither_has_a_reason_for_each_method() -> None:
    found = check_environments(packaged_job("Sealed-v0", draws="process"))
    assert found.method == "none"
    pickled, repeated = found.reasons
    assert pickled.startswith("Sealed cannot be pickled and has no get_state/set_state")
    assert repeated.startswith("Sealed came to another observation or reward when its ")
    assert check_environments(packaged_job("Sealed-v0")) == Resumption("actions", (pickled,))


def test_a_native_form_gives_its_state_itself_or_not_at_all() -> None:
    found = check_environments(packaged_job("ForgetfulLights-v0", vectorization="native", decisions=6))
    assert found.method == "none"
    (reason,) = found.reasons
    assert reason.startswith("ForgetfulLights-v0 was given its state back, and its observation differed ")


def test_an_environment_that_raises_gives_nothing_back_and_says_so_in_a_line() -> None:
    reason = "Watched-v0 failed while its resume was checked before the training (RuntimeError: the road is closed)"
    assert check_environments(packaged_job("Watched-v0", trouble="raises")) == Resumption("none", (reason,))


def test_what_cannot_be_made_is_the_users_to_correct() -> None:
    with pytest.raises(InputError, match="environment CartPole-v1: cannot be made"):
        check_environments(packaged_job("CartPole-v1", wheels=4))


@HANDS_OUT_ITS_OWN_ARRAY
@pytest.mark.parametrize("env_id", ["Troubled-v0", "Sealed-v0"])
def test_every_generator_stays_where_it_was(env_id: str) -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - what stays
    torch.manual_seed(1)
    before = digest_of(capture_generators())
    check_environments(packaged_job(env_id))
    assert digest_of(capture_generators()) == before


def test_three_lives_one_after_the_other_and_none_of_them_long() -> None:
    check_environments(packaged_job("Watched-v0"))
    assert Watched.made == 3
    assert 0 < Watched.longest_life <= LONGEST_LIFE
    check_environments(packaged_job("Watched-v0", forgets="place"))
    assert LONGEST_LIFE < Watched.longest_life <= EFFORT["actions"] * LONGEST_LIFE


def test_a_slow_environment_is_checked_over_fewer_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_check, "PATIENCE", 0.05)
    assert check_environments(packaged_job("Watched-v0", trouble="slow")).method == "state"
    assert 3 <= Watched.longest_life <= 12
