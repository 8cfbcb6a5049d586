"""The pickle of an object of Stable-Baselines3, followed without calling, importing or building anything.

The machine of `restore.reading.pickle_machine` with the opcodes of later protocols. Where a pickle would call or build,
an inert `Made` says with what; `restore.adoptable` looks into it for arrays of numbers. No pickle that passes here is
ever given to Python's own unpickler.

Sources: `pickletools`; NumPy's `_frombuffer` and `_reconstruct` for what it writes.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from contract.errors import shown
from restore.reading.pickle_machine import ARGUMENTS, STEPS, Machine, counted, describe_value, follow, number_as
from restore.reading.spans import UnsoundError
from restore.reading.torch_names import Global

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from restore.reading.pickle_machine import Argument, Step

_FOR = "saved object of Stable-Baselines3"
_NAMED_FROM = frozenset({"collections", "gym", "gymnasium", "numpy", "sb3_contrib", "stable_baselines3", "torch"})
"""The packages whose names such a pickle refers to; none of them is imported."""
_OLDEST_PROTOCOL, _NEWEST_PROTOCOL = 3, 5
"""Those before spell bytes by calling a codec; Python writes none of its own accord since version 3.0."""
_MAX_STRING_CHARACTERS = 1 << 16
_ORDERED_DICT = "collections OrderedDict"
_FROM_BUFFER = frozenset({"numpy._core.numeric _frombuffer", "numpy.core.numeric _frombuffer"})
_RECONSTRUCT = frozenset({"numpy._core.multiarray _reconstruct", "numpy.core.multiarray _reconstruct"})
_SCALAR = frozenset({"numpy._core.multiarray scalar", "numpy.core.multiarray scalar"})
_PLAIN_NUMBER = re.compile(r"b1|[iu][1248]|f[248]")
_MAX_DIMENSIONS = 32


@dataclass
class Made:
    """What a pickle would make: what it would call, with what, and the state that it would give that."""

    made_by: str
    arguments: tuple[object, ...]
    state: object = None


def read_object(pickle: bytes) -> Made:
    """Follow the pickle of an object to its end.

    Raises:
        UnsoundError: it is cut off or damaged, or does what no object of Stable-Baselines3 needs.
    """
    machine = _ObjectMachine()
    is_whole = follow(machine, pickle, _STEPS, _ARGUMENTS, _FOR)
    root = machine.result(whole=is_whole).root
    if not isinstance(root, Made):
        raise UnsoundError(f"holds {describe_value(root)} instead of an object")
    return root


def attributes(made: object, called: str) -> dict[str, Any]:
    """The attributes that an object would be given.

    Raises:
        UnsoundError: it would be none of Python's usual objects.
    """
    if not isinstance(made, Made) or not isinstance(made.state, dict):
        raise UnsoundError(f"holds {describe_value(made)} as {called}")
    return {name: value for name, value in made.state.items() if isinstance(name, str)}


def array(value: object, called: str) -> npt.NDArray[Any]:
    """An array of plain numbers, or a single number as one without dimensions.

    Args:
        value: what stands in the pickle.
        called: what it is, for the sentence.

    Raises:
        UnsoundError: it is something else, or states another size than it has.
    """
    match value:
        case bool() | int() | float():
            return np.asarray(value)
        case Made(made_by, (bytes(content), dtype, tuple(shape), "C" | "F" as order)) if made_by in _FROM_BUFFER:
            return _array(content, dtype, shape, order, called)
        case Made(made_by, _, (_, tuple(shape), dtype, bool(is_fortran), bytes(content))) if made_by in _RECONSTRUCT:
            return _array(content, dtype, shape, "F" if is_fortran else "C", called)
        case Made(made_by, (dtype, bytes(content))) if made_by in _SCALAR:
            return _array(content, dtype, (), "C", called)
    raise UnsoundError(f"holds {describe_value(value)} instead of numbers as {called}")


def _array(content: bytes, dtype: object, shape: tuple[Any, ...], order: Any, called: str) -> npt.NDArray[Any]:
    of = _dtype(dtype, called)
    if len(shape) > _MAX_DIMENSIONS or any(type(each) is not int or each < 0 for each in shape):
        raise UnsoundError(f"states the shape {shown(shape)} of {called}")
    if math.prod(shape) * of.itemsize != len(content):
        raise UnsoundError(f"holds {len(content):,} bytes of {called}, whose shape {shown(shape)} has other ones")
    return np.frombuffer(content, of).reshape(shape, order=order)


def _dtype(made: object, called: str) -> np.dtype[Any]:
    match made:
        case Made("numpy dtype", (str(name), *_), (_, "<" | "|" as order, None, None, None, *_)) if (
            _PLAIN_NUMBER.fullmatch(name)
        ):
            return np.dtype(f"{order}{name}")
    raise UnsoundError(f"holds {called} of a type that is not one of plain numbers")


class _ObjectMachine(Machine):
    """Puts a `Made` where an object would be."""

    def begin(self, version: int) -> None:
        if not _OLDEST_PROTOCOL <= version <= _NEWEST_PROTOCOL or self.stack:
            raise UnsoundError(f"holds a pickle of protocol {version}")

    def push(self, value: object) -> None:
        if isinstance(value, str) and len(value) > _MAX_STRING_CHARACTERS:
            raise UnsoundError(f"holds a string of {len(value):,} characters, which no {_FOR} needs")
        self.stack.append(value)

    def memoize_next(self) -> None:
        self.memoize(len(self.memo))

    def find_global(self, name: str) -> None:
        if name.partition(" ")[0].partition(".")[0] not in _NAMED_FROM:
            raise UnsoundError(f"would load {shown(name.replace(' ', '.'))}, which no {_FOR} needs")
        self.stack.append(Global(name))

    def find_stacked_global(self) -> None:
        module, name = self.pop_tuple(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise UnsoundError("holds a damaged pickle (a name that is not text)")
        self.find_global(f"{module} {name}")

    def reduce(self) -> None:
        function, arguments = self.pop_tuple(2)
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            raise UnsoundError(f"would call {describe_value(function)} with {describe_value(arguments)}")
        is_dict = function.name == _ORDERED_DICT and not arguments
        self.stack.append(OrderedDict() if is_dict else Made(function.name, arguments))

    def build(self) -> None:
        target, state = self.pop_tuple(2)
        if not isinstance(target, Made) or target.state is not None:
            raise UnsoundError(f"would set attributes of {describe_value(target)}")
        target.state = state
        self.stack.append(target)


_STEPS: dict[str, Step[_ObjectMachine]] = {
    **{name: step for name, step in STEPS.items() if name != "BINPERSID"},
    "FRAME": lambda _machine, _: None,
    "MEMOIZE": lambda machine, _: machine.memoize_next(),
    "STACK_GLOBAL": lambda machine, _: machine.find_stacked_global(),
    "NEWOBJ": lambda machine, _: machine.reduce(),
    **dict.fromkeys(("PROTO",), _ObjectMachine.begin),
    **dict.fromkeys(("GLOBAL",), _ObjectMachine.find_global),
    **dict.fromkeys(
        ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"), _ObjectMachine.push
    ),
    **dict.fromkeys(("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"), _ObjectMachine.push),
}


def _bytes(layout: str) -> Callable[[Any], bytes]:
    return lambda stream: counted(layout, stream)


_ARGUMENTS: dict[str, Argument] = {
    **ARGUMENTS,
    "FRAME": number_as("<Q"),
    "SHORT_BINUNICODE": lambda stream: counted("<B", stream).decode(),
    "SHORT_BINBYTES": _bytes("<B"),
    "BINBYTES": _bytes("<I"),
    **dict.fromkeys(("BINBYTES8", "BYTEARRAY8"), _bytes("<Q")),
}
