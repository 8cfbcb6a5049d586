"""How far two saved models are apart, tensor by tensor."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from contract.storage.layout import POLICY_MEMBER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Distance:
    """What lies between two models.

    Args:
        relative_l2: the norm of the difference of all policy tensors, by the norm of the first's; 1 is as far as zero.
        equal: how many tensors of policy and optimizers are equal bit for bit.
        tensors: how many there are.
    """

    relative_l2: float
    equal: int
    tensors: int

    @property
    def is_zero(self) -> bool:
        """Whether every bit is the same."""
        return self.equal == self.tensors


def distance(one: Path, other: Path) -> Distance:
    """How far the model `other` is from `one`; both are zips as Stable-Baselines3 saves them.

    Raises:
        ValueError: their tensors have other names or shapes.
    """
    ours, theirs = dict(_tensors(one)), dict(_tensors(other))
    if [(name, each.shape) for name, each in ours.items()] != [(name, each.shape) for name, each in theirs.items()]:
        raise ValueError(f"{one} and {other} are not of the same model")
    equal = sum(_bits(each) == _bits(theirs[name]) for name, each in ours.items())
    weights = [name for name in ours if name.startswith(POLICY_MEMBER)]
    apart = sum(float((ours[name].double() - theirs[name].double()).square().sum()) for name in weights)
    size = sum(float(ours[name].double().square().sum()) for name in weights)
    return Distance((apart / size) ** 0.5, equal, len(ours))


def timesteps_of(model: Path) -> int:
    """The timesteps that a model says it was trained for."""
    with zipfile.ZipFile(model) as packed:
        return int(json.loads(packed.read("data"))["num_timesteps"])


def _tensors(model: Path) -> Iterator[tuple[str, torch.Tensor]]:
    with zipfile.ZipFile(model) as packed:
        for member in sorted(packed.namelist()):
            if member.endswith(".pth"):
                loaded = torch.load(io.BytesIO(packed.read(member)), weights_only=True, map_location="cpu")
                yield from _flat(member, loaded)


def _flat(name: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _flat(f"{name}/{key}", each)
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _flat(f"{name}/{index}", each)
    elif isinstance(value, torch.Tensor):
        yield name, value.detach()


def _bits(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().numpy().tobytes()
