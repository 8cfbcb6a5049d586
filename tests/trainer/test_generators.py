"""Generators of the process that are put back, and bits that are compared."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from trainer.generators import as_bits, capture_generators, preserved_generators, put_back_generators

if TYPE_CHECKING:
    from collections.abc import Callable


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), float(torch.rand(1))  # noqa: NPY002 - what is put back


def test_every_generator_is_put_back() -> None:
    states = capture_generators()
    drawn = draw()
    assert all(first != second for first, second in zip(draw(), drawn, strict=True))
    put_back_generators(states)
    assert draw() == drawn


def test_states_of_gpus_that_are_not_here_are_left_out() -> None:
    *states, _ = capture_generators()
    drawn = draw()
    put_back_generators((*states, [torch.zeros(16, dtype=torch.uint8)] * 9))
    assert draw() == drawn


@pytest.mark.parametrize("error", [None, ValueError("the environment failed")])
def test_what_is_drawn_in_between_leaves_no_trace(error: Exception | None) -> None:
    states = capture_generators()
    drawn = draw()
    put_back_generators(states)
    with contextlib.suppress(ValueError), preserved_generators():
        assert draw() == drawn
        if error is not None:
            raise error
    assert draw() == drawn


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[torch.Tensor]]:
    """Puts GPUs into this machine, and gives the states of their generators: adding to one stands for drawing."""

    def put_in(*, in_use: bool, count: int = 1) -> list[torch.Tensor]:
        states = [torch.zeros(16, dtype=torch.uint8) for _ in range(count)]

        def set_one(new: torch.Tensor, number: int) -> None:
            assert in_use, "the GPU was taken into use"
            states[number] = new.clone()

        def get_all() -> list[torch.Tensor]:
            assert in_use, "the GPU was taken into use"
            return [each.clone() for each in states]

        for name, function in {
            "is_available": lambda: True,
            "is_initialized": lambda: in_use,
            "device_count": lambda: count,
            "get_rng_state_all": get_all,
            "set_rng_state": set_one,
        }.items():
            monkeypatch.setattr(torch.cuda, name, function)
        return states

    return put_in


def test_the_generators_of_a_gpu_in_use_are_put_back_too(gpu: Callable[..., list[torch.Tensor]]) -> None:
    states = gpu(in_use=True)
    with preserved_generators():
        states[0] += 1
    assert not states[0].any()


@pytest.mark.parametrize(("before", "now"), [(2, 2), (2, 1), (1, 2)])
def test_those_of_all_gpus_that_both_machines_have_are_put_back(
    gpu: Callable[..., list[torch.Tensor]], before: int, now: int
) -> None:
    states = gpu(in_use=True, count=before)
    for number in range(before):
        states[number] += 1 + number
    taken = capture_generators()
    states = gpu(in_use=True, count=now)
    put_back_generators(taken)
    assert [int(each[0]) for each in states] == [1, 2, 0][:now] if before >= now else [1, 0]


def test_a_gpu_that_is_not_in_use_is_left_alone(gpu: Callable[..., list[torch.Tensor]]) -> None:
    gpu(in_use=False)
    with preserved_generators():
        draw()
    assert capture_generators()[-1] is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_the_generator_of_a_real_gpu_is_put_back() -> None:
    torch.rand(1, device="cuda")
    with preserved_generators():
        drawn = torch.rand(4, device="cuda")
    assert torch.equal(torch.rand(4, device="cuda"), drawn)


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
    assert as_bits(one) != as_bits(other)


@pytest.mark.parametrize(
    "value",
    [float("nan"), np.array([np.nan, 1.0]), {"a": (np.float32(2), None, "text")}, torch.ones(2), [np.zeros(0)]],
)
def test_the_same_bits_are_the_same_value(value: Any) -> None:
    copied = value.clone() if isinstance(value, torch.Tensor) else value
    assert as_bits(copied) == as_bits(value)
