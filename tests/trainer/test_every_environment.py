"""Whatever the environment, a chain of sessions is one uninterrupted training, or says that it is not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest

from tests.trainer.conftest import ROLLOUT, job_values, outcome_of
from tests.trainer.environments.test_recorded_actions import BOX2D_WARNS, NEEDS_BOX2D, Sealed

if TYPE_CHECKING:
    from tests.trainer.conftest import Relay

pytestmark = [BOX2D_WARNS, pytest.mark.filterwarnings("ignore:.*should return new observation data:UserWarning")]

NEEDS_MUJOCO = pytest.mark.skipif(
    importlib.util.find_spec("mujoco") is None, reason="MuJoCo is not installed: pip install .[mujoco]"
)


class Game(gym.Env[Any, Any]):
    """Images like an emulator's: 8 bits, a picture that remembers, lives, a draw now and then."""

    observation_space = gym.spaces.Box(0, 255, (36, 36, 1), np.uint8)
    action_space = gym.spaces.Discrete(4)

    def __init__(self) -> None:
        self._picture = np.zeros((36, 36, 1), np.uint8)
        self._lives = 3

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self._picture = self.np_random.integers(256, size=(36, 36, 1), dtype=np.uint8)
        self._lives = 3
        return self._picture, {"lives": self._lives}

    def step(self, action: int) -> tuple[np.ndarray[Any, Any], float, bool, bool, dict[str, Any]]:
        self._picture = np.roll(self._picture, int(action) - 1, axis=0) // 2
        self._lives -= int(self.np_random.random() < 0.2)
        return self._picture, float(self._picture.mean()), self._lives == 0, False, {"lives": self._lives}


class Moved(Sealed):
    """Begins each episode where a file says, in which another session may find another place."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file = Path(file)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        del options
        return super().reset(seed=seed, options={"start": float(self._file.read_text(encoding="utf-8"))})


MOVED = f"{__name__}:Moved-v0"
for entry in (Game, Moved, Sealed):
    if f"{entry.__name__}-v0" not in gym.registry:
        gym.register(f"{entry.__name__}-v0", f"{entry.__module__}:{entry.__name__}")

NORMALIZED = {"wrapper": "VecNormalize"}
NEED_BOX2D = ("LunarLander", "BipedalWalker")
EXACT: dict[str, Any] = {
    "CartPole": {"env": {"id": "CartPole-v1", "n_envs": 2}},
    "Pendulum": {"env": {"id": "Pendulum-v1", "n_envs": 2, "kwargs": {"max_episode_steps": 20}}},
    "MountainCar": {"env": {"id": "MountainCar-v0", "kwargs": {"max_episode_steps": 21}}},
    "Acrobot": {"env": {"id": "Acrobot-v1", "kwargs": {"max_episode_steps": 22}}},
    "LunarLander": {"env": {"id": "LunarLander-v3", "n_envs": 2, **NORMALIZED}},
    "BipedalWalker": {"env": {"id": "BipedalWalker-v3", "kwargs": {"max_episode_steps": 30}}},
    "images, stacked and evaluated": {
        "env": {"id": "Game-v0", "frame_stack": 2, **NORMALIZED, "wrapper_kwargs": {"norm_obs": False}},
        "policy": "CnnPolicy",
        "hyperparameters": {"n_steps": ROLLOUT, "batch_size": 8, "n_epochs": 1},
        "eval": {"frequency": ROLLOUT, "episodes": 1},
    },
    "sealed": {"env": {"id": "Sealed-v0", "n_envs": 2}},
}


def five_rollouts(**changes: Any) -> dict[str, Any]:
    return job_values(**changes, total_timesteps=5 * ROLLOUT * changes["env"].get("n_envs", 1))


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=NEEDS_BOX2D if each in NEED_BOX2D else ()) for each in EXACT]
)
def test_three_sessions_are_one_uninterrupted_training(relay: Relay, name: str) -> None:
    job = five_rollouts(**EXACT[name])
    whole, chained = relay.session(job), relay.chain(job, 2, 1)
    assert whole.code == chained.code == 0
    assert chained.metadata.resume.exact, chained.metadata.resume.reasons
    assert outcome_of(chained.latest) == outcome_of(whole.latest)
    assert whole.metadata.timesteps > chained.metadata.timesteps_at_start > 0


@NEEDS_MUJOCO
@pytest.mark.slow
def test_mujoco_is_exact(relay: Relay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # it writes warnings into a file of its own
    job = five_rollouts(env={"id": "HalfCheetah-v5", "n_envs": 2, **NORMALIZED, "kwargs": {"max_episode_steps": 20}})
    whole, chained = relay.session(job), relay.chain(job, 2, 1)
    assert chained.metadata.resume.exact, chained.metadata.resume.reasons
    assert outcome_of(chained.latest) == outcome_of(whole.latest)


@NEEDS_BOX2D
@pytest.mark.slow
def test_worker_processes_repeat_their_actions(relay: Relay) -> None:
    job = five_rollouts(env={"id": "LunarLander-v3", "n_envs": 2, "vectorization": "subproc"})
    whole, chained = relay.session(job), relay.chain(job, 2)
    assert chained.metadata.resume.exact, chained.metadata.resume.reasons
    assert outcome_of(chained.latest) == outcome_of(whole.latest)


def test_where_no_method_does_each_reason_is_told_once_and_the_run_goes_on(relay: Relay) -> None:
    job = job_values(env={"id": "Sealed-v0", "kwargs": {"draws": "process"}})
    first = relay.session(job, stop_after=2)
    pickled, repeated = first.metadata.resume.reasons
    assert pickled.startswith("Sealed cannot be pickled")
    assert repeated.startswith("Sealed came to another observation or reward")
    assert first.log.count("Resume will be approximate") == 1
    second = relay.session(job, first)
    assert (second.code, second.metadata.goal_met) == (0, True)
    assert set(second.metadata.resume.reasons) >= {pickled}


@pytest.mark.parametrize("vectorization", ["dummy", pytest.param("subproc", marks=pytest.mark.slow)])
def test_a_state_that_does_not_come_back_later_costs_the_running_episodes_only(
    relay: Relay, tmp_path: Path, vectorization: str
) -> None:
    place = tmp_path / "place.txt"
    place.write_text("0", encoding="utf-8")
    env = {"id": MOVED, "n_envs": 2, "vectorization": vectorization, "kwargs": {"file": str(place)}, **NORMALIZED}
    job = five_rollouts(env=env)
    first = relay.session(job, stop_after=2)
    assert first.metadata.resume.exact
    place.write_text("2.5", encoding="utf-8")
    second = relay.session(job, first)
    assert (second.code, second.metadata.goal_met) == (0, True)
    assert not second.metadata.resume.exact
    assert "Moved came to another observation or reward when its " in second.metadata.resume.reasons[0]
    assert second.log.count("(approximate: Moved came to another observation") == 1
