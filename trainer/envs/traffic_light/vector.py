"""`TrafficLight-v0` as a gymnasium VectorEnv: all environments in the same NumPy operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from contract.errors import InputError
from trainer.envs.traffic_light.batch import EpisodeBatch
from trainer.envs.traffic_light.controllers import baselines
from trainer.envs.traffic_light.generators import generator_from, generator_state
from trainer.envs.traffic_light.network import PHASES
from trainer.envs.traffic_light.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


class TrafficLightVectorEnv(VectorEnv["NDArray[np.float32]", "NDArray[np.int64]", "NDArray[Any]"]):
    """`num_envs` intersections; each behaves bit for bit as a `TrafficLightEnv` with its seed.

    Episodes have the same length, so they begin and end together. At their end the next ones begin
    within the same step (`AutoresetMode.SAME_STEP`): its infos have `final_obs` and `final_info`
    as gymnasium defines them, and those of all other steps are empty.

    Args:
        num_envs: how many, at least 1.
        **scenario: as `Scenario` says, the same for all.

    Raises:
        InputError: an argument is out of range.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012 - as gymnasium declares it

    def __init__(self, num_envs: int = 1, **scenario: Any) -> None:
        if num_envs < 1:
            raise InputError("TrafficLight-v0 num_envs", f"found {num_envs!r}, expected at least 1")
        self.num_envs = num_envs
        self._batch = EpisodeBatch(num_envs, Scenario(**scenario))
        self._generators: list[np.random.Generator | None] = [None] * num_envs
        self.single_observation_space = self._batch.layout.space
        self.single_action_space = spaces.Discrete(len(PHASES))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def max_episode_steps(self) -> int:
        """After how many steps an episode is truncated."""
        return self._batch.scenario.decisions

    @property
    def scenario(self) -> Scenario:
        """The arguments that this environment was made with."""
        return self._batch.scenario

    def baselines(self) -> dict[str, Callable[[], Callable[[NDArray[np.float32]], np.int64]]]:
        """What an agent is compared with: a fixed-time plan, and max-pressure."""
        return baselines(self.scenario)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002 - part of gymnasium's interface
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin new episodes everywhere.

        Args:
            seed: environment i gets `seed + i`, or `seed[i]`; None goes on with the generators.
            options: without meaning here.
        """
        if seed is None:
            seeds: Sequence[int | None] = [None] * self.num_envs
        elif isinstance(seed, int | np.integer):
            seeds = [int(seed) + index for index in range(self.num_envs)]
        else:
            seeds = seed
        for index, each in enumerate(seeds):
            if each is not None or self._generators[index] is None:
                self._generators[index] = seeding.np_random(each)[0]
        return self._begin(), {}

    def step(
        self,
        actions: NDArray[np.int64],
    ) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Ask for the phases `actions`, shape (num_envs,), and go on until the next decision."""
        observations, delay, ended = self._batch.step(np.asarray(actions, dtype=np.int64))
        infos: dict[str, Any] = {}
        if ended:
            infos = self._final_infos(observations)
            observations = self._begin()
        terminated = np.zeros(self.num_envs, dtype=np.bool_)
        return observations, -delay, terminated, np.full(self.num_envs, ended), infos

    def get_state(self) -> dict[str, Any]:
        """Everything that later behaviour depends on: plain data, a deep copy."""
        return {
            "batch": self._batch.get_state(),
            "generators": [generator_state(generator) for generator in self._generators],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave, here or in another process."""
        self._batch.set_state(state["batch"])
        self._generators = [generator_from(each) for each in state["generators"]]

    def _begin(self) -> NDArray[np.float32]:
        return self._batch.reset([generator for generator in self._generators if generator is not None])

    def _final_infos(self, observations: NDArray[np.float32]) -> dict[str, Any]:
        everywhere = np.ones(self.num_envs, dtype=np.bool_)
        final_obs = np.empty(self.num_envs, dtype=object)
        for index in range(self.num_envs):
            final_obs[index] = observations[index]
        final_info: dict[str, Any] = {}
        for key, values in self._batch.summary().items():
            final_info |= {key: values, f"_{key}": everywhere.copy()}
        return {
            "final_obs": final_obs,
            "_final_obs": everywhere,
            "final_info": final_info,
            "_final_info": everywhere.copy(),
        }
