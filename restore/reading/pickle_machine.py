"""The pickle inside a torch file, followed without calling, importing or building anything.

A pickle is a program. This stack machine knows the opcodes and the few callables that a
`state_dict` needs, puts a `TensorSpec` where a tensor would be, and refuses everything else. It
knows less than torch's own `weights_only` unpickler, so what passes here loads there.

Sources: `pickletools` for the opcodes, `torch._utils` and `torch._weights_only_unpickler` for what
torch writes and reads, `torch.serialization` for the persistent ids of storages.
"""

from __future__ import annotations

import io
import pickletools
import struct
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, NoReturn

from contract.errors import shown
from restore.reading.spans import UnsoundError
from restore.reading.torch_names import CALLABLES, NAMES, Global, parse_storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from restore.reading.tensor_specs import StorageSpec

_PROTOCOL = 2
"""torch.save's default since ever; its `weights_only` unpickler warns at any other."""
_MAX_STRING_CHARACTERS = 1024
_MAX_INTEGER = 1 << 62


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
    stream = io.BytesIO(pickle)
    try:
        while code := stream.read(1):
            name = _NAMES.get(code, "unknown")
            if name == "STOP":
                return machine.result(whole=stream.tell() == len(pickle))
            if name not in _STEPS:
                _refuse_opcode(name)
            _STEPS[name](machine, _ARGUMENTS[name](stream) if name in _ARGUMENTS else None)
    except UnsoundError:
        raise
    except (ValueError, LookupError, TypeError, struct.error) as error:
        raise UnsoundError(f"holds a damaged pickle ({type(error).__name__}: {shown(str(error))})") from None
    raise UnsoundError("holds a pickle that is cut off")


def _number(layout: str) -> Callable[[BinaryIO], Any]:
    packed = struct.Struct(layout)
    return lambda stream: packed.unpack(stream.read(packed.size))[0]


def _counted(layout: str, stream: BinaryIO) -> bytes:
    length = _number(layout)(stream)
    content = stream.read(length)
    if len(content) != length:
        raise ValueError("the pickle ends in the middle of a value")
    return content


def _global_name(stream: BinaryIO) -> str:
    # Two lines, taken as they are: pickletools would resolve escapes that no unpickler does.
    module, name = (stream.readline().removesuffix(b"\n").decode() for _ in range(2))
    return f"{module} {name}"


def _refuse_opcode(name: str) -> NoReturn:
    raise UnsoundError(f"holds a pickle with the opcode {name}, which no dict of tensors needs")


_MARK = object()


class _Machine:
    def __init__(self) -> None:
        self.storages: dict[str, StorageSpec] = {}
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def begin(self, version: int) -> None:
        if version != _PROTOCOL or self.stack:
            raise UnsoundError(f"holds a pickle of protocol {version} instead of {_PROTOCOL}")

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
        if name not in NAMES:
            raise UnsoundError(f"would load {shown(name.replace(' ', '.'))}, which no dict of tensors needs")
        self.stack.append(Global(name))

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
        spec = parse_storage(self.pop())
        if self.storages.setdefault(spec.key, spec) != spec:
            raise UnsoundError(f"describes storage {spec.key} in two ways")
        self.stack.append(spec)

    def reduce(self) -> None:
        function, arguments = self.pop_tuple(2)
        if not isinstance(function, Global) or function.name not in CALLABLES or not isinstance(arguments, tuple):
            raise UnsoundError(f"would call {_kind(function)} with {_kind(arguments)}")
        self.stack.append(CALLABLES[function.name](*arguments))

    def build(self) -> None:
        # A state_dict is an OrderedDict with its modules' version numbers as an attribute; any other would shadow
        # the dict's own.
        target, state = self.pop_tuple(2)
        if not isinstance(target, OrderedDict) or not isinstance(state, dict) or state.keys() != {"_metadata"}:
            raise UnsoundError(f"would set attributes of {_kind(target)}")
        self.stack.append(target)


def _kind(value: object) -> str:
    return shown(value.name.replace(" ", ".")) if isinstance(value, Global) else f"a {type(value).__name__.strip('_')}"


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _Machine.begin,
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

_ARGUMENTS: dict[str, Callable[[BinaryIO], Any]] = {
    **dict.fromkeys(("PROTO", "BININT1", "BINPUT", "BINGET"), _number("<B")),
    "BININT2": _number("<H"),
    "BININT": _number("<i"),
    **dict.fromkeys(("LONG_BINPUT", "LONG_BINGET"), _number("<I")),
    "BINFLOAT": _number(">d"),
    "LONG1": lambda stream: int.from_bytes(_counted("<B", stream), "little", signed=True),
    "BINUNICODE": lambda stream: _counted("<I", stream).decode(),
    "GLOBAL": _global_name,
}
_NAMES = {opcode.code.encode("latin-1"): opcode.name for opcode in pickletools.opcodes}
