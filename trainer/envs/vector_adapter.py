"""A gymnasium VectorEnv as a VecEnv of Stable-Baselines3."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3.common.vec_env import VecEnv

from contract.errors import InputError
from trainer.environments.checks.vector import VectorCheck
from trainer.environments.origins import from_zero, has_origin, to_environment
from trainer.environments.state.layers import SnapshotError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import gymnasium as gym
    from numpy.typing import NDArray
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn


class SB3VectorAdapter(VecEnv):
    """Steps all environments at once, where `DummyVecEnv` steps one after the other.

    What it gives are copies, as `DummyVecEnv` gives them: an environment may write its next observations
    into the arrays of the latest ones. Actions are counted from zero, whatever the `start` of their space.

    Infos are empty but where an episode ended: there they hold the episode's last info,
    `terminal_observation` and `TimeLimit.truncated`.

    `get_state` and `set_state` are those of `env`, and are attributes of the adapter only where
    `env` has them, so that `hasattr` tells.

    Args:
        env: a vectorised environment that resets within the step that ends an episode.
        refusal: why its state is not to be taken, where that is known; empty where it can be.
        subject: what the sentence of a faulty environment begins with; None where what it gives is not looked at.

    Raises:
        InputError: `env` resets in another step, which Stable-Baselines3 cannot express.
    """

    def __init__(
        self, env: VectorEnv[Any, Any, Any], refusal: tuple[str, ...] = (), subject: str | None = None
    ) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            found = mode.value if isinstance(mode, AutoresetMode) else mode
            raise InputError(
                f"{env}",
                f"its autoreset mode is {found}, expected {AutoresetMode.SAME_STEP.value}",
                "set vectorization to dummy or subproc",
            )
        self.env = env
        self._refusal = refusal
        self._actions: NDArray[Any] = np.zeros(0)
        self._shifts_actions = has_origin(env.single_action_space)
        super().__init__(env.num_envs, env.single_observation_space, from_zero(env.single_action_space))
        self._check = None if subject is None else VectorCheck(subject, self)

    def reset(self) -> VecEnvObs:
        """Reset every environment, with the seed and options set before, if any."""
        options = self._options[0]
        if any(each != options for each in self._options):
            raise NotImplementedError("a vectorised environment takes the same reset options everywhere")
        observations, infos = self.env.reset(seed=self._seeds[0], options=options or None)
        self.reset_infos = [_single_info(infos, index) for index in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        if self._check:
            self._check.shapes_of_reset(observations)
            self._check.reset(observations)
        return copy.deepcopy(observations)  # type: ignore[no-any-return]

    def step_async(self, actions: NDArray[Any]) -> None:
        """Note a copy of the actions, which are the learner's; `step_wait` takes them."""
        if self._check:
            self._check.actions(actions)
        self._actions = (
            to_environment(self.env.single_action_space, actions) if self._shifts_actions else actions.copy()
        )

    def step_wait(self) -> VecEnvStepReturn:
        """Take the actions noted last."""
        observations, rewards, terminated, truncated, infos = step = self.env.step(self._actions)
        if self._check:
            self._check.shapes_of_step(step)
        dones = terminated | truncated
        details: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if self._check:
            self._check.step((observations, rewards, dones, details))
        if dones.any():
            final_infos = infos.get("final_info", {})
            for index in np.flatnonzero(dones).tolist():
                details[index] = copy.deepcopy(_single_info(final_infos, index))
                details[index]["terminal_observation"] = copy.deepcopy(infos["final_obs"][index])
                details[index]["TimeLimit.truncated"] = bool(truncated[index] and not terminated[index])
                if self._check:
                    self._check.final(index, details[index]["terminal_observation"])
        return copy.deepcopy(observations), rewards.astype(np.float32), dones, details

    def close(self) -> None:
        """Close the vectorised environment."""
        self.env.close()

    @property
    def get_state(self) -> Callable[[], dict[str, Any]]:
        """`get_state` of `env`; an AttributeError where it has none."""
        method: Callable[[], dict[str, Any]] = self.env.get_state  # type: ignore[attr-defined]
        return self._refuse if self._refusal else method

    @property
    def set_state(self) -> Callable[[dict[str, Any]], None]:
        """`set_state` of `env`; an AttributeError where it has none."""
        method: Callable[[dict[str, Any]], None] = self.env.set_state  # type: ignore[attr-defined]
        return method

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The attribute of each environment; what they share is given once for each."""
        if hasattr(self.env, "get_attr"):
            values = self.env.get_attr(attr_name)
        else:
            values = (getattr(self.env, attr_name),) * self.num_envs
        return [values[index] for index in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set the attribute of every environment; some of them alone cannot be set."""
        self._expect_all(indices, f"set {attr_name}")
        if hasattr(self.env, "set_attr"):
            self.env.set_attr(attr_name, value)
        else:
            setattr(self.env, attr_name, value)

    def env_method(
        self,
        method_name: str,
        *method_args: Any,
        indices: VecEnvIndices = None,
        **method_kwargs: Any,
    ) -> list[Any]:
        """Call a method of every environment, where these are objects of their own."""
        self._expect_all(indices, f"call {method_name}")
        if not hasattr(self.env, "call"):
            raise NotImplementedError(f"{self.env} has no separate environments to call {method_name} of")
        answers = list(self.env.call(method_name, *method_args, **method_kwargs))
        if self._check:
            self._check.answers(method_name, answers)
        return answers

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """False for each: wrappers inside a vectorised environment are not looked for."""
        del wrapper_class
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """No pictures."""
        return [None] * self.num_envs

    def _refuse(self) -> dict[str, Any]:
        raise SnapshotError(*self._refusal)

    def _expect_all(self, indices: VecEnvIndices, action: str) -> None:
        if sorted(self._get_indices(indices)) != list(range(self.num_envs)):
            raise NotImplementedError(f"cannot {action} in some environments of {self.env} and not in others")


def _single_info(infos: dict[str, Any], index: int) -> dict[str, Any]:
    """The entries of gymnasium's batched `infos` that environment `index` has, told by their `_` masks."""
    return {
        key: _single_info(value, index) if isinstance(value, dict) else value[index]
        for key, value in infos.items()
        if f"_{key}" in infos and infos[f"_{key}"][index]
    }
