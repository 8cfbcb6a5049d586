"""Wrappers as they were made: what an evaluation begins with, however many there were before it in this session."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from trainer.environments.wrapping.states import capture_episodes, capture_statistics, put_back

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

    from job.model import Environment


class Pristine:
    """Notes how the job's wrappers stand.

    Args:
        venv: environments that have just been made.
        env: the job's block for them.
    """

    def __init__(self, venv: VecEnv, env: Environment) -> None:
        self._venv, self._env = venv, env
        episodes, _ = capture_episodes(venv)
        self._taken = copy.deepcopy((capture_statistics(venv), episodes)) if env.vec_wrappers else ()
        if env.wrappers:
            venv.env_method("note_wrappers")

    def renew(self) -> None:
        """Let them stand so again; the environments themselves are left as they are."""
        for part in copy.deepcopy(self._taken):
            put_back(self._venv, part)
        if self._env.wrappers:
            self._venv.env_method("renew_wrappers")
