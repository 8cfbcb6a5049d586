"""What a torch file says of its tensors: names, types and shapes, without the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Dtype(NamedTuple):
    """A type of numbers; `floats` is what numpy looks at its bytes as, None where every bit pattern is a number."""

    name: str
    itemsize: int
    floats: str | None = None


@dataclass(frozen=True)
class StorageSpec:
    """The numbers behind tensors: `elements` of `dtype` in the member `data/<key>`."""

    key: str
    dtype: Dtype
    elements: int


@dataclass(frozen=True)
class TensorSpec:
    """A tensor as a view of a storage; offset and stride count elements."""

    storage: StorageSpec
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def dtype(self) -> str:
        """The name of its type of numbers, as torch has it."""
        return self.storage.dtype.name

    @property
    def end(self) -> int:
        """One past the last element of the storage that it looks at."""
        if 0 in self.shape:
            return self.offset
        return self.offset + 1 + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
