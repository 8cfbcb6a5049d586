"""JSON files of ours as typed values: read as a whole or not at all, written durably."""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Self, TypeVar

import msgspec

from contract.errors import RelayError, shown
from contract.storage import files

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
_REMEDY = "restore it from a backup, or start its job anew with `doit fresh:name`"
_LACKING = re.compile(r"Object missing required field `(?P<name>.*?)`(?: - at `\$\.?(?P<place>.*)`)?")


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a document."""


class Document(Value, frozen=True, kw_only=True):
    """A JSON file of ours: read as a whole or not at all, written durably."""

    format: int = FORMAT

    @classmethod
    def read(cls, path: Path) -> Self:
        """The document at `path`.

        Raises:
            RelayError: it is missing or damaged, or another version of kaggle-relay wrote it.
        """
        return _read(path, cls)

    @classmethod
    def read_if_there(cls, path: Path) -> Self | None:
        """The document at `path`, or None where there is none.

        Raises:
            RelayError: it is damaged, or another version of kaggle-relay wrote it.
        """
        return cls.read(path) if path.exists() else None

    def write(self, path: Path) -> Self:
        """Put it on disk, durably, and return it."""
        files.write_json(path, msgspec.to_builtins(self))
        return self


D = TypeVar("D", bound=Document)


def _read(path: Path, kind: type[D]) -> D:
    try:
        content = path.read_bytes()
        document = _decoded(content, kind)
    except msgspec.ValidationError as error:
        raise _misfit(path, content, error) from error
    except (OSError, ValueError, RecursionError) as error:
        raise RelayError(str(path), f"cannot be read: {shown(str(error))}", _REMEDY) from error
    if document.format != FORMAT:
        raise _other_format(path, document.format)
    return document


def _decoded(content: bytes, kind: type[D]) -> D:
    try:
        document: D = _decoder(kind).decode(content)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:  # Python's own reader takes NaN and infinities, and its writer writes them
        document = msgspec.convert(json.loads(content), kind)
    return document


@functools.cache
def _decoder(kind: type[D]) -> msgspec.json.Decoder[D]:
    return msgspec.json.Decoder(kind)


def _misfit(path: Path, content: bytes, error: msgspec.ValidationError) -> RelayError:
    """What is wrong with JSON that is not the document that it should be."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        return RelayError(str(path), "is not a JSON object", _REMEDY)
    if values.get("format") != FORMAT or values.get("format") is True:
        return _other_format(path, values.get("format"))
    if (lacking := _LACKING.fullmatch(str(error))) is None:
        return RelayError(str(path), f"is damaged: {shown(str(error))}", _REMEDY)
    place = f" in {shown(lacking['place'])}" if lacking["place"] else ""
    return RelayError(str(path), f"has no {lacking['name']!r}{place}", _REMEDY)


def _other_format(path: Path, found: object) -> RelayError:
    problem = f"has format {shown(found)}, expected {FORMAT}"
    return RelayError(str(path), problem, "use the version of kaggle-relay that wrote it, or `doit fresh:name`")
