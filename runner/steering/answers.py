"""Answers for programs: one JSON document on standard output, and all that is said for people on standard error."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from doit import get_var

from contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    from contract.documents.typed_json import Document

JSON = "json"
"""The variable of the command line that asks for an answer of this kind; `--json` sets it."""
_NO, _YES = "no", "yes"
_to: list[TextIO] = []
"""Where answers go while standard output is kept for them."""
P = TypeVar("P")
_gathered: dict[str, tuple[Callable[[tuple[Any, ...]], Document], list[Any]]] = {}


def is_yes(variable: str) -> bool:
    """Whether the command line sets a variable to yes, and not to no or not at all.

    Raises:
        InputError: it sets something else.
    """
    value = get_var(variable, _NO)
    if value not in (None, _NO, _YES):
        raise InputError(f"variable {variable}", f"is {value!r}", f"write {variable}=yes or {variable}=no")
    return bool(value == _YES)


def wants_json() -> bool:
    """Whether the command line asks for JSON.

    Raises:
        InputError: it says neither yes nor no.
    """
    return is_yes(JSON)


@contextlib.contextmanager
def kept_for_answers() -> Iterator[None]:
    """Send to standard error whatever the block says, and to standard output what it answers."""
    _to.append(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
        for make, parts in _gathered.values():
            answer(make(tuple(parts)))
    finally:
        _gathered.clear()
        _to.pop()


def answer(document: Document) -> None:
    """Print a document as JSON."""
    text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    stream = _to[-1] if _to else sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


def gather(command: str, make: Callable[[tuple[P, ...]], Document], part: P) -> None:
    """Add to the one document that a command answers which does one job after the other.

    Args:
        command: its name.
        make: makes the document of all parts, once the command is through.
        part: what there is to say of one job.
    """
    _gathered.setdefault(command, (make, []))[1].append(part)
