"""The states of a session's environments, in this process or in worker processes, taken and put back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from job.model import parse_job
from tests.trainer.conftest import digest_of, job_values
from tests.trainer.environments.test_recorded_actions import Sealed
from trainer.environments.making import GIVES_NOTHING_BACK, make_training_envs
from trainer.environments.state.layers import SnapshotError
from trainer.environments.state.states import restore_states, take_states
from trainer.envs.traffic_light.vector import TrafficLightVectorEnv
from trainer.envs.vector_adapter import SB3VectorAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stable_baselines3.common.vec_env import VecEnv

    from trainer.environments.making import ResumeMethod

TRAFFIC = "trainer.envs:TrafficLight-v0"


class Drawing(gym.Env[Any, Any]):
    """Shows what it draws from torch's generator."""

    observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return torch.rand(1).numpy(), {}

    def step(self, action: int) -> tuple[np.ndarray[Any, Any], float, bool, bool, dict[str, Any]]:
        return torch.rand(1).numpy(), float(action), False, False, {}


for entry in (Drawing, Sealed):
    if f"{entry.__name__}-v0" not in gym.registry:
        gym.register(f"{entry.__name__}-v0", f"{entry.__module__}:{entry.__name__}")
DRAWING = f"{__name__}:Drawing-v0"
SEALED = f"{__name__}:Sealed-v0"


@pytest.fixture
def made() -> Iterator[Callable[..., VecEnv]]:
    """`made(method, **env)`: environments, reset, that are closed after the test."""
    with contextlib.ExitStack() as opened:

        def make(method: ResumeMethod = "state", reasons: tuple[str, ...] = (), **env: Any) -> VecEnv:
            venv = make_training_envs(parse_job(job_values(env=env)), method, reasons)
            opened.callback(venv.close)
            venv.seed(len(env))
            venv.reset()
            return venv.unwrapped

        yield make


def play(venv: VecEnv, steps: int) -> str:
    actions = np.random.default_rng(steps)
    shape = (venv.num_envs, *(venv.action_space.shape or ()))
    return digest_of(
        [venv.step(actions.integers(2, size=shape).astype(venv.action_space.dtype))[:3] for _ in range(steps)]
    )


@pytest.mark.parametrize("env", [{"id": "CartPole-v1", "n_envs": 2}, {"id": TRAFFIC, "n_envs": 3}])
def test_the_future_of_all_is_the_same(made: Callable[..., VecEnv], env: dict[str, Any]) -> None:
    first, second = made(**env), made(**env)
    play(first, 13)
    states = take_states(first)
    future = play(first, 30)
    assert play(second, 7) != future
    restore_states(second, states)
    assert play(second, 30) == future


@pytest.mark.slow
@pytest.mark.parametrize(("method", "env_id"), [("state", DRAWING), ("actions", SEALED)])
def test_worker_processes_give_back_what_they_draw_from(
    made: Callable[..., VecEnv], method: ResumeMethod, env_id: str
) -> None:
    venv = made(method, id=env_id, n_envs=2, vectorization="subproc")
    one, other = venv.reset()
    assert bool(np.any(one != other))
    play(venv, 5)
    states = take_states(venv)
    future = play(venv, 10)
    assert play(venv, 10) != future
    restore_states(venv, states)
    assert play(venv, 10) == future


def test_generators_of_this_process_are_not_kept_once_more_for_each_environment(made: Callable[..., VecEnv]) -> None:
    generator = len(np.random.get_state()[1].tobytes())  # type: ignore[index] # noqa: NPY002 - the largest part
    assert all(len(each) < generator for each in take_states(made(id="CartPole-v1", n_envs=2)))


@pytest.mark.parametrize("env", [{"id": "CartPole-v1"}, {"id": TRAFFIC}])
def test_environments_known_to_give_nothing_say_why(made: Callable[..., VecEnv], env: dict[str, Any]) -> None:
    with pytest.raises(SnapshotError) as caught:
        take_states(made("none", ("it forgets", "it walks off"), **env))
    assert caught.value.reasons == ("it forgets", "it walks off")
    with pytest.raises(SnapshotError, match=GIVES_NOTHING_BACK):
        take_states(made("none", **env))


@pytest.mark.slow
def test_a_state_that_does_not_fit_costs_no_worker_process(made: Callable[..., VecEnv]) -> None:
    states = take_states(made(id="CartPole-v1"))
    others = made(id="Pendulum-v1", vectorization="subproc")
    with pytest.raises(SnapshotError) as caught:
        restore_states(others, states)
    assert str(caught.value).startswith("its state is that of CartPoleEnv in ")
    assert play(others, 3)


class Broken(TrafficLightVectorEnv):
    """Neither gives nor takes its state, though it has both methods."""

    def get_state(self) -> dict[str, Any]:
        raise KeyError("signal")

    def set_state(self, state: dict[str, Any]) -> None:
        raise ValueError(f"no such phase, {state}")


def test_a_native_form_that_fails_is_said_to() -> None:
    venv = SB3VectorAdapter(Broken(num_envs=2))
    with pytest.raises(SnapshotError, match=r"it does not give its state \(KeyError: 'signal'\)"):
        take_states(venv)
    with pytest.raises(SnapshotError, match=r"it does not take its state back \(ValueError: no such phase, {}\)"):
        restore_states(venv, {})
