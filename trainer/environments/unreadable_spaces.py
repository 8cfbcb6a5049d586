"""Observation spaces that Stable-Baselines3 cannot read, said before it fails on them in words of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from torch import nn

from contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLATTEN = "flatten it with gymnasium.wrappers.FlattenObservation where the environment is registered"
_IN_SOURCES = "in a wrapper of your own, in the job's sources"
_LEAVE_OUT = "leave it out by a wrapper of the environment's, or of yours: name it in `wrappers` under env"
_READ = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary, spaces.Dict)
_MEANINGS: dict[type[spaces.Space[Any]], tuple[str, str]] = {
    spaces.Tuple: ("a Tuple", _FLATTEN),
    spaces.Text: ("Text", f"turn it into numbers, or leave it out, {_IN_SOURCES}"),
    spaces.Graph: ("a Graph", f"turn it into a Box of fixed size {_IN_SOURCES}"),
    spaces.Sequence: ("a Sequence, whose length changes", f"pad it to a Box of fixed size {_IN_SOURCES}"),
    spaces.OneOf: ("a OneOf, whose kind changes", f"turn it into a Box or a Dict {_IN_SOURCES}"),
}


def refuse_unreadable(env_id: str, space: spaces.Space[Any]) -> None:
    """Refuse observations that no policy of Stable-Baselines3 reads.

    Raises:
        InputError: the first thing in the space that none does, and how to do without.
    """
    for problem, remedy in _problems(space):
        raise InputError(f"environment {env_id}", problem, remedy)


def _problems(space: spaces.Space[Any]) -> Iterator[tuple[str, str]]:
    if not isinstance(space, spaces.Dict):
        yield from _problems_of_part(space, "its observations are", is_part=False)
        return
    if not space.spaces:
        yield "its observations are a Dict without any part", f"give it one {_IN_SOURCES}"
    for key, part in space.spaces.items():
        yield from _problems_of_key(key)
        if isinstance(part, spaces.Dict):
            yield f"its observations are a Dict inside a Dict ({key}), which Stable-Baselines3 does not read", _FLATTEN
        yield from _problems_of_part(part, f"its observations' part {key} is", is_part=True)


def _problems_of_part(space: spaces.Space[Any], whose: str, *, is_part: bool) -> Iterator[tuple[str, str]]:
    for kind, (name, remedy) in _MEANINGS.items():
        if isinstance(space, kind):
            away = f"leave that part out, or {remedy}" if is_part and kind is not spaces.Text else remedy
            yield f"{whose} {name}, which Stable-Baselines3 does not read", away
    if not isinstance(space, (*_READ, *_MEANINGS)):
        own = type(space).__name__
        yield f"{whose} a {own}, a space of its own kind, which Stable-Baselines3 does not read", _LEAVE_OUT
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete) and np.any(space.start):
        counted = f"{whose} counted from {space.start}, and Stable-Baselines3 counts from 0"
        yield counted, f"subtract it {_IN_SOURCES}"
    if isinstance(space, spaces.MultiDiscrete) and len(space.shape) != 1:
        yield f"{whose} a MultiDiscrete of shape {space.shape}, and Stable-Baselines3 reads rows only", _FLATTEN
    if isinstance(space, spaces.Box) and not space.shape:
        yield (
            f"{whose} a single number of shape (), and Stable-Baselines3 reads rows only",
            f"make it (1,) {_IN_SOURCES}",
        )
    if isinstance(space, spaces.Box) and 0 in space.shape and not is_part:
        yield f"{whose} a Box of shape {space.shape}, which holds nothing", f"observe something {_IN_SOURCES}"


def _problems_of_key(key: object) -> Iterator[tuple[str, str]]:
    """What torch refuses as the name of a module: each part of a Dict is read by one of its own."""
    has_key, rename = f"its observations have the key {key}", f"rename it {_IN_SOURCES}"
    if not isinstance(key, str) or not key:
        yield f"its observations have the key {key!r}, and torch's modules are named by text", rename
    elif "." in key:
        yield f"{has_key}, and the names of torch's modules take no dot", rename
    elif hasattr(nn.ModuleDict(), key):
        yield f"{has_key}, which is a name of torch's own modules", rename
