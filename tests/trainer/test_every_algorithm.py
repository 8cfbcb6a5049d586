"""Whatever the algorithm, a chain of sessions is one uninterrupted training, bit for bit."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from stable_baselines3 import SAC
from stable_baselines3.common.envs import BitFlippingEnv

from job.algorithms.registry import ALGORITHMS
from restore.integrity import inspect_checkpoint
from tests.trainer.conftest import ROOT, job_values, outcome_of, record_of

if TYPE_CHECKING:
    from tests.trainer.conftest import Relay

CART_POLE = {"id": "CartPole-v1"}
PENDULUM = {"id": "Pendulum-v1", "kwargs": {"max_episode_steps": 13}}
NORMALIZED = {"wrapper": "VecNormalize"}
SMALL: dict[str, Any] = {"policy_kwargs": {"net_arch": [8]}}
ROLLOUT = {**SMALL, "n_steps": 16}
EPOCHS = {"batch_size": 8, "n_epochs": 2}
REPLAY = {**SMALL, "buffer_size": 40, "learning_starts": 12, "batch_size": 8}
NOISE = {"noise_type": "normal", "noise_std": 0.2}
RANDOM_WALK = {"noise_type": "ornstein-uhlenbeck", "noise_std": 0.2}
HER = {"replay_buffer_class": "HerReplayBuffer", "replay_buffer_kwargs": {"n_sampled_goal": 2}}


class Flipping(BitFlippingEnv):
    """Stable-Baselines3's goal environment, small."""

    def __init__(self, *, continuous: bool = False) -> None:
        super().__init__(n_bits=5, continuous=continuous, max_steps=5)


class Frames(gym.Env[Any, Any]):
    """Small images that a state decides, as an emulator of games gives them."""

    observation_space = gym.spaces.Box(0, 255, (36, 36, 1), np.uint8)
    action_space = gym.spaces.Discrete(3)

    def __init__(self) -> None:
        self._place: np.ndarray[Any, Any] = np.zeros(2, np.int64)

    def _observation(self) -> np.ndarray[Any, Any]:
        image = np.zeros((36, 36, 1), np.uint8)
        image[self._place[0] % 36, self._place[1] % 36] = 255
        return image

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self._place = self.np_random.integers(0, 36, 2)
        return self._observation(), {}

    def step(self, action: int) -> tuple[np.ndarray[Any, Any], float, bool, bool, dict[str, Any]]:
        self._place += np.array([int(action) - 1, int(self.np_random.integers(0, 3)) - 1])
        return self._observation(), float(action), bool(self.np_random.random() < 0.1), False, {}


class Masked(gym.Env[Any, Any]):
    """Of four actions, two are not to be taken, others at each step."""

    observation_space = gym.spaces.Box(-10, 10, (2,), np.float32)
    action_space = gym.spaces.Discrete(4)

    def __init__(self) -> None:
        self._allowed = np.ones(4, bool)

    def _observation(self) -> np.ndarray[Any, Any]:
        self._allowed = self.np_random.permutation([True, True, False, False])
        return self.np_random.normal(size=2).astype(np.float32)

    def action_masks(self) -> np.ndarray[Any, Any]:
        return self._allowed

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return self._observation(), {}

    def step(self, action: int) -> tuple[np.ndarray[Any, Any], float, bool, bool, dict[str, Any]]:
        assert self._allowed[action]
        return self._observation(), float(action), bool(self.np_random.random() < 0.1), False, {}


for environment in (Flipping, Frames, Masked):
    if f"{environment.__name__}-v0" not in gym.registry:
        gym.register(f"{environment.__name__}-v0", f"{environment.__module__}:{environment.__name__}")

