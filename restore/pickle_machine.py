"""The pickle inside a torch file, followed without calling, importing or building anything.

A pickle is a program. This stack machine knows the opcodes and the few callables that a
`state_dict` needs, puts a `TensorSpec` where a tensor would be, and refuses everything else. It
knows less than torch's own `weights_only` unpickler, so what passes here loads there.

Sources: `pickletools` for the opcodes, `torch._utils` and `torch._weights_only_unpickler` for what
torch writes and reads, `torch.serialization` for the persistent ids of storages.
"""

from __future__ import annotations

import pickletools
import re
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from restore.spans import UnsoundError, shown
from restore.tensor_specs import Dtype, StorageSpec, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_DIMENSIONS = 64
_MAX_STRING_CHARACTERS = 1024
_MAX_INTEGER = 1 << 62

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


class Structure(NamedTuple):
    """What a pickle describes: its outermost value, and every storage that it refers to by key."""

    root: object
    storages: dict[str, StorageSpec]


def read_structure(pickle: bytes) -> Structure:
    """Follow a pickle to its end.

    No opcode that is known here copies what stands on the stack, so memory and time grow with the
    length of the pickle and no faster.

    Raises:
        UnsoundError: it is cut off or damaged, or does what no dict of tensors needs.
    """
    machine = _Machine()
    try:
        for opcode, argument, position in pickletools.genops(pickle):
            if opcode.name == "STOP":
                return machine.result(whole=position == len(pickle) - 1)
            if opcode.name not in _STEPS:
                _refuse_opcode(opcode.name)
            _STEPS[opcode.name](machine, argument)
    except UnsoundError:
        raise
    except (ValueError, LookupError, TypeError, struct.error) as error:
        raise UnsoundError(f"holds a damaged pickle ({type(error).__name__}: {shown(str(error))})") from None
    raise UnsoundError("holds a pickle that is cut off")


def _refuse_opcode(name: str) -> NoReturn:
    raise UnsoundError(f"holds a pickle with the opcode {name}, which no dict of tensors needs")


@dataclass(frozen=True)
class _Global:
    name: str


class _Opaque(NamedTuple):
    """A value that may stand beside tensors and that nobody looks into."""

    kind: str


_MARK = object()


class _Machine:
    def __init__(self) -> None:
        self.storages: dict[str, StorageSpec] = {}
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def result(self, *, whole: bool) -> Structure:
        root = self.pop()
        if self.stack or not whole:
            raise UnsoundError("holds a pickle that goes on after its end")
        return Structure(root, self.storages)

    def push(self, value: object) -> None:
        if isinstance(value, str) and len(value) > _MAX_STRING_CHARACTERS:
            raise UnsoundError(f"holds a string of {len(value):,} characters, which no dict of tensors needs")
        if isinstance(value, int) and abs(value) > _MAX_INTEGER:
            raise UnsoundError("holds an integer that is too large for any tensor")
        self.stack.append(value)

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise UnsoundError("holds a damaged pickle (a mark in the place of a value)")
        return value

    def pop_to_mark(self) -> list[Any]:
        values = []
        while (value := self.stack.pop()) is not _MARK:
            values.append(value)
        values.reverse()
        return values

    def pop_tuple(self, length: int) -> tuple[Any, ...]:
        return tuple(reversed([self.pop() for _ in range(length)]))

    def memoize(self, index: int) -> None:
        value = self.pop()
        self.stack.append(value)
        self.memo[index] = value

    def find_global(self, name: str) -> None:
        if name not in _CALLABLES and name not in _STORAGES and name not in _DTYPES:
            raise UnsoundError(f"would load {shown(name.replace(' ', '.'))}, which no dict of tensors needs")
        self.stack.append(_Global(name))

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise UnsoundError(f"holds a pickle that appends to {_kind(target)}")
        target.extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(values) % 2:
            raise UnsoundError(f"holds a pickle that sets {len(values):,} keys and values in {_kind(target)}")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if type(key) not in {str, int}:
                raise UnsoundError(f"holds a dict with {_kind(key)} as a key")
            if key in target:
                raise UnsoundError(f"holds the key {shown(key)} twice")
            target[key] = value

    def load_storage(self) -> None:
        match self.pop():
            case ("storage", _Global(name), str(key), str(device), int(elements)) if (
                name in _STORAGES and _STORAGE_KEY.fullmatch(key) and _DEVICE.fullmatch(device) and elements >= 0
            ):
                spec = StorageSpec(key, _STORAGES[name], elements)
            case other:
                raise UnsoundError(f"refers to {_kind(other)} where a storage of numbers must be")
        if self.storages.setdefault(key, spec) != spec:
            raise UnsoundError(f"describes storage {key} in two ways")
        self.stack.append(spec)

    def reduce(self) -> None:
        function, arguments = self.pop_tuple(2)
        if not isinstance(function, _Global) or function.name not in _CALLABLES or not isinstance(arguments, tuple):
            raise UnsoundError(f"would call {_kind(function)} with {_kind(arguments)}")
        self.stack.append(_CALLABLES[function.name](*arguments))

    def build(self) -> None:
        # A state_dict is an OrderedDict with its modules' version numbers as an attribute; any other would shadow
        # the dict's own.
        target, state = self.pop_tuple(2)
        if not isinstance(target, OrderedDict) or not isinstance(state, dict) or state.keys() != {"_metadata"}:
            raise UnsoundError(f"would set attributes of {_kind(target)}")
        self.stack.append(target)


