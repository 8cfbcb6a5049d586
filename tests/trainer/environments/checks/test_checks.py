"""What environments give is looked at in each step, in every form, before anything takes it in."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from contract.errors import DivergedError
from job.model import parse_job
from tests.trainer.conftest import job_values
from tests.trainer.environments.slips import MANY_SLIPS_ID, SLIPS, SLIPS_ID, ManySlips
from trainer.environments.checks.batch import BatchCheck
from trainer.environments.checks.faults import FaultyEnvironmentError
from trainer.environments.checks.numbers import is_finite
from trainer.environments.checks.step import StepCheck
from trainer.environments.making import make_training_envs
from trainer.envs.vector_adapter import SB3VectorAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stable_baselines3.common.vec_env import VecEnv

SENTENCES = {
    "NaN in the observation": r"the observation of environment 0 is not finite \(nan at \[0\]\)",
    "infinity in the observation": r"the observation of environment 0 is not finite \(-inf at \[1\]\)",
    "beyond float32": r"the observation of environment 0 is not finite \((inf at \[0\]|1e\+39 at \[0\], beyond what)",
    "another shape": r"the observation of environment 0 has the shape \(1,\) instead of \(2,\)",
    "a row of one": r"the observation of environment 0 has the shape \(1, 2\) instead of \(2,\)",
    "no observation": r"the observation of environment 0 is not an array of numbers \(None\)",
    "words": r"the observation of environment 0 is not an array of numbers \('north'\)",
    "ragged rows": r"the observation of environment 0 is not an array of numbers",
    "NaN as the reward": r"the reward of environment 0 is not finite \(nan\)",
    "a reward beyond float32": r"the reward of environment 0 is not finite \(-(inf\)|1e\+39, beyond what float32)",
    "no reward": r"the reward of environment 0 is not a number \(None\)",
    "an array as the reward": r"the reward of environment 0 is an array instead of a number",
    "no end": r"`terminated` of environment 0 is neither true nor false \(None\)",
    "an array as the end": r"`truncated` of environment 0 is neither true nor false \(array\(\[False\]\)\)",
    "no info": r"the info of environment 0 is no dictionary \(None\)",
    "NaN at the end": r"the final observation of environment 0 is not finite \(nan at \[0\]\)",
}


@pytest.fixture
def made() -> Iterator[Callable[..., VecEnv]]:
    """`made(**env)`: environments, reset, that are closed after the test."""
    with contextlib.ExitStack() as opened:

        def make(**env: Any) -> VecEnv:
            venv = make_training_envs(parse_job(job_values(env=env)))
            opened.callback(venv.close)
            venv.seed(1)
            venv.reset()
            return venv

        yield make


def walk(venv: VecEnv, steps: int) -> None:
    for _ in range(steps):
        venv.step(np.ones(venv.num_envs, int))


def test_every_slip_has_a_sentence() -> None:
    assert SENTENCES.keys() == SLIPS.keys()


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.filterwarnings("ignore")  # gymnasium's own, of what is about to be refused
def test_a_slip_reaches_neither_statistics_nor_learner(made: Callable[..., VecEnv], slip: str) -> None:
    venv = made(id=SLIPS_ID, wrapper="VecNormalize", kwargs={"slip": slip, "at": 20}, vectorization="dummy")
    walk(venv, 19)
    assert isinstance(venv, VecNormalize)
    assert isinstance(venv.obs_rms, RunningMeanStd)
    before = [venv.obs_rms.mean.copy(), venv.obs_rms.count, venv.returns.copy()]
    with pytest.raises(FaultyEnvironmentError, match=SENTENCES[slip]):
        walk(venv, 1)
    after = [venv.obs_rms.mean, venv.obs_rms.count, venv.returns]
    assert all(np.array_equal(then, now) for then, now in zip(before, after, strict=True))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_slip_comes_out_of_a_worker_process(made: Callable[..., VecEnv]) -> None:
    venv = made(id=SLIPS_ID, n_envs=2, vectorization="subproc", kwargs={"slip": "another shape", "at": 3})
    walk(venv, 2)
    with pytest.raises(FaultyEnvironmentError, match=SENTENCES["another shape"]):
        walk(venv, 1)
    venv = made(id=SLIPS_ID, n_envs=1, vectorization="subproc", kwargs={"slip": "beyond float32", "at": 3})
    with pytest.raises(FaultyEnvironmentError, match=SENTENCES["beyond float32"]):
        walk(venv, 3)


def test_the_sentence_names_the_environment_the_value_and_the_moment() -> None:
    check = BatchCheck("environment Walk-v0", _Three())  # type: ignore[arg-type]
    values = np.zeros((3, 2), np.float32)
    values[2, 1] = np.nan
    with pytest.raises(FaultyEnvironmentError) as caught:
        check.step((values, np.zeros(3, np.float32), np.zeros(3, bool), [{}] * 3))
    assert str(caught.value.at(595)) == (
        "environment Walk-v0: the observation of environment 2 is not finite at 598 timesteps (nan at [1]); "
        "no checkpoint holds anything of it: correct the environment, and go on from the latest one"
    )
    assert "in the evaluation at 598 timesteps" in str(caught.value.at(595, "in the evaluation"))
    assert caught.value.at(595).at(7).moment == "at 598 timesteps"


class _Three:
    """What a check asks of three environments."""

    num_envs = 3
    observation_space: gym.Space[Any] = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space: gym.Space[Any] = gym.spaces.Box(-1, 1, (2,), np.float32)


def test_an_action_that_is_no_number_is_the_trainings_doing() -> None:
    check = BatchCheck("environment Walk-v0", _Three())  # type: ignore[arg-type]
    check.actions(np.zeros((3, 2), np.float32))
    with pytest.raises(DivergedError, match="an action that is not finite"):
        check.actions(np.full((3, 2), np.nan, np.float32))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (8, 4), (2, 3, 4), (5000,), (0,)])
def test_numbers_are_finite_or_not_whatever_their_size(dtype: Any, shape: tuple[int, ...]) -> None:
    values = np.full(shape, np.finfo(dtype).max, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert is_finite(values)
        for bad in (np.nan, np.inf, -np.inf):
            spoilt = values.copy()
            spoilt[...] = bad
            assert is_finite(spoilt) is (spoilt.size == 0)


BOX, BYTES = gym.spaces.Box(-1, 1, (2,), np.float32), gym.spaces.Box(0, 255, (2,), np.uint8)


@pytest.mark.parametrize(
    ("space", "observation"),
    [
        (BOX, np.zeros(2)),
        (BOX, [0.0, 1.0]),
        (BOX, np.zeros(2, np.int64)),
        (BYTES, np.array([3, 255])),
        (BYTES, np.array([3.0, 4.0])),
        (gym.spaces.Discrete(3), np.array(2)),
        (gym.spaces.Discrete(3), np.uint8(2)),
        (gym.spaces.MultiBinary(2), np.array([True, False])),
        (gym.spaces.Dict({"a": BOX}), {"a": np.zeros(2, np.float32), "more": "text"}),
    ],
    ids=str,
)
def test_what_means_the_same_is_let_through(space: gym.Space[Any], observation: Any) -> None:
    assert StepCheck(space).fault_in_observation(observation) is None


@pytest.mark.parametrize(
    ("space", "observation", "problem"),
    [
        (BOX, 0.5, "has the shape"),
        (BOX, np.zeros((2, 1)), "has the shape"),
        (BOX, np.array([None, 1.0]), "is not an array of numbers"),
        (BOX, {"a": 1}, "is not an array of numbers"),
        (BYTES, np.array([-1, 4]), "holds what uint8 cannot"),
        (BYTES, np.array([0.5, 4]), "holds what uint8 cannot"),
        (BYTES, np.array([256, 4]), "holds what uint8 cannot"),
        (BYTES, np.array([np.nan, 4]), "holds what uint8 cannot"),
        (gym.spaces.Discrete(3), np.array([2]), "has the shape"),
        (gym.spaces.Discrete(3), None, "is not an array of numbers"),
        (gym.spaces.Dict({"a": BOX, "b": BOX}), {"a": np.zeros(2)}, "lacks 'b'"),
        (gym.spaces.Dict({"a": BOX}), np.zeros(2), "is no dictionary"),
        (gym.spaces.Dict({"a": BOX}), {"a": np.zeros(3)}, "has the shape"),
    ],
    ids=str,
)
def test_what_would_be_taken_for_something_else_is_a_fault(
    space: gym.Space[Any], observation: Any, problem: str
) -> None:
    fault = StepCheck(space).fault_in_observation(observation)
    assert fault is not None
    assert fault.problem.startswith(problem)


class Places(gym.Env[Any, Any]):
    """A number of a place, one of which its space does not know."""

    observation_space = gym.spaces.Dict({"place": gym.spaces.Discrete(4), "at": BOX})
    action_space = gym.spaces.Discrete(4)
    mask: Any = (1, 1, 1, 1)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return {"place": 0, "at": np.zeros(2, np.float32)}, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return {"place": int(action) * 2, "at": np.zeros(2, np.float32)}, 0.0, False, False, {}

    def action_masks(self) -> Any:
        return self.mask


if "Places-v0" not in gym.registry:
    gym.register("Places-v0", f"{__name__}:Places")


@pytest.mark.filterwarnings("ignore")
def test_a_whole_number_outside_of_its_space_is_named(made: Callable[..., VecEnv]) -> None:
    venv = made(id="Places-v0", vectorization="dummy")
    venv.step(np.array([1]))
    with pytest.raises(FaultyEnvironmentError, match=r"'place' in the observation of environment 0 is outside of Disc"):
        venv.step(np.array([2]))


@pytest.mark.parametrize(
    ("mask", "problem"),
    [
        ((0, 0, 0, 0), r"the action mask of environment 1 allows no action \(all 4 are forbidden\)"),
        ((1, 0, 1), "the action mask of environment 1 has 3 entries instead of 4"),
        (None, "the action mask of environment 1 has 1 entries instead of 4"),
    ],
)
def test_a_mask_that_allows_nothing_is_named(made: Callable[..., VecEnv], mask: Any, problem: str) -> None:
    venv = made(id="Places-v0", n_envs=2, vectorization="dummy")
    assert len(venv.env_method("action_masks")) == 2
    venv.unwrapped.envs[1].unwrapped.mask = mask  # type: ignore[attr-defined] # one after the other
    with pytest.raises(FaultyEnvironmentError, match=problem):
        venv.env_method("action_masks")


def test_each_part_of_an_action_needs_a_choice() -> None:
    class Two(_Three):
        action_space = gym.spaces.MultiDiscrete([2, 3])

    check = BatchCheck("environment Walk-v0", Two())  # type: ignore[arg-type]
    check.answers("action_masks", [np.array([1, 0, 0, 0, 1])] * 3)
    with pytest.raises(FaultyEnvironmentError, match="all 3 are forbidden in part 1"):
        check.answers("action_masks", [np.array([1, 1, 0, 0, 0])])


def test_rewards_of_other_goals_are_looked_at() -> None:
    check = BatchCheck("environment Walk-v0", _Three())  # type: ignore[arg-type]
    check.answers("compute_reward", [np.zeros(5)])
    with pytest.raises(FaultyEnvironmentError, match="the reward that compute_reward"):
        check.answers("compute_reward", [np.array([0.0, np.nan])])


@pytest.mark.filterwarnings("ignore")
def test_who_wants_no_check_gets_none(made: Callable[..., VecEnv]) -> None:
    walk(made(id=SLIPS_ID, kwargs={"slip": "NaN as the reward", "at": 2}, check=False), 3)
    walk(
        made(id=MANY_SLIPS_ID, vectorization="native", kwargs={"slip": _with(rewards=np.full(1, np.nan))}, check=False),
        21,
    )


def _with(**changed: Any) -> Callable[[Any], Any]:
    names = ("observations", "rewards", "terminated", "truncated", "infos")
    return lambda step: tuple(changed.get(name, value) for name, value in zip(names, step, strict=True))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"observations": np.full((2, 2), np.nan, np.float32)}, r"the observation of environment 0 is not finite"),
        ({"observations": np.zeros((1, 2), np.float32)}, r"observations of all environments has the shape \(1, 2\)"),
        ({"observations": None}, r"observations of all environments is not an array of numbers"),
        ({"rewards": np.array([0.0, np.inf])}, r"the reward of environment 1 is not finite \(inf\)"),
        (
            {"rewards": np.array([0.0, 1e39])},
            r"the reward of environment 1 is not finite \(1e\+39, beyond what float32",
        ),
        ({"rewards": np.zeros((2, 1))}, r"rewards of all environments are not an array of 2 numbers"),
        ({"rewards": 1.0}, r"rewards of all environments are not an array of 2 numbers"),
        ({"truncated": np.zeros((2, 2), bool)}, r"`truncated` of all environments are not an array of 2 booleans"),
        ({"terminated": np.ones(2, bool)}, r"infos of all environments do not hold final_obs"),
        ({"infos": None}, r"infos of all environments are not a dictionary"),
        (
            {"terminated": np.ones(2, bool), "infos": {"final_obs": np.full((2, 2), np.nan)}},
            r"the final observation of environment 0 is not finite",
        ),
    ],
    ids=lambda value: None if isinstance(value, dict) else value[:40],
)
def test_what_a_vectorised_environment_gives_is_looked_at(changed: dict[str, Any], sentence: str) -> None:
    adapter = SB3VectorAdapter(ManySlips(2, _with(**changed), at=4), subject="environment Walk-v0")
    adapter.seed(0)
    adapter.reset()
    walk(adapter, 3)
    with pytest.raises(FaultyEnvironmentError, match=sentence):
        walk(adapter, 1)
