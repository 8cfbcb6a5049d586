"""The vectorised environments of Stable-Baselines3, where each step is checked before anything takes it in.

They are the innermost ones: what they raise has reached neither running statistics nor a buffer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

from trainer.environments.checks.batch import BatchCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import gymnasium as gym
    from numpy.typing import NDArray
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn


class OneAfterTheOther(DummyVecEnv):
    """`DummyVecEnv`, with each step checked; environments write into copies of the actions only.

    Args:
        make: makes each of the environments, a `SnapshotWrapper` outermost.
        subject: what a fault's sentence begins with; None where nothing is checked.
    """

    def __init__(self, make: Sequence[Callable[[], gym.Env[Any, Any]]], subject: str | None) -> None:
        super().__init__(list(make))
        self._check = None if subject is None else BatchCheck(subject, self)
        if self._check:
            super().env_method("begin_checks")

    def step_async(self, actions: NDArray[Any]) -> None:
        """Note a copy of the actions: they are the learner's, and some environments write into theirs."""
        if self._check:
            self._check.actions(actions)
        super().step_async(actions.copy())

    def step_wait(self) -> VecEnvStepReturn:
        """Take the actions noted last."""
        step = super().step_wait()
        if self._check:
            self._check.step(step, self.reset_infos)
        return step

    def reset(self) -> VecEnvObs:
        """Reset every environment."""
        observations = super().reset()
        if self._check:
            self._check.reset(observations, self.reset_infos)
        return observations

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of each environment."""
        answers = super().env_method(method_name, *method_args, indices=indices, **method_kwargs)
        if self._check:
            self._check.answers(method_name, answers)
        return answers


class InWorkers(SubprocVecEnv):
    """`SubprocVecEnv`, with each step checked.

    Args:
        make: makes each of the environments, a `SnapshotWrapper` outermost.
        subject: what a fault's sentence begins with; None where nothing is checked.
    """

    def __init__(self, make: Sequence[Callable[[], gym.Env[Any, Any]]], subject: str | None) -> None:
        super().__init__(list(make))
        self._check = None if subject is None else BatchCheck(subject, self)
        if self._check:
            super().env_method("begin_checks")

    def step_async(self, actions: NDArray[Any]) -> None:
        """Send the actions."""
        if self._check:
            self._check.actions(actions)
        super().step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """What came of the actions sent last."""
        step = super().step_wait()
        if self._check:
            self._check.step(step, self.reset_infos)
        return step

    def reset(self) -> VecEnvObs:
        """Reset every environment."""
        observations = super().reset()
        if self._check:
            self._check.reset(observations, self.reset_infos)
        return observations

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of each environment."""
        answers = super().env_method(method_name, *method_args, indices=indices, **method_kwargs)
        if self._check:
            self._check.answers(method_name, answers)
        return answers
