"""The environments that a job asks for, vectorised and wrapped as it says."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.envs import FakeImageEnv
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnv,
    VecEnvWrapper,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
    sync_envs_normalization,
)

from contract.errors import InputError
from job.model import parse_job
from job.problems import InvalidJobError
from tests.trainer.conftest import TROUBLED, job_values
from trainer.environments.making import ResumeMethod, make_evaluation_envs, make_training_envs
from trainer.environments.state.recorded_actions import ActionRecorder
from trainer.environments.vectorized import OneAfterTheOther
from trainer.envs.vector_adapter import SB3VectorAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRAFFIC = "trainer.envs:TrafficLight-v0"
IMAGES = "Images-v0"
if IMAGES not in gym.registry:
    gym.register(
        IMAGES, functools.partial(FakeImageEnv, screen_height=40, screen_width=40, n_channels=1, channel_first=False)
    )


@pytest.fixture
def made() -> Iterator[Callable[..., VecEnv]]:
    """`made(make, **env)`: environments that are closed after the test."""
    with contextlib.ExitStack() as opened:

        def make(make: Callable[..., VecEnv] = make_training_envs, **env: Any) -> VecEnv:
            job = parse_job(job_values(env={"id": "CartPole-v1", **env}, eval={"frequency": 1, "episodes": 3}))
            venv = make(job)
            opened.callback(venv.close)
            return venv

        yield make


@pytest.mark.parametrize(
    ("env", "innermost"),
    [
        ({}, DummyVecEnv),
        ({"vectorization": "dummy", "n_envs": 3}, DummyVecEnv),
        ({"id": TRAFFIC}, SB3VectorAdapter),
        ({"id": TRAFFIC, "vectorization": "native", "n_envs": 3}, SB3VectorAdapter),
        ({"id": TRAFFIC, "vectorization": "dummy"}, DummyVecEnv),
    ],
)
def test_auto_is_native_where_that_gives_its_state(
    made: Callable[..., VecEnv], env: dict[str, Any], innermost: type[VecEnv]
) -> None:
    venv = made(**env)
    assert isinstance(venv, VecMonitor)
    assert isinstance(venv.unwrapped, innermost)
    assert venv.num_envs == env.get("n_envs", 1)


@pytest.mark.slow
def test_worker_processes_are_seeded_and_evaluation_needs_none(made: Callable[..., VecEnv]) -> None:
    env = {"id": TROUBLED, "n_envs": 2, "vectorization": "subproc"}
    venv = made(**env)
    assert isinstance(venv.unwrapped, SubprocVecEnv)
    venv.reset()
    _, rewards, _, _ = venv.step([0, 0])  # type: ignore[arg-type] # a list will do
    assert rewards.tolist() == pytest.approx([np.random.RandomState(3 + worker).random_sample() for worker in (0, 1)])
    assert isinstance(made(make_evaluation_envs, **env).unwrapped, DummyVecEnv)


def test_arguments_reach_the_environment(made: Callable[..., VecEnv]) -> None:
    venv = made(id="Pendulum-v1", kwargs={"g": 1.5})
    assert venv.get_attr("g") == [1.5]


def test_normalization_is_as_the_job_says(made: Callable[..., VecEnv]) -> None:
    venv = made(wrapper="VecNormalize", wrapper_kwargs={"clip_obs": 5.0, "gamma": 0.5})
    assert isinstance(venv, VecNormalize)
    assert isinstance(venv.venv, VecMonitor)  # rewards are noted as they were before
    assert (venv.training, venv.clip_obs, venv.gamma, venv.norm_obs, venv.norm_reward) == (True, 5.0, 0.5, True, True)


def test_evaluation_normalizes_by_the_trainings_statistics_and_tells_real_rewards(
    made: Callable[..., VecEnv],
) -> None:
    venv = made(make_evaluation_envs, wrapper="VecNormalize", n_envs=4)
    assert isinstance(venv, VecNormalize)
    assert (venv.training, venv.norm_reward, venv.norm_obs) == (False, False, True)
    assert venv.num_envs == 1


def test_native_evaluation_plays_its_episodes_at_once(made: Callable[..., VecEnv]) -> None:
    assert made(make_evaluation_envs, id=TRAFFIC).num_envs == 3


def test_the_latest_frames_are_seen_as_one_outside_of_the_scaling(made: Callable[..., VecEnv]) -> None:
    venv = made(wrapper="VecNormalize", frame_stack=3, n_envs=2)
    assert isinstance(venv, VecFrameStack)
    assert isinstance(venv.venv, VecNormalize)
    assert venv.observation_space.shape == (12,)
    first = venv.reset()
    second, _, _, _ = venv.step(np.zeros(2, int))
    assert isinstance(first, np.ndarray)
    assert isinstance(second, np.ndarray)
    assert not first[:, :8].any()
    np.testing.assert_array_equal(second[:, 4:8], first[:, 8:])


def test_evaluation_sees_what_the_training_sees(made: Callable[..., VecEnv]) -> None:
    scaled = {"wrapper": "VecNormalize", "wrapper_kwargs": {"norm_obs": False}}
    env: dict[str, Any] = {"id": IMAGES, "frame_stack": 2, **scaled}
    training, evaluation = made(**env), made(make_evaluation_envs, **env)
    assert training.observation_space == evaluation.observation_space
    assert training.observation_space.shape == (2, 40, 40)
    layers = [[type(each) for each in _layers(venv)] for venv in (training, evaluation)]
    assert layers[0] == layers[1] == [VecTransposeImage, VecFrameStack, VecNormalize, VecMonitor, OneAfterTheOther]
    training.reset()
    training.step(np.zeros(1, int))
    sync_envs_normalization(training, evaluation)
    counts = [_layers(venv)[2].ret_rms.count for venv in (training, evaluation)]  # type: ignore[attr-defined]
    assert counts[0] == counts[1] > 1


def _layers(venv: VecEnv) -> list[VecEnv]:
    return [venv, *(_layers(venv.venv) if isinstance(venv, VecEnvWrapper) else [])]


@pytest.mark.parametrize("frames", [1, 0, -2, "3", 1.5, True])
def test_fewer_than_two_frames_are_no_stack(frames: object) -> None:
    with pytest.raises(InvalidJobError, match=r"env\.frame_stack: must be"):
        parse_job(job_values(env={"id": "CartPole-v1", "frame_stack": frames}))


def test_a_job_without_a_stack_is_the_job_that_it_was_before_there_were_any() -> None:
    assert (
        "frame_stack" not in parse_job(job_values(env={"id": "CartPole-v1", "frame_stack": None})).model_dump()["env"]
    )
    assert parse_job(job_values(env={"id": "CartPole-v1", "frame_stack": 4.0})).model_dump()["env"]["frame_stack"] == 4


@pytest.mark.parametrize(("method", "recorders"), [("state", 0), ("actions", 1), ("none", 0)])
def test_only_where_actions_are_to_be_repeated_are_they_recorded(method: ResumeMethod, recorders: int) -> None:
    venv = make_training_envs(parse_job(job_values()), method)
    layer, found = venv.unwrapped.envs[0], 0  # type: ignore[attr-defined] # it is a DummyVecEnv
    while isinstance(layer, gym.Wrapper):
        found += isinstance(layer, ActionRecorder)
        layer = layer.env
    assert found == recorders
    venv.close()


@pytest.mark.parametrize(
    ("env", "problem"),
    [
        ({"id": "Blackjack-v1", "frame_stack": 2}, "environment Blackjack-v1: its observations are a Tuple, which"),
        (
            {"id": "FrozenLake-v1", "wrapper": "VecNormalize"},
            "environment FrozenLake-v1: Stable-Baselines3 cannot take",
        ),
        ({"id": "Nowhere-v0"}, "environment Nowhere-v0: is not known: "),
        ({"id": "no_such_module:CartPole-v1"}, "environment no_such_module:CartPole-v1: is not known: "),
        ({"id": "CartPole-v1", "vectorization": "native"}, "has no vectorised form of its own that gives its state"),
        ({"id": "Pendulum-v1", "vectorization": "native"}, "has no vectorised form of its own that gives its state"),
        ({"kwargs": {"wheels": 4}}, "environment CartPole-v1: cannot be made: "),
        ({"id": TRAFFIC, "kwargs": {"wheels": 4}}, f"environment {TRAFFIC}: cannot be made: "),
    ],
)
def test_what_cannot_be_made_is_the_users_to_correct(
    made: Callable[..., VecEnv], env: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError) as caught:
        made(**env)
    assert problem in str(caught.value)
    assert caught.value.remedy
    assert caught.value.exit_code == 2


@pytest.mark.slow
def test_what_a_worker_cannot_make_is_the_users_to_correct(made: Callable[..., VecEnv]) -> None:
    with pytest.raises(InputError, match="environment CartPole-v1: cannot be made: its worker process has died"):
        made(vectorization="subproc", kwargs={"wheels": 4})
