"""What several environments give together, and are given: the numbers in it, at a cost of microseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import gymnasium as gym
import numpy as np

from contract.errors import DivergedError
from trainer.environments.checks.faults import Fault, FaultyEnvironmentError, beginning
from trainer.environments.checks.numbers import batch_check, find_fault, fits_into, is_finite
from trainer.environments.checks.step import FAULT, OBSERVATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from stable_baselines3.common.vec_env import VecEnv
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

_FLOAT32 = np.dtype(np.float32)
_REWARDS = gym.spaces.Box(-np.inf, np.inf, (), np.float32)
_MASKS, _REWARDS_OF_GOALS = "action_masks", "compute_reward"


class BatchCheck:
    """Looks at numbers: finite and within float32 where fractions, within their space where whole; and at masks.

    Args:
        subject: what a fault's sentence begins with.
        venv: the environments.
    """

    def __init__(self, subject: str, venv: VecEnv) -> None:
        self._subject = subject
        self._count = venv.num_envs
        self._space = venv.observation_space
        self._choices = _choices(venv.action_space)
        self._of_fractions = isinstance(venv.action_space, gym.spaces.Box)
        parts: list[tuple[str | None, gym.Space[Any]]] = [(None, self._space)]
        if isinstance(self._space, gym.spaces.Dict):
            parts = list(self._space.spaces.items())
        self._holders = tuple((name, holds, part) for name, part in parts if (holds := batch_check(part)))

    def actions(self, actions: NDArray[Any]) -> None:
        """Look at actions before the environments take them.

        Raises:
            DivergedError: they are no finite numbers, as those of a policy that is not any more.
        """
        if self._of_fractions and not is_finite(actions):
            problem = "was to take an action that is not finite: the policy's weights are no longer finite"
            remedy = "the checkpoints before it are intact: lower the learning rate or clip the gradients, and go on"
            raise DivergedError(self._subject, problem, remedy)

    def step(
        self,
        step: VecEnvStepReturn,
        reset_infos: Sequence[dict[str, Any] | None] = (),
    ) -> None:
        """Look at what a step gave.

        Args:
            step: it.
            reset_infos: of each environment, where those may say that something was wrong.

        Raises:
            FaultyEnvironmentError: it is nothing that can be learned from.
        """
        observations, rewards, ended, infos = step
        if not fits_into(rewards, _FLOAT32):
            self.reported(infos, reset_infos)
            self._refuse_rewards("the reward", rewards)
        if np.count_nonzero(ended):  # and so reset
            self.reported((), reset_infos, steps=True)
        self.observations(observations, steps=True)

    def reset(self, observations: Any, reset_infos: Sequence[dict[str, Any] | None] = ()) -> None:
        """Look at what a reset gave.

        Args:
            observations: it.
            reset_infos: of each environment, where those may say that something was wrong.

        Raises:
            FaultyEnvironmentError: it is nothing that can be learned from.
        """
        self.reported((), reset_infos, steps=False)
        self.observations(observations, steps=False)

    def observations(self, observations: Any, *, steps: bool) -> None:
        """Look at the numbers of observations.

        Raises:
            FaultyEnvironmentError: they are none that can be learned from.
        """
        for name, holds, part in self._holders:
            values = observations if name is None else observations[name]
            if not holds(values):
                self._refuse(name, part, values, steps=steps)

    def reported(
        self,
        infos: Sequence[dict[str, Any]],
        reset_infos: Sequence[dict[str, Any] | None],
        *,
        steps: bool = True,
    ) -> None:
        """Look for faults that environments have found by themselves.

        Raises:
            FaultyEnvironmentError: there is one.
        """
        for told in (infos, reset_infos):
            for index, info in enumerate(told):
                if info and FAULT in info:
                    raise self.error(index, info[FAULT], steps=steps)

    def answers(self, method: str, answers: list[Any]) -> None:
        """Look at what a method of the environments gave, where learning depends on it.

        Raises:
            FaultyEnvironmentError: it is nothing that can be learned from.
        """
        if method == _MASKS and self._choices:
            for index, mask in enumerate(answers):
                if fault := _fault_in_mask(mask, self._choices):
                    raise self.error(index, fault, steps=False)
        elif method == _REWARDS_OF_GOALS:
            for rewards in answers:
                if not is_finite(np.asarray(rewards)):
                    fault = Fault("the reward that compute_reward()", "gave is not finite", beginning(rewards))
                    raise self.error(0, fault, steps=False)

    def error(self, index: int | None, fault: Fault, *, steps: bool) -> FaultyEnvironmentError:
        """The error of a fault.

        Args:
            index: whose it is; None where it is that of all together.
            fault: what is wrong.
            steps: whether the environments were stepped, or just reset.
        """
        error = FaultyEnvironmentError(self._subject, index, Fault(*fault))
        error.timesteps_taken = self._count if steps else 0
        return error

    def _refuse_rewards(self, what: str, rewards: NDArray[Any]) -> None:
        for index, each in enumerate(rewards):
            if fault := find_fault(what, _REWARDS, np.asarray(each)):
                raise self.error(index, fault, steps=True)

    def _refuse(self, name: str | None, space: gym.Space[Any], values: NDArray[Any], *, steps: bool) -> NoReturn:
        what = OBSERVATION if name is None else f"{name!r} in {OBSERVATION}"
        faults = ((index, find_fault(what, space, each)) for index, each in enumerate(values))
        index, fault = next((index, fault) for index, fault in faults if fault)
        raise self.error(index, fault, steps=steps)


def _choices(space: gym.Space[Any]) -> tuple[int, ...]:
    """How many values each part of an action has; none where they cannot be masked."""
    if isinstance(space, gym.spaces.Discrete):
        return (int(space.n),)
    if isinstance(space, gym.spaces.MultiDiscrete):
        return tuple(int(each) for each in space.nvec.ravel())
    if isinstance(space, gym.spaces.MultiBinary):
        return (2,) * int(np.prod(space.shape))
    return ()


def _fault_in_mask(mask: Any, choices: tuple[int, ...]) -> Fault | None:
    what = "the action mask"
    try:
        allowed = np.asarray(mask).astype(bool).ravel()
    except (TypeError, ValueError):
        return Fault(what, "is not an array of booleans", beginning(mask))
    if allowed.size != sum(choices):
        return Fault(what, f"has {allowed.size:,} entries instead of {sum(choices):,}", beginning(mask))
    if allowed.all():
        return None
    begins = 0
    for part, count in enumerate(choices):
        if not allowed[begins : begins + count].any():
            which = "" if len(choices) == 1 else f" in part {part}"
            return Fault(what, "allows no action", f"all {count:,} are forbidden{which}")
        begins += count
    return None
