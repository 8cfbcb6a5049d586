"""Torch files read without torch: what tensors they hold, and whether every number in them is finite.

A `.pth` file is a zip of a pickle (`data.pkl`), of one member with the raw bytes of each storage
(`data/0`, `data/1`, …) and of a few small notes. `restore.reading.pickle_machine` follows the pickle; here
the storages are held against it. Importing torch would take seconds, and this takes milliseconds.

Source: the zip format in "Serialization semantics" of torch's documentation; the small notes are
those of torch 1.6 (`version`), 2.1 (`byteorder`) and 2.5 to 2.13 (the rest).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from contract.errors import shown
from restore.reading.pickle_machine import read_structure
from restore.reading.spans import UnsoundError
from restore.reading.tensor_specs import TensorSpec
from restore.reading.zip_file import ArchiveLimits, StrictZip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restore.reading.spans import Span
    from restore.reading.tensor_specs import Dtype, StorageSpec

MAX_STORAGES = 10_000
MAX_TENSORS = 10_000
MAX_PICKLE_BYTES = 1 << 20
"""Enough for some 5,000 tensors, and too few opcodes to fill 100 MB of memory."""
_MAX_NOTE_BYTES = 1024
_MAX_DEPTH = 8
_MAX_NAME_CHARACTERS = 512
"""A key may stand in a pickle once and before thousands of tensors in their names."""

_PICKLE = "data.pkl"
_STORAGES = "data/"
_VERSION = "version"
_NOTES = {
    _VERSION: re.compile(rb"(10|[1-9])\n?"),
    "byteorder": re.compile(rb"little"),
    ".storage_alignment": re.compile(rb"[0-9]{1,9}"),
    ".format_version": None,
    ".data/serialization_id": None,
}
"""The small notes, and what they say in a file that torch loads here; None where it takes anything."""
_BFLOAT16_EXPONENT = 0x7F80
"""All ones here make an infinity or NaN of a bfloat16, a type that numpy lacks."""


def read_tensor_specs(span: Span) -> dict[str, TensorSpec]:
    """Every tensor of a torch file by the keys that lead to it, after the whole file was found sound.

    A storage is judged whole, as torch saves it, even where a tensor looks at a part of it.

    Args:
        span: the bytes of the `.pth` file.

    Raises:
        UnsoundError: it is no zip of torch's; its pickle holds anything but plain containers, numbers,
            strings and tensors; a storage is missing, left over or of another size; a CRC is wrong;
            a number is NaN or infinite.
    """
    archive = StrictZip(span, ArchiveLimits(MAX_STORAGES + len(_NOTES) + 1, span.size))
    # torch takes the first member's folder, whatever its name, for the root.
    root = f"{archive.names[0].split('/')[0]}/" if archive.names else ""
    structure = read_structure(archive.read(f"{root}{_PICKLE}", MAX_PICKLE_BYTES))
    if not isinstance(structure.root, dict):
        raise UnsoundError("holds something other than a dict of tensors")
    tensors = _unique(_named_tensors(structure.root, (), set()))
    _check_members(archive, root, structure.storages)
    for key, storage in structure.storages.items():
        index = _first_not_finite(archive.stream(f"{root}{_STORAGES}{key}"), storage.dtype)
        if index is not None:
            raise UnsoundError(
                f"tensor {shown(_owner(tensors, storage, index))} holds NaN or infinity: the training diverged",
                "go on from an earlier checkpoint, or change what made it diverge (a lower learning rate, say)",
            )
    return tensors


def _unique(named: Iterator[tuple[str, TensorSpec]]) -> dict[str, TensorSpec]:
    """As a dict, given up at the first tensor too many: a few bytes of a pickle name thousands."""
    tensors: dict[str, TensorSpec] = {}
    for name, tensor in named:
        if name in tensors:
            raise UnsoundError(f"has two tensors of the name {shown(name)}")
        if len(tensors) == MAX_TENSORS:
            raise UnsoundError(f"has more than {MAX_TENSORS:,} tensors")
        tensors[name] = tensor
    return tensors


def _named_tensors(value: object, path: tuple[str, ...], seen: set[int]) -> Iterator[tuple[str, TensorSpec]]:
    """Tensors below `value`; a container that stands in two places is walked once, or a few bytes would take years."""
    if isinstance(value, TensorSpec):
        if sum(map(len, path)) > _MAX_NAME_CHARACTERS:
            raise UnsoundError(f"has a tensor whose name has more than {_MAX_NAME_CHARACTERS} characters")
        yield ".".join(path), value
    elif isinstance(value, dict | list | tuple) and id(value) not in seen:
        seen.add(id(value))
        if len(path) >= _MAX_DEPTH:
            raise UnsoundError(f"nests its tensors deeper than {_MAX_DEPTH} levels")
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _named_tensors(item, (*path, str(key)), seen)


def _check_members(archive: StrictZip, root: str, storages: dict[str, StorageSpec]) -> None:
    """Each storage is there with the bytes that its tensors need, and nothing is there that is unknown."""
    known = {
        f"{root}{_PICKLE}",
        *(f"{root}{note}" for note in _NOTES),
        *(f"{root}{_STORAGES}{key}" for key in storages),
    }
    for name in archive.names:
        if name not in known:
            raise UnsoundError(f"has the member {shown(name)}, which nothing in it refers to")
    for note, expected_content in _NOTES.items():
        if (name := f"{root}{note}") in archive.members or note == _VERSION:
            content = archive.read(name, _MAX_NOTE_BYTES)
            if expected_content is not None and not expected_content.fullmatch(content):
                raise UnsoundError(f"has the {note.lstrip('.')} {shown(content)}, which cannot be read here")
    for key, storage in storages.items():
        found, expected = archive.span(f"{root}{_STORAGES}{key}").size, storage.elements * storage.dtype.itemsize
        if found != expected:
            raise UnsoundError(f"storage {key} has {found:,} bytes instead of {expected:,}")


def _first_not_finite(chunks: Iterator[bytes], dtype: Dtype) -> int | None:
    """The index of the first NaN or infinity; every chunk is taken, so that the CRC is checked too."""
    first = None
    position = 0
    for chunk in chunks:  # of 1 MiB each: no number is cut in two
        if dtype.floats is not None and first is None:
            numbers = np.frombuffer(chunk, dtype.floats)
            if dtype.name == "bfloat16":
                finite = (numbers & _BFLOAT16_EXPONENT) != _BFLOAT16_EXPONENT
            else:
                finite = np.isfinite(numbers)
            if not finite.all():
                first = (position + int(finite.argmin()) * numbers.itemsize) // dtype.itemsize
        position += len(chunk)
    return first


def _owner(tensors: dict[str, TensorSpec], storage: StorageSpec, index: int) -> str:
    """The name of a tensor that looks at element `index` of `storage`."""
    of_storage = {name: tensor for name, tensor in tensors.items() if tensor.storage == storage}
    covering = (name for name, tensor in of_storage.items() if tensor.offset <= index < tensor.end)
    return next(covering, next(iter(of_storage), f"in storage {storage.key}"))
