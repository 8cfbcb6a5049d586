"""Spaces as JSON that tells any two apart, and their random state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple

from trainer.environments.spaces import describe_space, random_states, set_random_states

if TYPE_CHECKING:
    import gymnasium as gym

DIFFERENT: list[gym.Space[Any]] = [
    Box(-1, 1, (3,), np.float32),
    Box(-1, 1, (3,), np.float64),
    Box(-1, 2, (3,), np.float32),
    Box(-1, 1, (3, 1), np.float32),
    Discrete(3),
    Discrete(4),
    Discrete(3, start=1),
    MultiBinary(3),
    MultiDiscrete([3, 2]),
    Dict(a=Discrete(3)),
    Dict(b=Discrete(3)),
    Tuple([Discrete(3)]),
]


def test_different_spaces_have_different_descriptions() -> None:
    described = [json.dumps(describe_space(space)) for space in DIFFERENT]
    assert len(set(described)) == len(DIFFERENT)


def test_a_description_says_what_it_is_of() -> None:
    assert describe_space(Discrete(3)) == {"kind": "Discrete", "text": "Discrete(3)", "shape": []}
    described = describe_space(Dict(a=Discrete(3)))
    assert described == {"kind": "Dict", "text": "Dict('a': Discrete(3))"}


def nested() -> Dict:
    return Dict(a=Tuple([Discrete(1000), Box(0, 1, (2,))]), b=Discrete(1000))


def drawn(space: gym.Space[Any]) -> str:
    return repr([space.sample() for _ in range(5)])


@pytest.mark.parametrize("make", [nested, lambda: Discrete(10**6), lambda: MultiDiscrete([1000, 1000])])
def test_samples_go_on_from_the_states(make: Any) -> None:
    first, second = make(), make()
    first.seed(1)
    second.seed(2)
    states = random_states(first)
    future = drawn(first)
    assert drawn(second) != future
    set_random_states(second, states)
    assert drawn(second) == future


def test_reading_the_states_makes_no_generator() -> None:
    space = nested()
    assert set(map(str, random_states(space))) == {"None"}
    part = space["b"]
    space.seed(1)
    set_random_states(space, random_states(nested()))
    assert random_states(space) == [None] * 5
    assert space["b"] is part


def test_states_of_another_space_are_not_put_back() -> None:
    with pytest.raises(ValueError, match="zip"):
        set_random_states(nested(), random_states(Discrete(2)))
