"""A job for each thing that would be learned wrongly without a word, compared with the right training bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest

from restore.integrity import inspect_checkpoint
from tests.trainer.conftest import job_values, outcome_of, record_of, state_of
from tests.trainer.environments import slips
from tests.trainer.environments.slips import MANY_SLIPS_ID, SLIPS_ID, Slips
from trainer.environments.checks.faults import FAULTY_ENVIRONMENT

if TYPE_CHECKING:
    from tests.trainer.conftest import Relay

DQN: dict[str, Any] = {
    "algorithm": "DQN",
    "hyperparameters": {"buffer_size": 200, "learning_starts": 24, "batch_size": 8, "policy_kwargs": {"net_arch": [8]}},
}
PPO: dict[str, Any] = {"algorithm": "PPO"}
NORMALIZED = {"wrapper": "VecNormalize"}


class Careless(Slips):
    """Walks that pass on more than they should.

    Args:
        shares: gives the one array that it writes its observations into.
        meddles: writes into the action that it was given.
        start: of its actions, as its space names them.
    """

    def __init__(self, *, shares: bool = False, meddles: bool = False, start: int = 0) -> None:
        super().__init__()
        self._shares, self._meddles, self._start = shares, meddles, start
        self._array = np.zeros(2, np.float32)
        self.action_space = gym.spaces.MultiDiscrete([3, 2], start=[start, start])  # type: ignore[assignment]

    def _seen(self) -> np.ndarray[Any, Any]:
        self._array[:] = super()._seen()
        return self._array if self._shares else self._array.copy()

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action)
        taken = int(action[0]) - self._start
        if self._meddles:
            action[:] = self._start
        return super().step(taken)


class Numbered(Slips):
    """Walks whose actions are counted from `start`."""

    def __init__(self, start: int = 0) -> None:
        super().__init__()
        self._start = start
        self.action_space = gym.spaces.Discrete(3, start=start)

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action)
        return super().step(int(action) - self._start)


for entry in (Careless, Numbered):
    if f"{entry.__name__}-v0" not in gym.registry:
        gym.register(f"{entry.__name__}-v0", f"{__name__}:{entry.__name__}")


@pytest.mark.parametrize(
    ("algorithm", "env", "right", "careless"),
    [
        pytest.param(PPO, {"id": MANY_SLIPS_ID, "n_envs": 2}, {}, {"shares": True}, id="native array, PPO"),
        pytest.param(
            DQN, {"id": MANY_SLIPS_ID, "n_envs": 2, **NORMALIZED}, {}, {"shares": True}, id="native array, DQN"
        ),
        pytest.param(PPO, {"id": "Careless-v0", "n_envs": 2}, {}, {"shares": True}, id="last observation, PPO"),
        pytest.param(DQN, {"id": "Numbered-v0"}, {}, {"start": -1}, id="actions from -1, DQN"),
        pytest.param(PPO, {"id": "Numbered-v0", **NORMALIZED}, {}, {"start": 5}, id="actions from 5, PPO"),
        pytest.param(PPO, {"id": "Careless-v0"}, {}, {"start": 2}, id="several actions from 2, PPO"),
        pytest.param(PPO, {"id": "Careless-v0", "n_envs": 2}, {}, {"meddles": True}, id="written into actions, PPO"),
    ],
)
@pytest.mark.filterwarnings("ignore")  # gymnasium's, of arrays that are given again
def test_a_careless_environment_trains_as_a_right_one(
    relay: Relay, algorithm: dict[str, Any], env: dict[str, Any], right: dict[str, Any], careless: dict[str, Any]
) -> None:
    ended = [
        relay.session(job_values(**algorithm, total_timesteps=96, save_freq=32, env={**env, "kwargs": kwargs}))
        for kwargs in (right, careless)
    ]
    assert [each.code for each in ended] == [0, 0]
    ours, theirs = (outcome_of(each.latest) for each in ended)
    differing = {name for name in ours if ours[name] != theirs[name]}
    assert not differing
    assert [each.metadata.resume.exact for each in ended] == [True, True]


@pytest.mark.parametrize("form", [{"vectorization": "dummy"}, {"vectorization": "subproc"}], ids=str)
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_last_observation_of_an_episode_is_not_the_next_ones_first(relay: Relay, form: dict[str, Any]) -> None:
    """Off-policy algorithms keep it: the transition that ends an episode leads to where the episode ended."""
    changes: dict[str, Any] = {**DQN, "total_timesteps": 64, "save_freq": 64}
    env = {"id": f"{__name__}:Sharing-v0", **form}
    ended = [relay.session(job_values(**changes, env={**env, "kwargs": {"shares": each}})) for each in (False, True)]
    ours, theirs = (outcome_of(each.latest) for each in ended)
    assert ours["replay buffer"] == theirs["replay buffer"]
    assert ours["tensors"] == theirs["tensors"]


class Sharing(Slips):
    """Gives the one array that it writes its observations into, where it is to share."""

    def __init__(self, *, shares: bool = False) -> None:
        super().__init__()
        self._shares = shares
        self._array = np.zeros(2, np.float32)

    def _seen(self) -> np.ndarray[Any, Any]:
        self._array[:] = super()._seen()
        return self._array if self._shares else self._array.copy()


if "Sharing-v0" not in gym.registry:
    gym.register("Sharing-v0", f"{__name__}:Sharing")


class Mended(Slips):
    """Slips only while `slips` says so: the same environment before and after it was corrected."""

    slips: str | None = None

    def step(self, action: Any) -> Any:
        step = super().step(action)
        return slips.SLIPS[self.slips](step) if self.slips and self._life == 75 else step


if "Mended-v0" not in gym.registry:
    gym.register("Mended-v0", f"{__name__}:Mended")


@pytest.mark.parametrize("algorithm", [PPO, DQN], ids=["PPO", "DQN"])
@pytest.mark.parametrize("slip", ["NaN in the observation", "NaN as the reward", "NaN at the end"])
@pytest.mark.filterwarnings("ignore")
def test_a_mended_environment_goes_on_as_if_it_had_always_been_right(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, slip: str, algorithm: dict[str, Any]
) -> None:
    job = job_values(**algorithm, total_timesteps=96, save_freq=16, env={"id": "Mended-v0", **NORMALIZED})
    right = relay.session(job)
    monkeypatch.setattr(Mended, "slips", slip)
    faulty = relay.session(job)
    assert (faulty.code, faulty.metadata.interrupted_by) == (1, FAULTY_ENVIRONMENT)
    assert " of environment 0 is not finite at 75 timesteps (nan" in str(faulty.metadata.error)
    assert faulty.steps == [48, 64]
    assert faulty.manifest.complete
    for path in faulty.artifacts.checkpoints_by_timesteps().values():
        inspect_checkpoint(path, job=None, expected=None, max_bytes=1 << 30)
    monkeypatch.setattr(Mended, "slips", None)
    mended = relay.session(job, faulty)
    assert (mended.code, record_of(mended.latest).resume.exact) == (0, True)
    assert outcome_of(mended.latest) == outcome_of(right.latest)


@pytest.mark.filterwarnings("ignore")
def test_an_evaluation_that_meets_a_fault_says_so(relay: Relay) -> None:
    env = {"id": SLIPS_ID, "kwargs": {"slip": "no reward", "at": 20}}
    job = job_values(env=env, total_timesteps=64, eval={"frequency": 16, "episodes": 3})
    ended = relay.session(job)
    assert ended.metadata.interrupted_by == FAULTY_ENVIRONMENT
    assert "the reward of environment 0 is not a number in the evaluation at 16 timesteps" in str(ended.metadata.error)


def test_who_wants_no_check_trains_the_same(relay: Relay) -> None:
    checked, unchecked = (
        relay.session(job_values(env={"id": "CartPole-v1", "n_envs": 2, **NORMALIZED, **check}))
        for check in ({}, {"check": False})
    )
    assert outcome_of(checked.latest) == outcome_of(unchecked.latest)
    assert record_of(checked.latest).training == record_of(unchecked.latest).training


@pytest.mark.filterwarnings("ignore")
def test_even_without_a_check_nothing_is_kept_that_is_no_number(relay: Relay) -> None:
    env = {"id": SLIPS_ID, "kwargs": {"slip": "NaN as the reward", "at": 20}, "check": False}
    ended = relay.session(job_values(**DQN | {"env": {**env, **NORMALIZED}}, total_timesteps=64, save_freq=16))
    assert ended.code == 1
    assert ended.steps == [16]
    assert np.isfinite(state_of(ended.latest).statistics[0]["ret_rms"].mean)
