"""`TrafficLight-v0` as a gymnasium Env."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from trainer.envs.traffic_light.batch import EpisodeBatch
from trainer.envs.traffic_light.controllers import baselines
from trainer.envs.traffic_light.generators import generator_from, generator_state
from trainer.envs.traffic_light.network import PHASES
from trainer.envs.traffic_light.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class TrafficLightEnv(gym.Env["NDArray[Any]", "int | np.int64"]):
    """One signalised four-way intersection under Poisson demand.

    Traffic: the cell transmission model (Daganzo, Transportation Research B 28(4), 1994) in steps
    of 1 s and cells of 15 m; free flow 15 m/s, wave speed 5 m/s, 2 vehicles per cell and lane in a
    jam, hence 1,800 vehicles per hour and lane at most. Each approach is 180 m long and has two
    lanes for through and right and one for left, each group with a vertical queue at its entry.

    Action: Discrete(4), the phase to show until the next decision, 5 s later by default:
    0 north-south through and right, 1 north-south left, 2 east-west through and right, 3 east-west
    left. A change costs `yellow` seconds in which nobody crosses; one that comes before `min_green`
    seconds of green are over is ignored.

    Observation: Box(0, 1, float32). For each of the 8 lane groups the occupancy of each of
    `observed_segments` parts of the approach, from the entry to the stop line, and the vertical
    queue q (vehicles per lane) as q / (q + 20); then the phase (one-hot), its green so far (minutes,
    at most 1) and whether the minimum green is over. 38 numbers by default.

    Reward: minus the total delay since the last decision in vehicle-seconds, unscaled: each vehicle
    on an approach or in a vertical queue counts 1 for each second in which it does not move. An
    episode's return is minus its total delay.

    Episode: starts on empty roads with phase 0 and is truncated after `decisions` decisions (180, a
    quarter of an hour by default); it never terminates. The info of its last step has
    `total_delay` (vehicle-seconds), `mean_delay` (seconds per vehicle), `arrived` and `departed`
    (vehicles); all others are empty.

    Args:
        render_mode: None, there is nothing to see.
        **scenario: as `Scenario` says, with its defaults.

    Raises:
        InputError: an argument is out of range.
        TypeError: there is no such argument, or a render mode was asked for.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as gymnasium declares it

    def __init__(self, render_mode: None = None, **scenario: Any) -> None:
        if render_mode is not None:
            # Stable-Baselines3's make_vec_env asks for pictures first, and does without after a TypeError.
            raise TypeError(f"TrafficLight-v0 has no render mode, found {render_mode!r}")
        self._batch = EpisodeBatch(1, Scenario(**scenario))
        self.observation_space = self._batch.layout.space
        self.action_space = spaces.Discrete(len(PHASES))

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
        seed: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin a new episode; `options` has no meaning here."""
        super().reset(seed=seed, options=options)
        return self._batch.reset([self.np_random])[0], {}

    def step(self, action: int | np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Ask for phase `action` and go on until the next decision."""
        transition = self._batch.step(np.array([action], dtype=np.int64))
        info = {key: float(value[0]) for key, value in self._batch.summary().items()} if transition.ended else {}
        return transition.observations[0], -float(transition.delay[0]), False, transition.ended, info

    def get_state(self) -> dict[str, Any]:
        """Everything that later behaviour depends on: plain data, a deep copy."""
        return {"batch": self._batch.get_state(), "generator": generator_state(self._np_random)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave, here or in another process."""
        self._batch.set_state(state["batch"])
        self._np_random = generator_from(state["generator"])
        self._np_random_seed = -1
