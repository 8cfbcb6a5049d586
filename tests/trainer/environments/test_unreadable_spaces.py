"""Observations that no policy reads are refused with the space or key by name, and the way out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from contract.errors import InputError
from trainer.environments.unreadable_spaces import refuse_unreadable

BOX = spaces.Box(-1, 1, (2,), np.float32)


class Mission(spaces.Space[str]):
    """Instructions in words, as some environments have them in a space of their own."""

    def __init__(self) -> None:
        super().__init__(dtype=str)


@pytest.mark.parametrize(
    ("space", "problem", "remedy"),
    [
        (spaces.Dict({"in": spaces.Dict({"a": BOX})}), "a Dict inside a Dict (in)", "FlattenObservation"),
        (spaces.Tuple((BOX, BOX)), "its observations are a Tuple", "FlattenObservation"),
        (spaces.Text(8), "its observations are Text", "turn it into numbers"),
        (spaces.Graph(BOX, None), "its observations are a Graph", "a Box of fixed size"),
        (spaces.Sequence(BOX), "a Sequence, whose length changes", "pad it"),
        (spaces.OneOf((BOX, spaces.Discrete(2))), "a OneOf, whose kind changes", "a Box or a Dict"),
        (spaces.Dict({"mission": spaces.Text(8), "v": BOX}), "part mission is Text", "leave it out"),
        (spaces.Dict({"list": spaces.Sequence(BOX)}), "part list is a Sequence", "leave that part out"),
        (
            spaces.Dict({"mission": Mission(), "v": BOX}),
            "part mission is a Mission, a space of its own kind",
            "wrappers",
        ),
        (Mission(), "its observations are a Mission, a space of its own kind", "leave it out by a wrapper"),
        (spaces.Dict({}), "a Dict without any part", "give it one"),
        (spaces.Dict({"arm.left": BOX}), "the key arm.left, and the names of torch's modules take no dot", "rename it"),
        (spaces.Dict({"keys": BOX}), "the key keys, which is a name of torch's own modules", "rename it"),
        (spaces.Dict({"forward": BOX}), "the key forward, which is a name of torch's own modules", "rename it"),
        (
            spaces.Dict({"": BOX}),
            "its observations have the key '', and torch's modules are named by text",
            "rename it",
        ),
        (spaces.Discrete(7, start=3), "are counted from 3, and Stable-Baselines3 counts from 0", "subtract it"),
        (spaces.MultiDiscrete(np.array([3, 4]), start=np.array([0, 1])), "are counted from [0 1]", "subtract it"),
        (spaces.Dict({"step": spaces.Discrete(7, start=-1)}), "part step is counted from -1", "subtract it"),
        (spaces.Box(0, 1, ()), "a single number of shape ()", "make it (1,)"),
        (spaces.Dict({"speed": spaces.Box(0, 1, ()), "v": BOX}), "part speed is a single number", "make it (1,)"),
        (spaces.Box(0, 1, (0,)), "a Box of shape (0,), which holds nothing", "observe something"),
        (spaces.MultiDiscrete(np.array([[3, 4], [2, 2]])), "a MultiDiscrete of shape (2, 2)", "FlattenObservation"),
    ],
)
def test_what_no_policy_reads_is_one_sentence(space: spaces.Space[Any], problem: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        refuse_unreadable("lab:World-v0", space)
    assert caught.value.subject == "environment lab:World-v0"
    assert problem in caught.value.problem
    assert remedy in str(caught.value.remedy)


@pytest.mark.parametrize(
    "space",
    [
        BOX,
        spaces.Discrete(7),
        spaces.MultiDiscrete([3, 4]),
        spaces.MultiBinary([2, 2]),
        spaces.Dict({"arm_left": BOX, "step": spaces.Discrete(7), "picture": spaces.Box(0, 255, (8, 8, 3), np.uint8)}),
    ],
)
def test_what_a_policy_reads_is_not_refused(space: spaces.Space[Any]) -> None:
    refuse_unreadable("lab:World-v0", space)
