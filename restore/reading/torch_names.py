"""The few names of torch that a dict of tensors refers to, and what each means without torch.

Every function here stands for one of `torch._utils` and takes its arguments as a pickle has them.
What torch would refuse, or what would make it allocate more than the file holds, is refused here.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from contract.errors import shown
from restore.reading.spans import UnsoundError
from restore.reading.tensor_specs import Dtype, StorageSpec, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_DIMENSIONS = 64
_MAX_ELEMENTS = 1 << 62
_STORAGE_KEY = re.compile(r"0|[1-9][0-9]{0,8}")
_DEVICE = re.compile(r"[a-z]{1,16}(:[0-9]{1,3})?")

# What is not here (quantised, 8-bit floats, wide unsigned integers) stands in no checkpoint of ours: it is refused.
_STORAGES = {
    "torch DoubleStorage": Dtype("float64", 8, "<f8"),
    "torch FloatStorage": Dtype("float32", 4, "<f4"),
    "torch HalfStorage": Dtype("float16", 2, "<f2"),
    "torch BFloat16Storage": Dtype("bfloat16", 2, "<u2"),
    "torch ComplexDoubleStorage": Dtype("complex128", 16, "<f8"),
    "torch ComplexFloatStorage": Dtype("complex64", 8, "<f4"),
    "torch LongStorage": Dtype("int64", 8),
    "torch IntStorage": Dtype("int32", 4),
    "torch ShortStorage": Dtype("int16", 2),
    "torch CharStorage": Dtype("int8", 1),
    "torch ByteStorage": Dtype("uint8", 1),
    "torch BoolStorage": Dtype("bool", 1),
}
_DTYPES = frozenset(f"torch {dtype.name}" for dtype in _STORAGES.values())


@dataclass(frozen=True)
class Global:
    """A name that a pickle refers to, as `module name`."""

    name: str


class _Opaque(NamedTuple):
    """A value that may stand beside tensors and that nobody looks into."""

    kind: str


def parse_storage(persistent_id: object) -> StorageSpec:
    """The storage that torch's persistent id `("storage", type, key, device, elements)` refers to.

    Raises:
        UnsoundError: it refers to anything else.
    """
    match persistent_id:
        case ("storage", Global(name), str(key), str(device), int(elements)) if (
            name in _STORAGES and _STORAGE_KEY.fullmatch(key) and _DEVICE.fullmatch(device) and elements >= 0
        ):
            return StorageSpec(key, _STORAGES[name], elements)
    raise UnsoundError("refers to something other than a storage of numbers")


def _rebuild_ordered_dict() -> OrderedDict[Any, Any]:
    return OrderedDict()


def _rebuild_tensor(
    storage: object,
    offset: object,
    shape: object,
    stride: object,
    requires_grad: object,
    hooks: object,
    metadata: object = None,
) -> TensorSpec:
    if not isinstance(storage, StorageSpec) or type(offset) is not int or offset < 0:
        raise UnsoundError("holds a tensor without a storage")
    sizes, steps = _counts(shape), _counts(stride)
    if len(sizes) != len(steps) or metadata:
        raise UnsoundError("holds a tensor with metadata, or with a stride that does not fit its shape")
    _check_gradient(storage, requires_grad, hooks)
    tensor = TensorSpec(storage, offset, sizes, steps)
    elements = math.prod(sizes)
    # torch multiplies the sizes of an empty tensor too, in 64 bits.
    overflows = math.prod(max(size, 1) for size in sizes) > _MAX_ELEMENTS
    # A view may not repeat elements: with a stride of 0 a few bytes would make terabytes.
    if tensor.end > storage.elements or elements > storage.elements or overflows:
        raise UnsoundError(f"holds a tensor of shape {shown(sizes)} that reaches past its storage {storage.key}")
    return tensor


def _counts(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple) or len(values) > _MAX_DIMENSIONS:
        raise UnsoundError("holds a tensor of too many dimensions or none that can be read")
    if any(type(value) is not int or value < 0 for value in values):
        raise UnsoundError("holds a tensor with a shape or stride that is not a whole number")
    return values


def _check_gradient(storage: StorageSpec, requires_grad: object, hooks: object) -> None:
    if type(requires_grad) is not bool or (requires_grad and storage.dtype.floats is None):
        raise UnsoundError("holds a tensor of a type that has no gradient, and asks for one")
    if hooks != {}:
        raise UnsoundError("holds a tensor with hooks")


def _rebuild_parameter(tensor: object, requires_grad: object, hooks: object) -> TensorSpec:
    if not isinstance(tensor, TensorSpec):
        raise UnsoundError("holds a parameter without a tensor")
    _check_gradient(tensor.storage, requires_grad, hooks)
    return tensor


def _rebuild_size(sizes: object) -> _Opaque:
    return _Opaque(f"size of {len(_counts(sizes))}")


def _rebuild_device(kind: object, index: object = 0) -> _Opaque:
    if not isinstance(kind, str) or not _DEVICE.fullmatch(kind) or type(index) is not int:
        raise UnsoundError("holds a device that cannot be read")
    return _Opaque("device")


CALLABLES: dict[str, Callable[..., object]] = {
    "collections OrderedDict": _rebuild_ordered_dict,
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils _rebuild_parameter": _rebuild_parameter,
    "torch Size": _rebuild_size,
    "torch device": _rebuild_device,
}

NAMES = frozenset({*CALLABLES, *_STORAGES, *_DTYPES})
