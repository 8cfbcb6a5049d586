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
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, NoReturn, TypeVar

from contract.errors import shown
from restore.reading.spans import UnsoundError
from restore.reading.torch_names import CALLABLES, NAMES, Global, parse_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from restore.reading.tensor_specs import StorageSpec

_M = TypeVar("_M")
if TYPE_CHECKING:
    Step: TypeAlias = Callable[[_M, Any], None]
    Argument: TypeAlias = Callable[[BinaryIO], Any]

_FOR = "dict of tensors"
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
    machine = Machine()
    is_whole = follow(machine, pickle, STEPS, ARGUMENTS, _FOR)
    return machine.result(whole=is_whole)


def follow(
    machine: _M, pickle: bytes, steps: Mapping[str, Step[_M]], arguments: Mapping[str, Argument], use: str
) -> bool:
    """Let a machine take each step of a pickle; return whether it ends where the bytes do.

    Args:
        machine: what takes them.
        pickle: the bytes.
        steps: what it does at each opcode that it knows.
        arguments: how the argument of an opcode is read that has one.
        use: what the pickle is for, to say what that does not need.

    Raises:
        UnsoundError: it is cut off or damaged, or has another opcode.
    """
    stream = io.BytesIO(pickle)
    try:
        while code := stream.read(1):
            name = _NAMES.get(code, "unknown")
            if name == "STOP":
                return stream.tell() == len(pickle)
            if name not in steps:
                _refuse_opcode(name, use)
            steps[name](machine, arguments[name](stream) if name in arguments else None)
    except UnsoundError:
        raise
    except (ValueError, LookupError, TypeError, struct.error) as error:
        raise UnsoundError(f"holds a damaged pickle ({type(error).__name__}: {shown(str(error))})") from None
    raise UnsoundError("holds a pickle that is cut off")


def _refuse_opcode(name: str, use: str) -> NoReturn:
    raise UnsoundError(f"holds a pickle with the opcode {name}, which no {use} needs")


def number_as(layout: str) -> Callable[[BinaryIO], Any]:
    """Read a number as `struct` has it."""
    packed = struct.Struct(layout)
    return lambda stream: packed.unpack(stream.read(packed.size))[0]


def counted(layout: str, stream: BinaryIO) -> bytes:
    """Read bytes, whose number stands before them."""
    length = number_as(layout)(stream)
    content = stream.read(length)
    if len(content) != length:
        raise ValueError("the pickle ends in the middle of a value")
    return content


def _global_name(stream: BinaryIO) -> str:
    # Two lines, taken as they are: pickletools would resolve escapes that no unpickler does.
    module, name = (stream.readline().removesuffix(b"\n").decode() for _ in range(2))
    return f"{module} {name}"


_MARK = object()