JOBS: dict[str, dict[str, Any]] = {
    "TRPO": {"algorithm": "TRPO", "hyperparameters": {**ROLLOUT, "batch_size": 8}},
    "TRPO-normalized": {
        "algorithm": "TRPO",
        "env": {**PENDULUM, **NORMALIZED, "n_envs": 2},
        "hyperparameters": {**ROLLOUT, "batch_size": 8, "use_sde": True},
    },
    "MaskablePPO": {
        "algorithm": "MaskablePPO",
        "env": {"id": "Masked-v0", "n_envs": 2},
        "hyperparameters": {**ROLLOUT, **EPOCHS},
    },
    "MaskablePPO-evaluated": {
        "algorithm": "MaskablePPO",
        "env": {"id": "Masked-v0"},
        "hyperparameters": {**ROLLOUT, **EPOCHS},
        "eval": {"frequency": 32, "episodes": 2},
    },
    "RecurrentPPO": {
        "algorithm": "RecurrentPPO",
        "policy": "MlpLstmPolicy",
        "env": {**CART_POLE, "n_envs": 2},
        "hyperparameters": {"n_steps": 16, **EPOCHS, "policy_kwargs": {"lstm_hidden_size": 8, "net_arch": [8]}},
        "eval": {"frequency": 64, "episodes": 1},
    },
    "DQN": {"algorithm": "DQN", "hyperparameters": {**REPLAY, "train_freq": 4, "target_update_interval": 7}},
    "DQN-images-stacked": {
        "algorithm": "DQN",
        "policy": "CnnPolicy",
        "env": {"id": "Frames-v0", "frame_stack": 2},
        "hyperparameters": {"buffer_size": 40, "learning_starts": 12, "batch_size": 4, "train_freq": 8},
    },
    "DQN-frugal-episodic": {
        "algorithm": "DQN",
        "hyperparameters": {
            **REPLAY,
            "optimize_memory_usage": True,
            "replay_buffer_kwargs": {"handle_timeout_termination": False},
            "train_freq": [1, "episode"],
            "learning_rate": "linear_0.001",
        },
    },
    "DQN-HER": {
        "algorithm": "DQN",
        "policy": "MultiInputPolicy",
        "env": {"id": "Flipping-v0", "n_envs": 2},
        "hyperparameters": {**REPLAY, **HER},
    },
    "DQN-n-step": {"algorithm": "DQN", "hyperparameters": {**REPLAY, "n_steps": 3}},
    "QRDQN": {
        "algorithm": "QRDQN",
        "hyperparameters": {**REPLAY, "policy_kwargs": {"n_quantiles": 5, "net_arch": [8]}},
    },
    "SAC": {"algorithm": "SAC", "env": PENDULUM, "hyperparameters": REPLAY},
    "SAC-gSDE-normalized-evaluated": {
        "algorithm": "SAC",
        "env": {**PENDULUM, **NORMALIZED, "n_envs": 2},
        "hyperparameters": {**REPLAY, "use_sde": True, "sde_sample_freq": 3, "train_freq": 5, "ent_coef": "auto_0.1"},
        "eval": {"frequency": 40, "episodes": 2},
    },
    "SAC-HER": {
        "algorithm": "SAC",
        "policy": "MultiInputPolicy",
        "env": {"id": "Flipping-v0", "kwargs": {"continuous": True}},
        "hyperparameters": {**REPLAY, **HER, **RANDOM_WALK},
    },
    "TD3": {"algorithm": "TD3", "env": PENDULUM, "hyperparameters": {**REPLAY, **NOISE}},
    "TD3-random-walk": {
        "algorithm": "TD3",
        "env": {**PENDULUM, "n_envs": 2},
        "hyperparameters": {**REPLAY, **RANDOM_WALK, "train_freq": 3},
    },
    "DDPG": {"algorithm": "DDPG", "env": PENDULUM, "hyperparameters": {**REPLAY, **RANDOM_WALK}},
    "TQC": {"algorithm": "TQC", "env": PENDULUM, "hyperparameters": {**REPLAY, "use_sde": True}},
    "CrossQ": {"algorithm": "CrossQ", "env": PENDULUM, "hyperparameters": REPLAY},
    "ARS": {
        "algorithm": "ARS",
        "policy": "LinearPolicy",
        "env": {**PENDULUM, **NORMALIZED},
        "hyperparameters": {"n_delta": 2, "learning_rate": "linear_0.02"},
    },
    "ARS-network": {
        "algorithm": "ARS",
        "env": {**CART_POLE, "n_envs": 2},
        "hyperparameters": {"n_delta": 2, "delta_std": "linear_0.1", **SMALL},
    },
}
FIRST_OF_EACH = list({job["algorithm"]: name for name, job in reversed(JOBS.items())}.values())
OTHERS_WITH_SCHEDULES: dict[str, dict[str, Any]] = {"PPO": {"algorithm": "PPO"}, "A2C": {"algorithm": "A2C"}}
OF_STABLE_BASELINES3 = ("PPO", "A2C", "DQN", "SAC", "TD3", "DDPG")
LIBRARIES = ("stable-baselines3", "sb3-contrib")
GOALS = {"ARS": 260, "ARS-network": 400, "DQN-frugal-episodic": 120}
"""Of those whose rollouts last whole episodes."""
STEPS_PER_TRAINING = {"DQN": 4, "QRDQN": 4}
"""Unless a job says so."""


def job_for(name: str) -> dict[str, Any]:
    n_envs = JOBS[name].get("env", CART_POLE).get("n_envs", 1)
    return job_values(**{"env": CART_POLE, "total_timesteps": GOALS.get(name, 80 * n_envs), **JOBS[name]})


