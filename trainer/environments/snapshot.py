"""The state of one environment, wrappers included, taken and put back where the environment lives.

A layer (the environment or one of its wrappers) that has `get_state()` and `set_state(state)` is
asked; any other is pickled attribute by attribute and put back in place. References from one layer
to another survive, since layers are pickled by their position.
"""

from __future__ import annotations

import copy
import io
import pickle
import zlib
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import EzPickle

from trainer.environments.checks.step import FAULT, NO_REWARD, NUMBERS, TRUTHS, StepCheck
from trainer.environments.origins import from_zero, has_origin, to_environment
from trainer.environments.spaces import random_states, set_random_states
from trainer.generators import capture_generators, put_back_generators

_REBUILT_BY_MAKE = frozenset({"env", "spec", "_cached_spec"})
_FASTEST = 1


class SnapshotError(Exception):
    """An environment's state cannot be taken or put back.

    Args:
        reasons: which part and why, a sentence each.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = reasons

    def __str__(self) -> str:
        return "; ".join(self.reasons)


class SnapshotWrapper(gym.Wrapper[Any, Any, Any, Any]):
    """The outermost wrapper of each environment, so that worker processes answer for themselves.

    Actions are counted from zero here, whatever the `start` of the environment's space
    (`trainer.environments.origins`). The last observation of an episode is a copy, since environments
    may write the next episode's first one into the same array.

    Args:
        env: the environment with its own wrappers.
        refusal: why no snapshot is to be taken, where that is known; empty where one can be.
    """

    def __init__(self, env: gym.Env[Any, Any], refusal: tuple[str, ...] = ()) -> None:
        super().__init__(env)
        self._refusal = refusal
        self._check: StepCheck | None = None
        self._shifts_actions = has_origin(env.action_space)
        if self._shifts_actions:
            self.action_space = from_zero(env.action_space)

    def begin_checks(self) -> None:
        """Look at what each step and each reset gives from now on; what is wrong with it stands in its info."""
        self._check = StepCheck(self.observation_space)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment."""
        observation, info = self.env.reset(seed=seed, options=options)
        fault = self._check.fault_in_observation(observation) if self._check else None
        if fault:
            return self._nothing(), {FAULT: tuple(fault)}
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take the action."""
        if self._shifts_actions:
            action = to_environment(self.env.action_space, action)
        step = self.env.step(action)
        observation, reward, terminated, truncated, info = step
        check = self._check
        if (
            check is not None
            # Without a call, since every step of every environment comes by here.
            and not (
                type(reward) in NUMBERS
                and type(terminated) in TRUTHS
                and type(truncated) in TRUTHS
                and type(info) is dict
                and type(observation) is np.ndarray
                and observation.dtype is check.dtype
                and observation.shape == check.shape
            )
            and (fault := check.fault_in_step(step))
        ):
            return self._nothing(), NO_REWARD, False, False, {FAULT: tuple(fault)}
        if terminated or truncated:
            observation = copy.deepcopy(observation)
            if check and (fault := check.fault_in_final(observation)):
                return self._nothing(), NO_REWARD, False, False, {FAULT: tuple(fault)}
        return observation, reward, terminated, truncated, info

    def _nothing(self) -> Any:
        """What stands in for an observation that nobody is to see."""
        return _zeros(self.observation_space)

    def try_snapshot(self, *, generators: bool = True) -> bytes | SnapshotError:
        """A snapshot, or why there is none: an error that is raised would end a worker process."""
        try:
            return self.take_snapshot(generators=generators)
        except SnapshotError as error:
            return SnapshotError(*error.reasons)

    def try_restore(self, snapshot: bytes) -> SnapshotError | None:
        """Put a snapshot back, or return why not: an error that is raised would end a worker process."""
        try:
            self.restore_snapshot(snapshot)
        except SnapshotError as error:
            return SnapshotError(*error.reasons)
        return None

    def take_snapshot(self, *, generators: bool = True) -> bytes:
        """Everything that the environment's future depends on.

        Args:
            generators: with those of this process; only where nobody else keeps them can they be left out.

        Raises:
            SnapshotError: some layer gives its state neither by protocol nor to pickle.
        """
        if self._refusal:
            raise SnapshotError(*self._refusal)
        layers = _layers(self.env)
        stream = io.BytesIO()
        pickler = _LayerPickler(stream, layers)
        pickler.dump(_names(layers))
        for layer in _asked(layers):
            try:
                pickler.dump(_layer_state(layer))
            except SnapshotError:
                raise
            except Exception as error:  # anything may come out of a user's get_state or __getstate__
                raise SnapshotError(_failure(layer, error)) from error
        pickler.dump(capture_generators() if generators else None)
        return zlib.compress(stream.getvalue(), _FASTEST)

    def restore_snapshot(self, snapshot: bytes) -> None:
        """Put back what `take_snapshot` gave, in an environment made in the same way.

        Raises:
            SnapshotError: the environment is made in another way, or does not take its state back; it stands
                anywhere, and must be reset before it is used.
        """
        layers = _layers(self.env)
        try:
            unpickler = _LayerUnpickler(io.BytesIO(zlib.decompress(snapshot)), layers)
        except zlib.error as error:
            raise SnapshotError("its state was taken by another version of kaggle-relay") from error
        there, here = unpickler.load(), _names(layers)
        if there != here:
            raise SnapshotError(f"its state is that of {there}, not of {here}")
        for layer in _asked(layers):
            try:
                _set_layer_state(layer, unpickler.load())
            except SnapshotError:
                raise
            except Exception as error:  # a stranger's environment may raise anything
                problem = f"{type(layer).__name__} does not take its state back ({type(error).__name__}: {error})"
                raise SnapshotError(problem) from error
        states = unpickler.load()
        if states is not None:
            put_back_generators(states)


def _zeros(space: gym.Space[Any]) -> Any:
    if isinstance(space, gym.spaces.Dict):
        return {name: _zeros(part) for name, part in space.spaces.items()}
    return np.zeros(space.shape or (), space.dtype)


def _layers(env: Any) -> list[Any]:
    layers = [env]
    while isinstance(layers[-1], gym.Wrapper):
        layers.append(layers[-1].env)
    return layers


def _asked(layers: list[Any]) -> list[Any]:
    """The layers that are asked for their state, outermost first."""
    answering = (position for position, layer in enumerate(layers) if getattr(layer, "answers_for_layers_below", False))
    return layers[: next(answering, len(layers)) + 1]


def _names(layers: list[Any]) -> str:
    return " in ".join(type(layer).__name__ for layer in reversed(layers))


def follows_state_protocol(layer: Any) -> bool:
    """Whether the layer itself (gymnasium's wrappers pass nothing on) has `get_state` and `set_state`."""
    return callable(getattr(layer, "get_state", None)) and callable(getattr(layer, "set_state", None))


def _failure(layer: Any, error: Exception) -> str:
    if follows_state_protocol(layer):
        return f"{type(layer).__name__} does not give its state ({type(error).__name__}: {error})"
    return f"{type(layer).__name__} cannot be pickled and has no get_state/set_state ({error})"


def _layer_state(layer: Any) -> dict[str, Any]:
    if follows_state_protocol(layer):
        return {"protocol": layer.get_state()}
    attributes = {name: value for name, value in vars(layer).items() if name not in _REBUILT_BY_MAKE}
    spaces = {name: random_states(value) for name, value in attributes.items() if isinstance(value, gym.Space)}
    return {"attributes": {name: each for name, each in attributes.items() if name not in spaces}, "spaces": spaces}


def _set_layer_state(layer: Any, state: dict[str, Any]) -> None:
    if "protocol" in state:
        layer.set_state(state["protocol"])
        return
    vars(layer).update(state["attributes"])
    for name, states in state["spaces"].items():
        set_random_states(vars(layer)[name], states)


class _LayerPickler(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, layers: list[Any]) -> None:
        super().__init__(stream, protocol=5)
        self._positions = {id(layer): position for position, layer in enumerate(layers)}

    def persistent_id(self, obj: Any) -> int | None:
        return self._positions.get(id(obj))

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, EzPickle):
            raise pickle.PicklingError(f"{type(obj).__name__} is rebuilt from its arguments, its state forgotten")
        return NotImplemented


class _LayerUnpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, layers: list[Any]) -> None:
        super().__init__(stream)
        self._layers = layers

    def persistent_load(self, pid: int) -> Any:
        return self._layers[pid]
