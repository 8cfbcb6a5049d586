"""Jobs whose sessions last a fraction of a second, save several times and fill their replay buffer more than once."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

LAB = "tests.trainer.lab"
"""What a user's own package would bring."""

SEGMENT_BYTES = 512
"""So that a replay buffer of some thousand bytes is many segments."""


FLIPPING = "KilledFlipping-v0"
"""Stable-Baselines3's goal environment, small."""
if FLIPPING not in gym.registry:
    gym.register(FLIPPING, "stable_baselines3.common.envs:BitFlippingEnv", kwargs={"n_bits": 5, "max_steps": 5})

_CART_POLE = {"id": "CartPole-v1"}
_PENDULUM = {"id": "Pendulum-v1", "kwargs": {"max_episode_steps": 13}}
_FLIPPING = {"id": f"{__name__}:{FLIPPING}"}
_NORMALIZED = {"wrapper": "VecNormalize"}
_SMALL: dict[str, Any] = {"policy_kwargs": {"net_arch": [8]}}
_REPLAY = {**_SMALL, "buffer_size": 60, "learning_starts": 20, "batch_size": 8}

JOBS: dict[str, dict[str, Any]] = {
    "ppo-normalized": {
        "algorithm": "PPO",
        "env": {**_CART_POLE, **_NORMALIZED, "n_envs": 2},
        "hyperparameters": {**_SMALL, "n_steps": 8, "batch_size": 8, "n_epochs": 2, "learning_rate": "linear_0.001"},
        "eval": {"frequency": 48, "episodes": 1},
        "save_freq": 32,
    },
    "ppo-own": {
        "algorithm": "PPO",
        "policy": f"{LAB}:Mine",
        "env": {
            **_CART_POLE,
            "n_envs": 2,
            "wrappers": [f"{LAB}:Remembering", "NormalizeObservation"],
            "vec_wrappers": [f"{LAB}:Shaken", {"VecFrameStack": {"n_stack": 2}}, "VecNormalize"],
        },
        "hyperparameters": {**_SMALL, "n_steps": 8, "batch_size": 8, "n_epochs": 2},
        "callbacks": [f"{LAB}:Counting", {"StopTrainingOnNoModelImprovement": {"max_no_improvement_evals": 90}}],
        "eval": {"frequency": 48, "episodes": 1},
        "save_freq": 32,
    },
    "a2c-gsde": {
        "algorithm": "A2C",
        "env": {**_PENDULUM, **_NORMALIZED},
        "hyperparameters": {**_SMALL, "n_steps": 5, "use_sde": True, "sde_sample_freq": 3},
        "save_freq": 32,
    },
    "recurrentppo": {
        "algorithm": "RecurrentPPO",
        "policy": "MlpLstmPolicy",
        "env": {**_CART_POLE, "n_envs": 2},
        "hyperparameters": {
            "n_steps": 8,
            "batch_size": 8,
            "n_epochs": 2,
            "policy_kwargs": {"lstm_hidden_size": 8, "net_arch": [8]},
        },
        "save_freq": 32,
    },
    "dqn": {
        "algorithm": "DQN",
        "env": _CART_POLE,
        "hyperparameters": {**_REPLAY, "train_freq": 4, "target_update_interval": 7},
        "eval": {"frequency": 64, "episodes": 1},
        "save_freq": 32,
    },
    "dqn-her": {
        "algorithm": "DQN",
        "policy": "MultiInputPolicy",
        "env": {**_FLIPPING, "n_envs": 2},
        "hyperparameters": {
            **_REPLAY,
            "replay_buffer_class": "HerReplayBuffer",
            "replay_buffer_kwargs": {"n_sampled_goal": 2},
        },
        "save_freq": 32,
    },
    "qrdqn": {
        "algorithm": "QRDQN",
        "env": _CART_POLE,
        "hyperparameters": {**_REPLAY, "policy_kwargs": {"n_quantiles": 5, "net_arch": [8]}, "train_freq": 4},
        "save_freq": 32,
    },
    "sac-gsde-normalized": {
        "algorithm": "SAC",
        "env": {**_PENDULUM, **_NORMALIZED, "n_envs": 2},
        "hyperparameters": {**_REPLAY, "use_sde": True, "sde_sample_freq": 3, "train_freq": 4, "ent_coef": "auto_0.1"},
        "save_freq": 32,
    },
    "td3-random-walk": {
        "algorithm": "TD3",
        "env": {**_PENDULUM, "n_envs": 2},
        "hyperparameters": {**_REPLAY, "noise_type": "ornstein-uhlenbeck", "noise_std": 0.2, "train_freq": 3},
        "save_freq": 32,
    },
    "tqc-noise": {
        "algorithm": "TQC",
        "env": _PENDULUM,
        "hyperparameters": {**_REPLAY, "noise_type": "normal", "noise_std": 0.2, "train_freq": 2},
        "save_freq": 32,
    },
    "ars-normalized": {
        "algorithm": "ARS",
        "policy": "LinearPolicy",
        "env": {**_PENDULUM, **_NORMALIZED},
        "hyperparameters": {"n_delta": 2, "learning_rate": "linear_0.02"},
        "total_timesteps": 416,
        "save_freq": 104,
    },
}
"""`save_freq` is a multiple of the rollout but with A2C (5 timesteps) and TD3 (6)."""

ON_POLICY, OFF_POLICY = "ppo-normalized", "dqn"
"""Those whose file operations are gone through one by one."""


def job_values(name: str) -> dict[str, Any]:
    """The job of that name as jobs.yaml would have it."""
    return {"name": name, "total_timesteps": 128, "seed": 7, **JOBS[name]}
