"""The state of one environment, wrappers included, taken and put back where the environment lives.

A layer (the environment or one of its wrappers) that has `get_state()` and `set_state(state)` is
asked; any other is pickled attribute by attribute and put back in place. References from one layer
to another survive, since layers are pickled by their position.
"""

from __future__ import annotations

import io
import pickle
import random
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import EzPickle

from trainer.spaces import random_states, set_random_states

_REBUILT_BY_MAKE = frozenset({"env", "spec", "_cached_spec"})


class SnapshotError(Exception):
    """An environment's state cannot be taken; the text says which part and why."""


class SnapshotWrapper(gym.Wrapper[Any, Any, Any, Any]):
    """The outermost wrapper of each environment, so that worker processes answer for themselves."""

    def try_snapshot(self) -> bytes | SnapshotError:
        """A snapshot, or why there is none: an error that is raised would end a worker process."""
        try:
            return self.take_snapshot()
        except SnapshotError as error:
            return SnapshotError(*error.args)

    def take_snapshot(self) -> bytes:
        """Everything that the environment's future depends on, this process's generators included.

        Raises:
            SnapshotError: some layer gives its state neither by protocol nor to pickle.
        """
        layers = _layers(self.env)
        stream = io.BytesIO()
        pickler = _LayerPickler(stream, layers)
        generators = (random.getstate(), np.random.get_state())  # noqa: NPY002 - environments may use it
        for layer in layers:
            try:
                pickler.dump(_layer_state(layer))
            except Exception as error:  # anything may come out of a user's __getstate__
                problem = f"{type(layer).__name__} cannot be pickled and has no get_state/set_state ({error})"
                raise SnapshotError(problem) from error
        pickler.dump(generators)
        return stream.getvalue()

    def restore_snapshot(self, snapshot: bytes) -> None:
        """Put back what `take_snapshot` gave, in an environment made in the same way."""
        layers = _layers(self.env)
        unpickler = _LayerUnpickler(io.BytesIO(snapshot), layers)
        for layer in layers:
            _set_layer_state(layer, unpickler.load())
        python_state, numpy_state = unpickler.load()
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002 - likewise


def _layers(env: Any) -> list[Any]:
    layers = [env]
    while isinstance(layers[-1], gym.Wrapper):
        layers.append(layers[-1].env)
    return layers


def follows_state_protocol(layer: Any) -> bool:
    """Whether the layer itself (gymnasium's wrappers pass nothing on) has `get_state` and `set_state`."""
    return callable(getattr(layer, "get_state", None)) and callable(getattr(layer, "set_state", None))


def _layer_state(layer: Any) -> dict[str, Any]:
    if follows_state_protocol(layer):
        return {"protocol": layer.get_state()}
    attributes = {name: value for name, value in vars(layer).items() if name not in _REBUILT_BY_MAKE}
    spaces = {name: random_states(value) for name, value in attributes.items() if isinstance(value, gym.Space)}
    return {"attributes": {name: attributes[name] for name in attributes.keys() - spaces.keys()}, "spaces": spaces}


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
