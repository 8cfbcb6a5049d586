"""Durable files: what is written is whole or absent, whatever kills the writer."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK_BYTES = 1 << 20
TEMPORARY_PREFIX = ".relay-tmp-"
_SHOWN_DIGITS = 12


def fsync_directory(directory: Path) -> None:
    """Make a rename inside `directory` survive a power cut; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target` that takes its place when the block ends well.

    The file is synced before it is renamed, and removed when the block raises, so a reader
    (or the next process after a kill) sees either the old `target` or the new one.

    Raises:
        OSError: the disk is full or not writable, which names `target`; it is then as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_beside(target)
    try:
        yield temporary
        put_in_place(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            error.filename = str(target)  # what a user knows; a write to a full disk names no file at all
        raise


def put_in_place(temporary: Path, target: Path) -> None:
    """Let a whole file take the place of `target`, beside which it lies, durably."""
    with temporary.open("rb+") as stream:
        os.fsync(stream.fileno())
    temporary.replace(target)
    fsync_directory(target.parent)


def _temporary_beside(target: Path) -> Path:
    return target.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"


def link_or_copy(source: Path, target: Path) -> None:
    """Replace `target` by the content of `source`, durably: as a second name of it where the system can, else a copy.

    Only for files that nobody changes in place: two names share one content and its permissions.

    Args:
        source: a plain file that its writer has synced.
        target: where it is wanted, which may be a name of `source` already.

    Raises:
        OSError: `source` cannot be read, or `target` not written; `target` is then as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_beside(target)
    try:
        temporary.hardlink_to(source.resolve())  # a second name of a link would be a link
    except OSError:  # another file system, one without links, or a file with too many names
        with replacing(target) as copy:
            shutil.copyfile(source, copy)
        return
    try:
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)  # a rename between two names of one file does nothing
    fsync_directory(target.parent)


def second_name(source: Path, target: Path) -> None:
    """Let `target`, which is not there, have the content of `source`: as a second name of it, or else as a copy.

    It is durable once its folder is synced: for many files in folders that take their place as a whole.
    """
    try:
        target.hardlink_to(source.resolve())  # a second name of a link would be a link
    except OSError:  # another file system, one without links, or a file with too many names
        with target.open("xb") as stream, source.open("rb") as content:
            shutil.copyfileobj(content, stream, CHUNK_BYTES)
            stream.flush()
            os.fsync(stream.fileno())


def write_bytes(target: Path, content: bytes) -> None:
    """Replace `target` by `content` (bytes), durably."""
    with replacing(target) as temporary:
        temporary.write_bytes(content)


def write_json(target: Path, value: Any) -> None:
    """Replace `target` by `value` as JSON that a person can read, durably."""
    write_bytes(target, readable_json(value))


def ensure_json(target: Path, value: Any) -> None:
    """Have `target` hold `value`: one that does is left alone, so that nothing is written where nothing may be."""
    content = readable_json(value)
    try:
        is_there = target.read_bytes() == content
    except OSError:
        is_there = False
    if not is_there:
        write_bytes(target, content)


def readable_json(value: Any) -> bytes:
    """What `write_json` writes: one byte string for equal values."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    return f"{text}\n".encode()


def read_json(source: Path) -> Any:
    """Read a JSON file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not JSON in UTF-8.
    """
    return json.loads(source.read_text(encoding="utf-8"))


def canonical_json(value: Any) -> bytes:
    """One byte string for equal values, to take digests of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256_of_bytes(content: bytes) -> str:
    """The sha256 of `content` as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def short(digest: str) -> str:
    """The first digits of a digest: enough to tell it from others in a sentence."""
    return digest[:_SHOWN_DIGITS]


def sha256_of_value(value: Any) -> str:
    """The sha256 of a JSON value, independent of the order of its keys."""
    return sha256_of_bytes(canonical_json(value))


def sha256_of_file(source: Path) -> str:
    """The sha256 of a file's content, read in pieces."""
    digest = hashlib.sha256()
    with source.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def remove_leftovers(directory: Path) -> None:
    """Remove the temporary files that a killed writer left in `directory`."""
    for leftover in directory.rglob(f"{TEMPORARY_PREFIX}*"):
        if leftover.is_file():
            leftover.unlink(missing_ok=True)


def human_bytes(count: int) -> str:
    """A size for people, such as `45.1 KiB`."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":  # noqa: PLR2004 - what makes the next unit
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
