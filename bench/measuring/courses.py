"""Trainings that the relay, Stable-Baselines3 and rl-baselines3-zoo all do with the same hyperparameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Course:
    """One training.

    Args:
        name: short, for file names and tables.
        algorithm: its class in Stable-Baselines3.
        env: the environment's id.
        n_envs: how many of them run in one process.
        timesteps: the goal.
        hyperparameters: arguments of the algorithm's constructor, as JSON; schedules as the zoo writes them.
        normalizes: whether `VecNormalize` wraps the environments.
        seed: of everything.
    """

    name: str
    algorithm: str
    env: str
    n_envs: int
    timesteps: int
    hyperparameters: dict[str, Any]
    normalizes: bool = False
    seed: int = field(default=1)

    def __str__(self) -> str:
        environments = f", {self.n_envs} environments" if self.n_envs > 1 else ""
        wrapper = ", VecNormalize" if self.normalizes else ""
        return f"{self.algorithm} on {self.env}{environments}{wrapper}, {self.timesteps:,} timesteps"

    @property
    def gamma(self) -> float:
        """The discount, which the running mean of returns needs too."""
        return float(self.hyperparameters.get("gamma", 0.99))

    def as_job(self, save_frequency: int) -> dict[str, Any]:
        """An entry of jobs.yaml."""
        env: dict[str, Any] = {"id": self.env, "n_envs": self.n_envs}
        if self.normalizes:
            env |= {"wrapper": "VecNormalize", "wrapper_kwargs": {"gamma": self.gamma}}
        return {
            "env": env,
            "algorithm": self.algorithm,
            "hyperparameters": self.hyperparameters,
            "total_timesteps": self.timesteps,
            "save_freq": save_frequency,
            "seed": self.seed,
            "device": "cpu",
        }

    def as_zoo_entry(self) -> dict[str, Any]:
        """A configuration file of the zoo, which gives `VecNormalize` the algorithm's discount by itself."""
        entry = {"n_envs": self.n_envs, "n_timesteps": self.timesteps, "policy": "MlpPolicy"}
        wrapper = {"normalize": True} if self.normalizes else {}
        return {self.env: {**entry, **wrapper, **self.hyperparameters}}