def _rebuild_ordered_dict() -> OrderedDict[Any, Any]:
    return OrderedDict()


def _rebuild_tensor(
    storage: object, offset: object, shape: object, stride: object, _requires_grad: object, *rest: object
) -> TensorSpec:
    if not isinstance(storage, StorageSpec) or type(offset) is not int or offset < 0:
        raise UnsoundError("holds a tensor without a storage")
    sizes, steps = _counts(shape), _counts(stride)
    if len(sizes) != len(steps) or any(rest):
        raise UnsoundError("holds a tensor with hooks, or with a stride that does not fit its shape")
    tensor = TensorSpec(storage, offset, sizes, steps)
    elements = 1
    for size in sizes:
        elements *= size
    # A view may not repeat elements: with a stride of 0 a few bytes would make terabytes.
    if tensor.end > storage.elements or elements > storage.elements:
        raise UnsoundError(f"holds a tensor of shape {shown(sizes)} that reaches past its storage {storage.key}")
    return tensor


def _counts(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple) or len(values) > _MAX_DIMENSIONS:
        raise UnsoundError("holds a tensor of too many dimensions or none that can be read")
    if any(type(value) is not int or value < 0 for value in values):
        raise UnsoundError("holds a tensor with a shape or stride that is not a whole number")
    return values


def _rebuild_parameter(tensor: object, _requires_grad: object, hooks: object) -> TensorSpec:
    if not isinstance(tensor, TensorSpec) or hooks:
        raise UnsoundError("holds a parameter with hooks or without a tensor")
    return tensor


def _kind(value: object) -> str:
    return shown(value.name.replace(" ", ".")) if isinstance(value, _Global) else f"a {type(value).__name__.strip('_')}"


_CALLABLES: dict[str, Callable[..., object]] = {
    "collections OrderedDict": _rebuild_ordered_dict,
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils _rebuild_parameter": _rebuild_parameter,
    "torch Size": lambda _: _Opaque("size"),
    "torch device": lambda *_: _Opaque("device"),
}

_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda _, __: None,
    "GLOBAL": _Machine.find_global,
    "BINPERSID": lambda machine, _: machine.load_storage(),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
    "MARK": lambda machine, _: machine.stack.append(_MARK),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.pop_to_mark())),
    "EMPTY_TUPLE": lambda machine, _: machine.stack.append(()),
    "TUPLE1": lambda machine, _: machine.stack.append(machine.pop_tuple(1)),
    "TUPLE2": lambda machine, _: machine.stack.append(machine.pop_tuple(2)),
    "TUPLE3": lambda machine, _: machine.stack.append(machine.pop_tuple(3)),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "APPEND": lambda machine, _: machine.extend([machine.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.pop_to_mark()),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "SETITEM": lambda machine, _: machine.set_items(list(machine.pop_tuple(2))),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "NONE": lambda machine, _: machine.stack.append(None),
    "NEWTRUE": lambda machine, _: machine.stack.append(True),
    "NEWFALSE": lambda machine, _: machine.stack.append(False),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"), _Machine.push),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Machine.memoize),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, index: machine.stack.append(machine.memo[index])),
}
