"""A replay buffer that is full from the start: of what a random policy met, without the training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from trainer.checkpoint.replay_buffer import replay_arrays

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from stable_baselines3.common.buffers import ReplayBuffer

IMAGE_DIMENSIONS = 3


def fill(buffer: ReplayBuffer, env_id: str, cache: Path) -> None:
    """Fill `buffer` to its last row, and let the oldest row stand in its middle, as after many more steps.

    Args:
        buffer: an empty one with one environment.
        env_id: where the random policy acts.
        cache: a folder for the rows, so that the next buffer of this kind is filled by reading.
    """
    arrays = replay_arrays(buffer)
    if cache.exists():
        for name, array in arrays.items():
            np.copyto(array, np.load(cache / f"{name}.npy", mmap_mode="r"))
    else:
        _play(gym.make(env_id.rpartition(":")[2]), arrays, buffer.buffer_size)
        cache.mkdir(parents=True)
        for name, array in arrays.items():
            np.save(cache / f"{name}.npy", array)
    buffer.full, buffer.pos = True, buffer.buffer_size // 2


def _play(env: gym.Env[Any, Any], arrays: dict[str, NDArray[Any]], rows: int) -> None:
    env.action_space.seed(0)
    observation, _ = env.reset(seed=0)
    for row in range(rows):
        action = env.action_space.sample()
        following, reward, ended, cut, _ = env.step(action)
        arrays["observations"][row, 0] = _as_stored(observation)
        arrays["next_observations"][row, 0] = _as_stored(following)
        arrays["actions"][row, 0] = action
        arrays["rewards"][row, 0] = reward
        arrays["dones"][row, 0] = ended or cut
        arrays["timeouts"][row, 0] = cut
        observation = env.reset()[0] if ended or cut else following


def _as_stored(observation: NDArray[Any]) -> NDArray[Any]:
    """Channels first, where it is an image."""
    return np.moveaxis(observation, -1, 0) if observation.ndim == IMAGE_DIMENSIONS else observation
