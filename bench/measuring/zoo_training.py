"""rl-baselines3-zoo's `python -m rl_zoo3.train` with a clock around `learn()`; started by a Python that has the zoo.

Takes the zoo's arguments. Its last line is JSON: the seconds that `learn()` took and the timesteps reached.
It knows the standard library and the zoo only.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from rl_zoo3 import train  # type: ignore[import-not-found] # the zoo is not installed where types are checked
from rl_zoo3.exp_manager import ExperimentManager  # type: ignore[import-not-found] # the zoo is not installed where types are checked

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm


class ClockedManager(ExperimentManager):  # type: ignore[misc] # its base is unknown there
    """The zoo's own, but for the clock."""

    def learn(self, model: BaseAlgorithm) -> None:
        """Train, and say how long it took."""
        began = time.perf_counter()
        super().learn(model)
        learned: dict[str, Any] = {"learn_seconds": time.perf_counter() - began, "timesteps": model.num_timesteps}
        sys.stdout.write(f"{json.dumps(learned)}\n")


if __name__ == "__main__":
    train.ExperimentManager = ClockedManager
    train.train()
