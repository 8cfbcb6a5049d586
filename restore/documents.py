"""The JSON documents that a session leaves, read as a stranger's."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from restore.reading.spans import UnsoundError
from restore.reading.strict_json import read_object

if TYPE_CHECKING:
    from pathlib import Path

MAX_VALUES = 200_000
"""Of a document: its manifest holds three for each artifact."""
LONGEST_SENTENCE = 400

Document = TypeVar("Document", bound=BaseModel)


def read_document(path: Path, model: type[Document], max_bytes: int) -> Document:
    """A document as `model`, to the last field and type.

    Args:
        path: the file.
        model: what it must be.
        max_bytes: the largest file to look at.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read.
        UnsoundError: it is no plain file, too large, no strict JSON, or not what `model` describes.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise UnsoundError("is not a plain file (a link, a folder or a device)")
    if status.st_size > max_bytes:
        raise UnsoundError(f"has {status.st_size:,} bytes, more than {max_bytes:,}")
    content = path.read_bytes()
    read_object(content, max_values=MAX_VALUES, strict=True)
    try:
        return model.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UnsoundError(f"{sentence('.'.join(map(str, first['loc'])))}: {sentence(first['msg'])}") from None


def sentence(text: str) -> str:
    """A stranger's text on one line, printable and of bounded length."""
    cut = text if len(text) <= LONGEST_SENTENCE else f"{text[:LONGEST_SENTENCE]}…"
    plain = " ".join("".join(each if each.isprintable() else " " for each in cut).split())
    return plain or "(nothing that can be shown)"
