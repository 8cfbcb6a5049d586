"""A walk that gives something wrong once, in whichever form it is asked for; importing this registers it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

SLIPS: dict[str, Any] = {
    "NaN in the observation": lambda step: (np.array([np.nan, 0], np.float32), *step[1:]),
    "infinity in the observation": lambda step: (np.array([0, -np.inf], np.float32), *step[1:]),
    "beyond float32": lambda step: (np.array([1e39, 0]), *step[1:]),
    "another shape": lambda step: (step[0][:1], *step[1:]),
    "a row of one": lambda step: (step[0][None], *step[1:]),
    "no observation": lambda step: (None, *step[1:]),
    "words": lambda step: ("north", *step[1:]),
    "ragged rows": lambda step: ([[1.0], [1.0, 2.0]], *step[1:]),
    "NaN as the reward": lambda step: (step[0], float("nan"), *step[2:]),
    "a reward beyond float32": lambda step: (step[0], -1e39, *step[2:]),
    "no reward": lambda step: (step[0], None, *step[2:]),
    "an array as the reward": lambda step: (step[0], np.ones(1), *step[2:]),
    "no end": lambda step: (*step[:2], None, *step[3:]),
    "an array as the end": lambda step: (*step[:3], np.zeros(1, bool), step[4]),
    "no info": lambda step: (*step[:4], None),
    "NaN at the end": lambda step: (np.array([np.nan, 0], np.float32), step[1], True, False, {}),
}
"""What is made of a step, by name."""


class Slips(gym.Env[Any, Any]):
    """Two numbers, 7 steps to an episode.

    Args:
        slip: one of `SLIPS`, or none.
        at: the step of its life that it is made of.
    """

    action_space = gym.spaces.Discrete(3)

    def __init__(self, slip: str | None = None, at: int = 20) -> None:
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self._slip, self._at = slip, at
        self._life = self._count = 0
        self._place = 0.0

    def _seen(self) -> np.ndarray[Any, Any]:
        return np.array([self._place, self._count], np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self._place, self._count = float(self.np_random.normal()), 0
        return self._seen(), {}

    def step(self, action: Any) -> Any:
        self._life += 1
        self._count += 1
        self._place += float(action) - 1 + float(self.np_random.normal())
        step: Any = (self._seen(), -abs(self._place), self._count >= 7, False, {})
        return SLIPS[self._slip](step) if self._slip and self._life == self._at else step


class ManySlips(VectorEnv[Any, Any, Any]):
    """The same all at once, in arrays.

    Args:
        num_envs: how many.
        slip: changes what a step gave.
        at: the step of its life that it changes.
        shares: whether it gives the array that it writes into, instead of copies.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012 - gymnasium's own

    def __init__(self, num_envs: int = 2, slip: Any = None, at: int = 20, *, shares: bool = False) -> None:
        self.num_envs = num_envs
        self.single_observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self.single_action_space = gym.spaces.Discrete(3, start=-1)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._slip, self._at, self._shares = slip, at, shares
        self._life = 0
        self._count = np.zeros(num_envs, int)
        self._array = np.zeros((num_envs, 2), np.float32)
        self._final = np.zeros((num_envs, 2), np.float32)
        self._draws = np.random.default_rng(0)
        self.taken: list[Any] = []

    def _begin(self, which: Any) -> None:
        self._count[which] = 0
        self._array[which, 0] = self._draws.normal(size=int(which.sum()))
        self._array[which, 1] = 0

    def _given(self, array: Any) -> Any:
        return array if self._shares else array.copy()

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        del options
        if seed is not None:
            self._draws = np.random.default_rng(seed)
        self._begin(np.ones(self.num_envs, bool))
        return self._given(self._array), {}

    def step(self, actions: Any) -> Any:
        self.taken.append(actions.copy())
        self._life += 1
        self._count += 1
        self._array[:, 0] += actions + self._draws.normal(size=self.num_envs)
        self._array[:, 1] = self._count
        rewards, ended, infos = -np.abs(self._array[:, 0]), self._count >= 7, {}
        if ended.any():
            self._final[:] = self._array
            infos = {"final_obs": self._given(self._final), "_final_obs": ended.copy(), "final_info": {}}
            self._begin(ended)
        actions[:] = 0  # some write into what they are given
        step = (self._given(self._array), rewards, ended, np.zeros(self.num_envs, bool), infos)
        return self._slip(step) if self._slip and self._life == self._at else step

    def get_state(self) -> dict[str, Any]:
        return {
            "life": self._life,
            "count": self._count.copy(),
            "array": self._array.copy(),
            "draws": self._draws.bit_generator.state,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self._life = state["life"]
        self._count[:], self._array[:] = state["count"], state["array"]
        self._draws.bit_generator.state = state["draws"]


if "Slips-v0" not in gym.registry:
    gym.register("Slips-v0", f"{__name__}:Slips")
    gym.register("ManySlips-v0", f"{__name__}:Slips", vector_entry_point=f"{__name__}:ManySlips")

SLIPS_ID = f"{__name__}:Slips-v0"
MANY_SLIPS_ID = f"{__name__}:ManySlips-v0"
"""For worker processes and subprocesses, which must import it first."""
