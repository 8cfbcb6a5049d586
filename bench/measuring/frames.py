"""An environment of images: nothing to learn, frames that look like a simple game's, four of them stacked."""

from __future__ import annotations

from typing import Any, Final

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

SIZE: Final = 84
STACK: Final = 4
BLOCK: Final = 7
SPRITE: Final = 6
SPRITES: Final = 8
EPISODE: Final = 500

Image = NDArray[np.uint8]


class Frames(gym.Env[Image, np.int64]):
    """Eight small textured sprites that wander over a background of grey blocks, which changes with the episode."""

    observation_space = gym.spaces.Box(0, 255, (SIZE, SIZE, STACK), np.uint8)
    action_space = gym.spaces.Discrete(4)

    def __init__(self) -> None:
        self._background: Image = np.zeros((SIZE, SIZE), np.uint8)
        self._textures: Image = np.zeros((SPRITES, SPRITE, SPRITE), np.uint8)
        self._places: NDArray[np.int64] = np.zeros((SPRITES, 2), np.int64)
        self._stack: Image = np.zeros(self.observation_space.shape, np.uint8)
        self._steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Image, dict[str, Any]]:
        """A new background, new sprites, and a stack of their first frame."""
        super().reset(seed=seed, options=options)
        blocks = self.np_random.integers(0, 256, (SIZE // BLOCK, SIZE // BLOCK), np.uint8)
        self._background = blocks.repeat(BLOCK, 0).repeat(BLOCK, 1)
        self._textures = self.np_random.integers(0, 256, self._textures.shape, np.uint8)
        self._places = self.np_random.integers(0, SIZE - SPRITE, self._places.shape)
        self._steps = 0
        for _ in range(STACK):
            self._draw()
        return self._stack.copy(), {}

    def step(self, action: np.int64) -> tuple[Image, float, bool, bool, dict[str, Any]]:
        """Every sprite moves by a pixel or two."""
        moves = self.np_random.integers(-2, 3, self._places.shape)
        self._places = (self._places + moves).clip(0, SIZE - SPRITE)
        self._steps += 1
        self._draw()
        return self._stack.copy(), float(action == 0), self._steps >= EPISODE, False, {}

    def _draw(self) -> None:
        frame = self._background.copy()
        for (row, column), texture in zip(self._places, self._textures, strict=True):
            frame[row : row + SPRITE, column : column + SPRITE] = texture
        self._stack = np.concatenate((self._stack[:, :, 1:], frame[:, :, None]), axis=2)


if "Frames-v0" not in gym.registry:
    gym.register("Frames-v0", f"{__name__}:Frames")
