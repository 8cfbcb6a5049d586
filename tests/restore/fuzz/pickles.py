"""Pickles put together opcode by opcode: programs that would run code, and tensors that are none.

Source: `pickletools`; the forms are those of protocol 2 where nothing else is said.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tests.restore.fuzz.zips import packed

if TYPE_CHECKING:
    from collections.abc import Callable

TRAP = (__name__, "spring")
SPRUNG: list[str] = []
"""What was called out of a pickle in this process; nothing ever should be."""


def spring(*_arguments: object, **_more: object) -> dict[str, int]:
    """Note that a pickle was executed."""
    SPRUNG.append("called")
    return {}


class Spring:
    """Notes that it was made."""

    def __new__(cls, *_arguments: object) -> Self:
        SPRUNG.append("made")
        return super().__new__(cls)


@dataclass(frozen=True)
class Name:
    """A global of a module."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """What a function returns for these arguments."""

    function: object
    arguments: object


@dataclass(frozen=True)
class Persistent:
    """What torch puts for a storage."""

    reference: object


@dataclass(frozen=True)
class Raw:
    """Opcodes as they are, which leave one value on the stack."""

    opcodes: bytes


def text(value: str) -> bytes:
    """A string on the stack."""
    content = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(content)) + content


def number(value: int) -> bytes:
    """A whole number of any size on the stack."""
    content = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return (
        b"\x8a" + bytes([len(content)]) + content
        if len(content) < 1 << 8
        else b"\x8b" + struct.pack("<i", len(content)) + content
    )


def opcodes(value: Any) -> bytes:
    """What leaves `value` on the stack."""
    return _WRITERS[type(value)](value)


_WRITERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"N",
    bool: lambda value: b"\x88" if value else b"\x89",
    int: number,
    float: lambda value: b"G" + struct.pack(">d", value),
    str: text,
    tuple: lambda value: b"(" + b"".join(map(opcodes, value)) + b"t",
    list: lambda value: b"](" + b"".join(map(opcodes, value)) + b"e",
    dict: lambda value: b"}(" + b"".join(opcodes(key) + opcodes(each) for key, each in value.items()) + b"u",
    Name: lambda value: f"c{value.module}\n{value.name}\n".encode(),
    Call: lambda value: opcodes(value.function) + opcodes(value.arguments) + b"R",
    Persistent: lambda value: opcodes(value.reference) + b"Q",
    Raw: lambda value: value.opcodes,
}


def program(value: Any) -> bytes:
    """A whole pickle of `value`."""
    return b"\x80\x02" + opcodes(value) + b"."


def calls(module: str, name: str, arguments: tuple[Any, ...] = ()) -> dict[str, bytes]:
    """Every way to have a pickle call a function."""
    line = f"{module}\n{name}\n".encode()
    inside = b"".join(map(opcodes, arguments))
    packed = opcodes(arguments)
    return {
        "REDUCE": b"c" + line + packed + b"R",
        "REDUCE of what was put aside": b"c" + line + b"q\x070h\x07" + packed + b"R",
        "STACK_GLOBAL": text(module) + text(name) + b"\x93" + packed + b"R",
        "INST": b"(" + inside + b"i" + line,
        "OBJ": b"(c" + line + inside + b"o",
        "two calls": b"c" + line + packed + b"R0c" + line + packed + b"R",
    }


MADE = {
    "NEWOBJ": opcodes(Name(__name__, "Spring")) + b")\x81",
    "NEWOBJ_EX": opcodes(Name(__name__, "Spring")) + b")}\x92",
    "BUILD": opcodes(Name(__name__, "Spring")) + b")R}" + opcodes("a") + b"Nsb",
}
"""Ways to have a pickle make an object of a class."""

ORDERED = Call(Name("collections", "OrderedDict"), ())
REBUILD = Name("torch._utils", "_rebuild_tensor_v2")


def storage(
    elements: Any = 4, kind: Any = Name("torch", "FloatStorage"), key: Any = "0", device: Any = "cpu"
) -> Persistent:
    """A reference to a storage."""
    return Persistent(("storage", kind, key, device, elements))


def tensor(**changes: Any) -> Call:
    """A tensor of four numbers, two by two, but for what is changed of its arguments."""
    arguments = {
        "storage": storage(),
        "offset": 0,
        "shape": (2, 2),
        "stride": (2, 1),
        "requires_grad": False,
        "hooks": ORDERED,
    }
    return Call(REBUILD, tuple((arguments | changes).values()))


def around(value: Raw) -> dict[str, bytes]:
    """Places in a torch file's pickle for a value."""
    return {
        "all": program(value),
        "a tensor": program({"weight": value}),
        "in a list": program({"weight": [1, value]}),
        "in a tuple": program({"weight": (value, tensor())}),
        "a key": program({"weight": Raw(b"}" + value.opcodes + b"Ns")}),
        "a storage": program({"weight": tensor(storage=value)}),
        "a persistent id": program({"weight": tensor(storage=Persistent(value))}),
        "a kind of storage": program({"weight": tensor(storage=storage(kind=value))}),
        "hooks": program({"weight": tensor(hooks=value)}),
        "a shape": program({"weight": tensor(shape=value)}),
        "metadata": program({"weight": Call(REBUILD, (*tensor().arguments, value))}),  # type: ignore[misc]
        "attributes": program(Raw(opcodes(ORDERED) + b"}" + text("_metadata") + value.opcodes + b"sb")),
        "dropped": program({"weight": Raw(value.opcodes + b"0N")}),
        "before all": b"\x80\x02" + value.opcodes + b"0" + opcodes({"weight": tensor()}) + b".",
        "after all": program({"weight": tensor()}) + value.opcodes + b".",
    }


FOUR = struct.pack("<4f", 1, 2, 3, 4)


def torch_file(data: bytes, **storages: bytes) -> bytes:
    """A torch file of a pickle, and of the storages that `_0` and so on name."""
    numbers = {f"archive/data/{key[1:]}": content for key, content in storages.items()}
    return packed({"archive/data.pkl": data, "archive/version": b"3\n", **numbers}).pack()
