"""Spaces as JSON, and the random state that they carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def describe_space(space: gym.Space[Any]) -> dict[str, Any]:
    """What must stay equal for a policy to fit: kind, shape, dtype and bounds, as JSON."""
    description: dict[str, Any] = {"kind": type(space).__name__, "text": str(space)}
    if space.shape is not None:
        description["shape"] = list(space.shape)
    return description


def random_states(space: gym.Space[Any]) -> list[Mapping[str, Any] | None]:
    """The generator states of `space` and of the spaces inside it; None where none was made yet."""
    return [
        None if each._np_random is None else each._np_random.bit_generator.state  # noqa: SLF001 - reading it must not create one
        for each in _space_and_parts(space)
    ]


def set_random_states(space: gym.Space[Any], states: list[Mapping[str, Any] | None]) -> None:
    """Put back what `random_states` gave, in place: others hold references to the same space."""
    for each, state in zip(_space_and_parts(space), states, strict=True):
        if state is None:
            each._np_random = None  # type: ignore[assignment] # noqa: SLF001 - no public way back to "not made yet"
        else:
            generator = np.random.Generator(getattr(np.random, state["bit_generator"])())
            generator.bit_generator.state = state
            each._np_random = generator  # noqa: SLF001 - the property has no setter


def make_generators(space: gym.Space[Any]) -> None:
    """Make the generators that were not made yet, so that what they will draw can be drawn again."""
    for each in _space_and_parts(space):
        _ = each.np_random


def _space_and_parts(space: gym.Space[Any]) -> Iterator[gym.Space[Any]]:
    yield space
    if isinstance(space, gym.spaces.Dict | gym.spaces.Tuple):
        parts = space.spaces.values() if isinstance(space, gym.spaces.Dict) else space.spaces
        for part in parts:
            yield from _space_and_parts(part)
