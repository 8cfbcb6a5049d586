"""One layer of an environment (it, or a wrapper of it), and its state.

A layer that has `get_state()` and `set_state(state)` is asked; any other is pickled attribute by attribute and put back
in place. References from one layer to another survive, since layers are pickled by their position.
"""

from __future__ import annotations

import io
import pickle
from types import FunctionType
from typing import TYPE_CHECKING, Any

import gymnasium as gym
from gymnasium.utils import EzPickle
from stable_baselines3.common.vec_env import VecEnvWrapper

from trainer.environments.spaces import random_states, set_random_states
from trainer.environments.state.native_parts import is_native, put_back_native, take_native_anywhere

if TYPE_CHECKING:
    from collections.abc import Sequence

REBUILT_BY_MAKE = frozenset({"env", "spec", "_cached_spec"})
"""The attributes of a layer that are the same whenever it is made."""


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


def follows_state_protocol(layer: Any) -> bool:
    """Whether the layer itself has `get_state` and `set_state`.

    Gymnasium's wrappers pass nothing on, and those of Stable-Baselines3 everything.
    """
    holder = type(layer) if isinstance(layer, VecEnvWrapper) else layer
    return callable(getattr(holder, "get_state", None)) and callable(getattr(holder, "set_state", None))


def not_given(layer: Any, error: Exception) -> str:
    """What is said of a layer that does not give its state."""
    if follows_state_protocol(layer):
        return f"{type(layer).__name__} does not give its state ({type(error).__name__}: {error})"
    return f"{type(layer).__name__} cannot be pickled and has no get_state/set_state ({error})"


def pickle_layer(layer: Any, rebuilt: frozenset[str], layers: Sequence[Any] = ()) -> bytes:
    """The state of one layer.

    Args:
        layer: it, or a wrapper around all environments.
        rebuilt: its attributes that are the same whenever it is made.
        layers: what it may refer to.

    Raises:
        SnapshotError: it gives its state neither by protocol nor to pickle.
    """
    stream = io.BytesIO()
    try:
        LayerPickler(stream, layers or [layer]).dump(layer_state(layer, rebuilt))
    except Exception as error:  # anything may come out of a user's get_state or __getstate__
        raise SnapshotError(not_given(layer, error)) from error
    return stream.getvalue()


def unpickle_layer(layer: Any, state: bytes, layers: Sequence[Any] = ()) -> None:
    """Put back what `pickle_layer` gave, into one that was made in the same way.

    Raises:
        SnapshotError: it does not take it.
    """
    try:
        set_layer_state(layer, LayerUnpickler(io.BytesIO(state), layers or [layer]).load())
    except Exception as error:  # a stranger's class may raise anything
        raise not_taken_back(layer, error) from error


def not_taken_back(layer: Any, error: Exception) -> SnapshotError:
    """What is said of a layer that does not take its state back."""
    return SnapshotError(f"{type(layer).__name__} does not take its state back ({type(error).__name__}: {error})")


def layer_state(layer: Any, rebuilt: frozenset[str] = REBUILT_BY_MAKE) -> dict[str, Any]:
    """The state of a layer, which a `LayerPickler` can pickle."""
    if follows_state_protocol(layer):
        return {"protocol": layer.get_state()}
    kept = {
        name: value for name, value in vars(layer).items() if name not in rebuilt and not _is_nameless_function(value)
    }
    native = {name: take_native_anywhere(value) for name, value in kept.items() if is_native(value)}
    attributes = {name: value for name, value in kept.items() if name not in native}
    state = _plain_state(attributes)
    return {**state, "native": native} if native else state


def _is_nameless_function(value: Any) -> bool:
    """Whether a value is a function that stands in no module by its name: code, which the constructor sets again.

    Gymnasium's wrappers hold such ones. What it may remember nevertheless, the check before the training finds out.
    """
    return isinstance(value, FunctionType) and "<" in value.__qualname__


def _plain_state(attributes: dict[str, Any]) -> dict[str, Any]:
    spaces = {name: random_states(value) for name, value in attributes.items() if isinstance(value, gym.Space)}
    return {"attributes": {name: each for name, each in attributes.items() if name not in spaces}, "spaces": spaces}


def set_layer_state(layer: Any, state: dict[str, Any]) -> None:
    """Put back what `layer_state` gave."""
    if "protocol" in state:
        layer.set_state(state["protocol"])
        return
    vars(layer).update(state["attributes"])
    for name, native in state.get("native", {}).items():
        put_back_native(vars(layer)[name], native)
    for name, states in state["spaces"].items():
        set_random_states(vars(layer)[name], states)


class LayerPickler(pickle.Pickler):
    """Pickles references to layers as their positions."""

    def __init__(self, stream: io.BytesIO, layers: Sequence[Any]) -> None:
        super().__init__(stream, protocol=5)
        self._positions = {id(layer): position for position, layer in enumerate(layers)}

    def persistent_id(self, obj: Any) -> int | None:
        """Where `obj` stands among the layers, if it is one."""
        return self._positions.get(id(obj))

    def reducer_override(self, obj: Any) -> Any:
        """Refuse what pickle would make anew."""
        if isinstance(obj, EzPickle):
            raise pickle.PicklingError(f"{type(obj).__name__} is rebuilt from its arguments, its state forgotten")
        return NotImplemented


class LayerUnpickler(pickle.Unpickler):
    """Finds layers by their positions."""

    def __init__(self, stream: io.BytesIO, layers: Sequence[Any]) -> None:
        super().__init__(stream)
        self._layers = layers

    def persistent_load(self, pid: int) -> Any:
        """The layer at that position."""
        return self._layers[pid]
