"""What a vectorised environment of its own gives: kinds and shapes of arrays, which nothing puts together for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.vector.utils import batch_space

from trainer.environments.checks.batch import BatchCheck
from trainer.environments.checks.faults import Fault, beginning
from trainer.environments.checks.step import FINAL_OBSERVATION, StepCheck

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv


class VectorCheck(BatchCheck):
    """Looks at kinds and shapes too.

    Args:
        subject: what a fault's sentence begins with.
        venv: the environments.
    """

    def __init__(self, subject: str, venv: VecEnv) -> None:
        super().__init__(subject, venv)
        self._one = StepCheck(venv.observation_space)
        self._shape = (venv.num_envs,)
        self._all = StepCheck(batch_space(venv.observation_space, venv.num_envs))

    def shapes_of_step(self, step: tuple[Any, ...]) -> None:
        """Look at the kinds and shapes of what a vectorised environment's step gave.

        Raises:
            FaultyEnvironmentError: something is taken for something else if it is used.
        """
        observations, rewards, terminated, truncated, infos = step
        self._shapes_of_observations(observations, steps=True)
        for what, given, kinds in (
            ("rewards", rewards, "biuf"),
            ("`terminated`", terminated, "biu"),
            ("`truncated`", truncated, "biu"),
        ):
            if not (isinstance(given, np.ndarray) and given.dtype.kind in kinds and given.shape == self._shape):
                expected = f"an array of {self._count} {'booleans' if kinds == 'biu' else 'numbers'}"
                raise self.error(None, Fault(what, f"are not {expected}", beginning(given)), steps=True)
        if not isinstance(infos, dict):
            raise self.error(None, Fault("infos", "are not a dictionary", beginning(infos)), steps=True)
        if "final_obs" not in infos and (np.count_nonzero(terminated) or np.count_nonzero(truncated)):
            problem = "do not hold final_obs, though an episode has ended"
            raise self.error(None, Fault("infos", problem, f"they hold {sorted(map(str, infos))}"), steps=True)

    def shapes_of_reset(self, observations: Any) -> None:
        """Look at the kinds and shapes of what a vectorised environment's reset gave.

        Raises:
            FaultyEnvironmentError: something is taken for something else if it is used.
        """
        self._shapes_of_observations(observations, steps=False)

    def final(self, index: int, observation: Any) -> None:
        """Look at the last observation of an episode.

        Raises:
            FaultyEnvironmentError: it is nothing that can be learned from.
        """
        fault = self._one.fault_in_observation(observation) or self._one.fault_in_final(observation)
        if fault:
            raise self.error(index, Fault(FINAL_OBSERVATION, fault.problem, fault.found), steps=True)

    def _shapes_of_observations(self, observations: Any, *, steps: bool) -> None:
        if fault := self._all.fault_in_observation(observations):
            raise self.error(None, Fault("observations", fault.problem, fault.found), steps=steps)