def stops_for(name: str) -> tuple[int, int]:
    """After how many rollouts of their own the first two sessions are stopped: before and after the buffer is full."""
    job = job_for(name)
    hyperparameters, algorithm = job["hyperparameters"], job["algorithm"]
    if "buffer_size" not in hyperparameters or "episodic" in name:
        return (1, 1) if algorithm == "ARS" else (2, 1)
    steps = hyperparameters.get("train_freq", STEPS_PER_TRAINING.get(algorithm, 1)) * job["env"].get("n_envs", 1)
    return 24 // steps, 32 // steps


@pytest.mark.parametrize("name", JOBS)
def test_three_sessions_are_one_uninterrupted_training(relay: Relay, name: str) -> None:
    job = job_for(name)
    whole, chained = relay.session(job), relay.chain(job, *stops_for(name))
    assert whole.code == chained.code == 0
    assert outcome_of(chained.latest) == outcome_of(whole.latest)
    assert chained.metadata.resume.exact, chained.metadata.resume.reasons
    assert chained.metadata.episodes == whole.metadata.episodes > 0
    assert whole.metadata.timesteps > chained.metadata.timesteps_at_start > 0


def test_every_model_is_sound_and_opens_with_stable_baselines3_alone(relay: Relay) -> None:
    models, reached = [], []
    for name in (*FIRST_OF_EACH, *OTHERS_WITH_SCHEDULES):
        job = with_schedules(name)
        ended = relay.session(job)
        assert ended.code == 0, ended.log
        library = "stable_baselines3" if job["algorithm"] in OF_STABLE_BASELINES3 else "sb3_contrib"
        checkpoint, best, final = ended.latest, ended.artifacts.best_model, ended.artifacts.final_model
        for path in (checkpoint, best, final):
            record = inspect_checkpoint(path, job=None, expected=None, max_bytes=1 << 30)
            assert record == record_of(path)
            models.append((library, job["algorithm"], str(path)))
            reached.append(record.timesteps)
        assert record_of(final).replay is None
        assert (record_of(checkpoint).replay is not None) == ("buffer_size" in job["hyperparameters"])
    assert {name for _, name, _ in models} == set(ALGORITHMS)
    assert load_elsewhere(models) == [[timesteps, True] for timesteps in reached]


def with_schedules(name: str) -> dict[str, Any]:
    """A job whose numbers fall over its training, as far as its algorithm has such, and whose policy is measured."""
    job = job_for(name) if name in JOBS else job_values(**OTHERS_WITH_SCHEDULES[name])
    falling = dict.fromkeys(ALGORITHMS[job["algorithm"]].schedules, "linear_3e-4")
    measured = {"total_timesteps": GOALS.get(name, 40), "eval": {"frequency": 32, "episodes": 1}}
    return {**job, **measured, "hyperparameters": job["hyperparameters"] | falling}


def load_elsewhere(models: list[tuple[str, str, str]]) -> list[list[Any]]:
    """What came of loading models where there is no kaggle-relay, by `tests/trainer/loaded_elsewhere.py`."""
    packages = Path(stable_baselines3.__file__).parents[1]
    ours = [path.parent.name for path in ROOT.glob("*/__init__.py")]
    assert {"trainer", "job", "contract"} <= set(ours)
    given = {
        "packages": str(packages),
        "models": models,
        "allowed": sorted(modules_of(LIBRARIES)),
        "absent": [*ours, "doit"],
    }
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "utf8", str(ROOT / "tests" / "trainer" / "loaded_elsewhere.py")],
        input=json.dumps(given),
        capture_output=True,
        encoding="utf-8",
        cwd=packages.anchor,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]


def modules_of(distributions: tuple[str, ...]) -> set[str]:
    """The modules at the top of those distributions and of all that they require."""
    required, left = set[str](), list(distributions)
    while left:
        name = canonicalize_name(left.pop())
        with contextlib.suppress(metadata.PackageNotFoundError):  # as for another system
            if name not in required:
                required.add(name)
                left += [each.name for each in map(Requirement, metadata.requires(name) or ()) if applies(each)]
    owners = metadata.packages_distributions()
    return {module for module, names in owners.items() if required & {canonicalize_name(each) for each in names}}


def applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def test_a_checkpoint_with_hindsight_opens_with_its_environment(relay: Relay) -> None:
    ended = relay.session(job_for("SAC-HER"))
    model = SAC.load(ended.latest, env=Flipping(continuous=True), device="cpu")
    assert model.num_timesteps == ended.metadata.timesteps
