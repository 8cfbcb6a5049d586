"""Generators of the process that are put back, and bits that are compared."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from trainer.generators import bits_of, generator_states, set_generator_states


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), float(torch.rand(1))  # noqa: NPY002 - what is put back


def test_every_generator_is_put_back() -> None:
    states = generator_states()
    drawn = draw()
    assert all(first != second for first, second in zip(draw(), drawn, strict=True))
    set_generator_states(states)
    assert draw() == drawn


def test_states_of_gpus_that_are_not_here_are_left_out() -> None:
    *states, _ = generator_states()
    drawn = draw()
    set_generator_states((*states, [torch.zeros(16, dtype=torch.uint8)] * 9))
    assert draw() == drawn


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.0, -0.0),
        (1, 1.0),
        (1, True),
        (np.float32(1), np.float64(1)),
        (np.zeros(2), -np.zeros(2)),
        (np.zeros((1, 2)), np.zeros((2, 1))),
        ({"a": np.array([0.1, 0.2])}, {"a": np.array([0.1, np.nextafter(0.2, 1)])}),
        ([1, [2, 3]], [1, [2, 4]]),
        (torch.zeros(1), torch.zeros(2)),
    ],
)
def test_other_bits_are_another_value(one: Any, other: Any) -> None:
    assert bits_of(one) != bits_of(other)


@pytest.mark.parametrize(
    "value",
    [float("nan"), np.array([np.nan, 1.0]), {"a": (np.float32(2), None, "text")}, torch.ones(2), [np.zeros(0)]],
)
def test_the_same_bits_are_the_same_value(value: Any) -> None:
    copied = value.clone() if isinstance(value, torch.Tensor) else value
    assert bits_of(copied) == bits_of(value)
