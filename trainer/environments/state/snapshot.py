"""The state of one environment, wrappers included, taken and put back where the environment lives.

A layer (the environment or one of its wrappers) that has `get_state()` and `set_state(state)` is
asked; any other is pickled attribute by attribute and put back in place. References from one layer
to another survive, since layers are pickled by their position.
"""

from __future__ import annotations

import copy
import io
import zlib
from typing import Any

import gymnasium as gym
import numpy as np

from trainer.environments.checks.step import FAULT, NO_REWARD, NUMBERS, TRUTHS, StepCheck
from trainer.environments.origins import from_zero, has_origin, to_environment
from trainer.environments.state.layers import (
    REBUILT_BY_MAKE,
    LayerPickler,
    LayerUnpickler,
    SnapshotError,
    layer_state,
    not_given,
    not_taken_back,
    pickle_layer,
    set_layer_state,
    unpickle_layer,
)
from trainer.environments.wrapping.running_means import put_running_means, take_running_means
from trainer.generators import capture_generators, put_back_generators

_FASTEST = 1


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
        self._noted: list[tuple[Any, bytes]] = []
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

    def running_means(self) -> list[dict[str, Any]]:
        """What the layers have learned of the scale of things, outermost first."""
        return take_running_means(_layers(self.env))

    def go_by_running_means(self, taken: list[dict[str, Any]]) -> None:
        """Scale by what another environment has learned, and learn nothing more."""
        put_running_means(_layers(self.env), taken)

    def note_wrappers(self) -> None:
        """Keep how the wrappers stand now, for `renew_wrappers`; nothing of one that does not give its state."""
        layers = _layers(self.env)
        self._noted = []
        for layer in layers[:-1]:
            try:
                self._noted.append((layer, pickle_layer(layer, REBUILT_BY_MAKE, layers)))
            except SnapshotError:
                continue

    def renew_wrappers(self) -> None:
        """Let the wrappers, not the environment, stand as they were noted."""
        layers = _layers(self.env)
        for layer, state in self._noted:
            unpickle_layer(layer, state, layers)

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
        pickler = LayerPickler(stream, layers)
        pickler.dump(_names(layers))
        for layer in _asked(layers):
            try:
                pickler.dump(layer_state(layer))
            except SnapshotError:
                raise
            except Exception as error:  # anything may come out of a user's get_state or __getstate__
                raise SnapshotError(not_given(layer, error)) from error
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
            unpickler = LayerUnpickler(io.BytesIO(zlib.decompress(snapshot)), layers)
        except zlib.error as error:
            raise SnapshotError("its state was taken by another version of kaggle-relay") from error
        there, here = unpickler.load(), _names(layers)
        if there != here:
            raise SnapshotError(f"its state is that of {there}, not of {here}")
        for layer in _asked(layers):
            try:
                set_layer_state(layer, unpickler.load())
            except SnapshotError:
                raise
            except Exception as error:  # a stranger's environment may raise anything
                raise not_taken_back(layer, error) from error
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
