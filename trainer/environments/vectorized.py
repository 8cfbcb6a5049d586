"""The vectorised environments of Stable-Baselines3, where each step is checked before anything takes it in.

They are the innermost ones: what they raise has reached neither running statistics nor a buffer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from trainer.environments.checks.batch import BatchCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import gymnasium as gym
    from numpy.typing import NDArray
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn


class _Checked(VecEnv):
    """What the two share; each step is that of the class beside this one, then checked."""

    _check: BatchCheck | None = None

    def _begin_checks(self, subject: str | None) -> None:
        if subject is not None:
            self._check = BatchCheck(subject, self)
            super().env_method("begin_checks")  # type: ignore[safe-super] # of the class beside this one

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take a look at the actions, and act by them."""
        if self._check:
            self._check.actions(actions)
        super().step_async(actions)  # type: ignore[safe-super]

    def step_wait(self) -> VecEnvStepReturn:
        """What came of the actions."""
        step = super().step_wait()  # type: ignore[safe-super]
        if self._check:
            self._check.step(step, self.reset_infos)
        return step

    def reset(self) -> VecEnvObs:
        """Reset every environment."""
        observations = super().reset()  # type: ignore[safe-super]
        if self._check:
            self._check.reset(observations, self.reset_infos)
        return observations

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of each environment."""
        answers = super().env_method(  # type: ignore[safe-super]
            method_name, *method_args, indices=indices, **method_kwargs
        )
        if self._check:
            self._check.answers(method_name, answers)
        return answers


class OneAfterTheOther(_Checked, DummyVecEnv):
    """`DummyVecEnv`, with each step checked; environments write into copies of the actions only.

    Args:
        make: makes each of the environments, a `SnapshotWrapper` outermost.
        subject: what a fault's sentence begins with; None where nothing is checked.
    """

    def __init__(self, make: Sequence[Callable[[], gym.Env[Any, Any]]], subject: str | None) -> None:
        DummyVecEnv.__init__(self, list(make))
        self._begin_checks(subject)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Act by a copy of the actions: they are the learner's, and some environments write into theirs."""
        super().step_async(actions.copy())


class InWorkers(_Checked, SubprocVecEnv):
    """`SubprocVecEnv`, with each step checked.

    Args:
        make: makes each of the environments, a `SnapshotWrapper` outermost.
        subject: what a fault's sentence begins with; None where nothing is checked.
    """

    def __init__(self, make: Sequence[Callable[[], gym.Env[Any, Any]]], subject: str | None) -> None:
        SubprocVecEnv.__init__(self, list(make))
        self._begin_checks(subject)
