"""A state that was taken on one device goes on on another."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import torch

from trainer.checkpoint.devices import moved


class States(NamedTuple):
    pi: tuple[torch.Tensor, torch.Tensor]
    vf: list[torch.Tensor]


def test_every_tensor_moves_and_nothing_else_changes() -> None:
    there = States((torch.ones(2), torch.zeros(1)), [torch.ones(3, requires_grad=True)])
    episodes = deque([{"r": 1.0}], maxlen=5)
    before = {"states": there, "episodes": episodes, "count": 3}
    after = moved(before, "meta")
    assert isinstance(after["states"], States)
    assert [each.device.type for each in (*after["states"].pi, *after["states"].vf)] == ["meta"] * 3
    assert not after["states"].vf[0].requires_grad
    assert after["episodes"] is episodes
    assert after["count"] == 3


def test_what_is_there_already_is_not_copied() -> None:
    tensor = torch.ones(2)
    assert moved(tensor, "cpu").data_ptr() == tensor.data_ptr()
