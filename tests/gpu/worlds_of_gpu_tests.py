"""Environments of the tests on a GPU, found in sessions by this module's name alone; and what goes wrong in them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor

DIES_AFTER_VARIABLE = "GPU_TEST_DIES_AFTER"
"""Names a folder: the process is killed at its first step once a checkpoint is in it."""
HUNGRY_AFTER = 150
"""Forward passes of one network, which no check before the training makes."""
SIDE = 36
_TOO_MUCH = 1 << 46


class Walk(gym.Env[Any, Any]):
    """A walk that draws from its own generator; seen as two numbers or as an image, with steps of either kind.

    Args:
        images: whether it is seen as an image.
        continuous: whether its actions are numbers.
    """

    def __init__(self, *, images: bool = False, continuous: bool = False) -> None:
        self._images = images
        image = gym.spaces.Box(0, 255, (SIDE, SIDE, 1), np.uint8)
        self.observation_space = image if images else gym.spaces.Box(-100, 100, (2,), np.float32)
        self.action_space = gym.spaces.Box(-1, 1, (1,), np.float32) if continuous else gym.spaces.Discrete(3)
        self._place = np.zeros(2)

    def _observation(self) -> np.ndarray[Any, Any]:
        if not self._images:
            return self._place.astype(np.float32)
        image = np.zeros((SIDE, SIDE, 1), np.uint8)
        image[int(self._place[0]) % SIDE, int(self._place[1]) % SIDE] = 255
        return image

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        """Begin somewhere."""
        super().reset(seed=seed, options=options)
        self._place = self.np_random.normal(size=2) * 3
        return self._observation(), {}

    def step(self, action: Any) -> tuple[np.ndarray[Any, Any], float, bool, bool, dict[str, Any]]:
        """Go where the action says, and a little elsewhere."""
        _die_in_time()
        pull = float(np.asarray(action).reshape(-1)[0])
        self._place = np.clip(self._place + np.array([pull, 0.0]) + self.np_random.normal(size=2) * 0.5, -90, 90)
        return self._observation(), -abs(float(self._place[0])), bool(self.np_random.random() < 0.05), False, {}


def _die_in_time() -> None:
    folder = os.environ.get(DIES_AFTER_VARIABLE)
    if folder and any(Path(folder).glob("*_steps.zip")):
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


class Hungry(FlattenExtractor):
    """An extractor that after a while asks the GPU for more memory than there is."""

    def __init__(self, space: gym.spaces.Box) -> None:
        super().__init__(space)
        self._passes = 0

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """What was observed."""
        self._passes += 1
        if self._passes > HUNGRY_AFTER:
            torch.empty(_TOO_MUCH, dtype=torch.uint8, device=observations.device)
        return super().forward(observations)


class Unsteady(BaseFeaturesExtractor):
    """An extractor that computes other bits each time, as sums in any order do."""

    def __init__(self, space: gym.spaces.Box) -> None:
        super().__init__(space, int(np.prod(space.shape)))
        self._scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Nearly what was observed."""
        return self._scale * observations + int.from_bytes(os.urandom(2), "big") * 1e-6


if "GpuWalk-v0" not in gym.registry:
    gym.register("GpuWalk-v0", f"{__name__}:Walk")
