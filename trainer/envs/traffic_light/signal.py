"""The signals of many intersections: which phase is green, and when it may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainer.envs.traffic_light.network import SERVED

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Signal:
    """Phases with a minimum green and a lost time between them.

    Args:
        num_envs: intersections.
        min_green: seconds of green that a phase is given at least.
        yellow: seconds in which nobody may cross before a new phase becomes green.

    Attributes:
        phase: the phase that is green, or becomes so after the yellow; int64, shape (num_envs,).
        green_elapsed: seconds of green that it has had; int64, shape (num_envs,).
        yellow_left: seconds until it becomes green; int64, shape (num_envs,).
    """

    def __init__(self, num_envs: int, min_green: int, yellow: int) -> None:
        self._min_green = min_green
        self._yellow = yellow
        self.phase: NDArray[np.int64] = np.zeros(num_envs, dtype=np.int64)
        self.green_elapsed: NDArray[np.int64] = np.zeros(num_envs, dtype=np.int64)
        self.yellow_left: NDArray[np.int64] = np.zeros(num_envs, dtype=np.int64)

    def clear(self) -> None:
        """Show the first phase, as if it had just become green."""
        self.phase[:] = 0
        self.green_elapsed[:] = 0
        self.yellow_left[:] = 0

    @property
    def may_change(self) -> NDArray[np.bool_]:
        """Where the minimum green is over, shape (num_envs,)."""
        return self.green_elapsed >= self._min_green

    def advance(self, requested: NDArray[np.int64], seconds: int) -> NDArray[np.bool_]:
        """Go on by `seconds` with the `requested` phases, shape (num_envs,).

        A request for another phase is ignored where the minimum green is not over.

        Returns:
            Which lane groups have green in each second, shape (seconds, num_envs, 8).
        """
        change = self.may_change & (requested != self.phase)
        self.phase[change] = requested[change]
        self.green_elapsed[change] = 0
        self.yellow_left[change] = self._yellow
        shown = np.arange(seconds)[:, np.newaxis] >= self.yellow_left
        self.green_elapsed += np.maximum(seconds - self.yellow_left, 0)
        np.maximum(self.yellow_left - seconds, 0, out=self.yellow_left)
        green: NDArray[np.bool_] = shown[..., np.newaxis] & SERVED[self.phase]
        return green
