"""A point that drifts, and is to be kept near zero."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

Observation = np.ndarray[Any, np.dtype[np.float32]]


class Balance(gym.Env[Observation, np.int64]):
    """Push the point down, not at all, or up; the episode ends when it is too far off.

    Args:
        gust: how strongly it drifts.
        render_mode: `rgb_array` for `render` to draw it, as `doit video` wants it.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 - as gymnasium declares it

    def __init__(self, gust: float = 0.02, render_mode: str | None = None) -> None:
        self.observation_space = gym.spaces.Box(-5.0, 5.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(3)
        self.render_mode = render_mode
        self._gust = gust
        self._place = self._speed = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode near zero."""
        super().reset(seed=seed, options=options)
        self._place, self._speed = (float(each) for each in self.np_random.normal(0.0, 0.1, 2))
        return self._seen(), {}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Push, and drift."""
        self._speed += 0.1 * (int(action) - 1) + float(self.np_random.normal(0.0, self._gust))
        self._place += self._speed
        return self._seen(), 1.0 - abs(self._place), abs(self._place) > 2.0, False, {}  # noqa: PLR2004 - too far off

    def render(self) -> np.ndarray[Any, np.dtype[np.uint8]] | None:
        """The point as a square between the ends where it is too far off, zero in the middle."""
        if self.render_mode is None:
            return None
        picture = np.full((60, 440, 3), 245, np.uint8)
        picture[:, 219:221] = 200
        at = 220 + round(100 * float(np.clip(self._place, -2.0, 2.0)))
        picture[20:40, max(at - 10, 0) : at + 10] = (63, 111, 209)
        return picture

    def get_state(self) -> dict[str, Any]:
        """Everything that later behaviour depends on: a session that is cut off goes on from here, bit for bit."""
        return {"place": self._place, "speed": self._speed, "generator": self.np_random.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave, perhaps in another process."""
        self._place, self._speed = state["place"], state["speed"]
        self.np_random.bit_generator.state = state["generator"]

    def _seen(self) -> Observation:
        return np.array([self._place, self._speed], np.float32)