class Machine:
    """The stack, what is remembered, and what each step does to them."""

    def __init__(self) -> None:
        self.storages: dict[str, StorageSpec] = {}
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def begin(self, version: int) -> None:
        """Take the protocol that the pickle states."""
        if version != _PROTOCOL or self.stack:
            raise UnsoundError(f"holds a pickle of protocol {version} instead of {_PROTOCOL}")

    def result(self, *, whole: bool) -> Structure:
        """What stands on the stack at the end."""
        root = self.pop()
        if self.stack or not whole:
            raise UnsoundError("holds a pickle that goes on after its end")
        return Structure(root, self.storages)

    def push(self, value: object) -> None:
        """Put a plain value on the stack."""
        if isinstance(value, str) and len(value) > _MAX_STRING_CHARACTERS:
            raise UnsoundError(f"holds a string of {len(value):,} characters, which no dict of tensors needs")
        if isinstance(value, int) and abs(value) > _MAX_INTEGER:
            raise UnsoundError("holds an integer that is too large for any tensor")
        self.stack.append(value)

    def pop(self) -> Any:
        """Take the value on top."""
        if not self.stack:
            raise UnsoundError("holds a damaged pickle (no value where one is needed)")
        value = self.stack.pop()
        if value is _MARK:
            raise UnsoundError("holds a damaged pickle (a mark in the place of a value)")
        return value

    def pop_to_mark(self) -> list[Any]:
        """Take all values above the latest mark."""
        values = []
        while (value := self.stack.pop()) is not _MARK:
            values.append(value)
        values.reverse()
        return values

    def pop_tuple(self, length: int) -> tuple[Any, ...]:
        """Take so many values, in the order in which they were put there."""
        return tuple(reversed([self.pop() for _ in range(length)]))

    def memoize(self, index: int) -> None:
        """Remember the value on top."""
        value = self.pop()
        self.stack.append(value)
        self.memo[index] = value

    def find_global(self, name: str) -> None:
        """Put a name on the stack, if it is a known one."""
        if name not in NAMES:
            raise UnsoundError(f"would load {shown(name.replace(' ', '.'))}, which no dict of tensors needs")
        self.stack.append(Global(name))

    def extend(self, values: list[Any]) -> None:
        """Append to the list on top."""
        target = self.stack[-1]
        if not isinstance(target, list):
            raise UnsoundError(f"holds a pickle that appends to {describe_value(target)}")
        target.extend(values)

    def set_items(self, values: list[Any]) -> None:
        """Set keys and values in the dict on top."""
        target = self.stack[-1]
        if not isinstance(target, dict) or len(values) % 2:
            raise UnsoundError(f"holds a pickle that sets {len(values):,} keys and values in {describe_value(target)}")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if type(key) not in {str, int}:
                raise UnsoundError(f"holds a dict with {describe_value(key)} as a key")
            if key in target:
                raise UnsoundError(f"holds the key {shown(key)} twice")
            target[key] = value

    def load_storage(self) -> None:
        """Put the storage on the stack that a persistent id refers to."""
        spec = parse_storage(self.pop())
        if self.storages.setdefault(spec.key, spec) != spec:
            raise UnsoundError(f"describes storage {spec.key} in two ways")
        self.stack.append(spec)

    def reduce(self) -> None:
        """Put what a known callable means on the stack."""
        function, arguments = self.pop_tuple(2)
        if not isinstance(function, Global) or function.name not in CALLABLES or not isinstance(arguments, tuple):
            raise UnsoundError(f"would call {describe_value(function)} with {describe_value(arguments)}")
        self.stack.append(CALLABLES[function.name](*arguments))

    def build(self) -> None:
        """Take the state that an object would be given."""
        # A state_dict is an OrderedDict with its modules' version numbers as an attribute; any other would shadow
        # the dict's own.
        target, state = self.pop_tuple(2)
        if not isinstance(target, OrderedDict) or not isinstance(state, dict) or state.keys() != {"_metadata"}:
            raise UnsoundError(f"would set attributes of {describe_value(target)}")
        self.stack.append(target)


def describe_value(value: object) -> str:
    """What a value is, for a sentence."""
    return shown(value.name.replace(" ", ".")) if isinstance(value, Global) else f"a {type(value).__name__.strip('_')}"


STEPS: dict[str, Step[Machine]] = {
    "PROTO": Machine.begin,
    "GLOBAL": Machine.find_global,
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
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"), Machine.push),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), Machine.memoize),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, index: machine.stack.append(machine.memo[index])),
}

ARGUMENTS: dict[str, Argument] = {
    **dict.fromkeys(("PROTO", "BININT1", "BINPUT", "BINGET"), number_as("<B")),
    "BININT2": number_as("<H"),
    "BININT": number_as("<i"),
    **dict.fromkeys(("LONG_BINPUT", "LONG_BINGET"), number_as("<I")),
    "BINFLOAT": number_as(">d"),
    "LONG1": lambda stream: int.from_bytes(counted("<B", stream), "little", signed=True),
    "BINUNICODE": lambda stream: counted("<I", stream).decode(),
    "GLOBAL": _global_name,
}
_NAMES = {opcode.code.encode("latin-1"): opcode.name for opcode in pickletools.opcodes}
