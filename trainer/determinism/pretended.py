"""Environments that give anything at all, of a job's spaces: for updates whose outcome is thrown away."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

STEPS_OF_AN_EPISODE = 5
_MASKS = "action_masks"


class Pretended(VecEnv):
    """As many as `like` has, of its spaces; what they give is drawn from generators of their own.

    Args:
        like: environments of the job, which are not touched.
        seed: of what is drawn.
    """

    def __init__(self, like: VecEnv, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._masked = like.has_attr(_MASKS)
        observations, actions = copy.deepcopy(like.observation_space), copy.deepcopy(like.action_space)
        self._drawn = copy.deepcopy(observations)
        self._drawn.seed(seed)
        self._steps = 0
        super().__init__(like.num_envs, observations, actions)

    def _observe(self) -> VecEnvObs:
        each = [self._drawn.sample() for _ in range(self.num_envs)]
        if isinstance(self._drawn, spaces.Dict):
            return {name: np.stack([one[name] for one in each]) for name in self._drawn.spaces}
        return np.stack(each)

    def reset(self) -> VecEnvObs:
        """Begin an episode in each."""
        self._steps = 0
        return self._observe()

    def step_async(self, actions: np.ndarray[Any, Any]) -> None:
        """Take the actions, which change nothing."""

    def step_wait(self) -> VecEnvStepReturn:
        """Give anything; all episodes end together now and then."""
        self._steps += 1
        ended = self._steps % STEPS_OF_AN_EPISODE == 0
        observations = self._observe()
        rewards = self._rng.normal(size=self.num_envs).astype(np.float32)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if ended:
            for number, info in enumerate(infos):
                info["terminal_observation"] = _of_one(observations, number)
                info["TimeLimit.truncated"] = False
        return observations, rewards, np.full(self.num_envs, ended), infos

    def close(self) -> None:
        """Nothing is open."""

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """Of the attributes that Stable-Baselines3 asks for, those that there are.

        Raises:
            AttributeError: it is another.
        """
        if attr_name == "render_mode":
            return [None for _ in self._get_indices(indices)]
        if attr_name == _MASKS and self._masked:
            return [None for _ in self._get_indices(indices)]
        raise AttributeError(attr_name)

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Nothing can be set."""

    def env_method(
        self, method_name: str, *method_args: Any, indices: int | Iterable[int] | None = None, **_method_kwargs: Any
    ) -> list[Any]:
        """Masks that allow everything, and rewards of goals.

        Raises:
            AttributeError: it is another method.
        """
        if method_name == _MASKS and self._masked:
            return [np.ones(_choices(self.action_space), bool) for _ in self._get_indices(indices)]
        if method_name == "compute_reward":
            return [np.zeros(len(method_args[0]), np.float32) for _ in self._get_indices(indices)]
        raise AttributeError(method_name)

    def env_is_wrapped(self, wrapper_class: type[Any], indices: int | Iterable[int] | None = None) -> list[bool]:
        """They are not."""
        del wrapper_class
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[np.ndarray[Any, Any] | None]:
        """There are none."""
        return [None for _ in range(self.num_envs)]


def _of_one(observations: VecEnvObs, number: int) -> Any:
    if isinstance(observations, dict):
        return {name: each[number] for name, each in observations.items()}
    return np.asarray(observations)[number]


def _choices(space: spaces.Space[Any]) -> int:
    """How many choices a mask is about."""
    if isinstance(space, spaces.MultiDiscrete):
        return int(space.nvec.sum())
    if isinstance(space, spaces.MultiBinary):
        return 2 * int(np.prod(space.shape))
    assert isinstance(space, spaces.Discrete)  # noqa: S101 - masks are about no others
    return int(space.n)
