"""Files on their way into containers and out of them: tar streams, which every engine takes, wherever it runs."""

from __future__ import annotations

import io
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from contract.errors import BackendError
from contract.storage import files
from contract.storage.coming_back import NO_PLAIN_FILE, ODD_NAME, ComingBack
from contract.storage.confinement import Strictness, confined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FOLDER_MODE = 0o755
FILE_MODE = 0o644
OPEN_FOLDER_MODE = 0o777


@dataclass(frozen=True)
class ArchiveEntry:
    """A file or a folder of an archive.

    Args:
        name: its path in the archive, with `/` between its parts.
        source: where its content is, or None for a folder.
        mode: its permissions.
    """

    name: str
    source: Path | None = None
    mode: int = FOLDER_MODE


def folder_entries(folder: Path, place: str) -> Iterator[ArchiveEntry]:
    """The folder as `place`, with the folders that lead there and all files below it."""
    parents = [str(each) for each in PurePosixPath(place).parents][:-1]
    yield from (ArchiveEntry(each) for each in reversed(parents))
    yield ArchiveEntry(place)
    for path in sorted(folder.rglob("*")):
        name = f"{place}/{path.relative_to(folder).as_posix()}"
        if path.is_dir():
            yield ArchiveEntry(name)
        elif path.is_file():
            yield ArchiveEntry(name, path, FILE_MODE)


def packed(entries: Iterable[ArchiveEntry]) -> Iterator[bytes]:
    """The entries as a tar stream, piece by piece; all belong to root.

    Raises:
        OSError: a file cannot be read, or has become shorter meanwhile.
    """
    for entry in entries:
        info = tarfile.TarInfo(entry.name)
        info.mode = entry.mode
        if entry.source is None:
            info.type = tarfile.DIRTYPE
            yield info.tobuf()
            continue
        with entry.source.open("rb") as stream:
            info.size = left = entry.source.stat().st_size
            yield info.tobuf()
            while left:
                piece = stream.read(min(left, files.CHUNK_BYTES))
                if not piece:
                    raise OSError(f"{entry.source} became shorter while it was read")
                left -= len(piece)
                yield piece
        yield bytes(-info.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def unpack_tar(stream: Iterator[bytes], folder: Path, most_bytes: int, coming: ComingBack | None = None) -> None:
    """Write the plain files of a tar stream into `folder`, each whole or not at all.

    The stream comes from a machine that ran somebody's code. Links, devices and half-written files stay behind,
    and so does what would lie outside `folder` or be more than `most_bytes` in all. Several names of one file
    become several files.

    Args:
        stream: a folder as an archive, whose entries all begin with its name.
        folder: where its files go.
        most_bytes: how much it may hold.
        coming: decides which files come, and is told what stays behind; all of them come if not given.

    Raises:
        BackendError: the stream is no archive, or ends too soon.
        OSError: a file cannot be written.
    """
    coming = coming or ComingBack.all_of_it()
    left = most_bytes
    try:
        with tarfile.open(fileobj=_Stream(stream), mode="r|") as archive:
            for member in archive:
                target = _target(member.name, folder)
                if target is None or not (member.isreg() or member.islnk()):
                    if not member.isdir() and not PurePosixPath(member.name).name.startswith(files.TEMPORARY_PREFIX):
                        coming.leave(_inner(member.name), ODD_NAME if target is None else NO_PLAIN_FILE)
                    continue
                origin = _target(member.linkname, folder) if member.islnk() else None
                size = origin.stat().st_size if origin and origin.is_file() else member.size
                if not coming.takes(_inner(member.name), size):
                    continue
                left -= size
                if left < 0:
                    coming.leave(_inner(member.name), f"it and what follows are more than {most_bytes:,} bytes")
                    return
                if member.isreg():
                    _write(archive, member, target)
                elif origin and origin.is_file():
                    with files.replacing(target) as temporary:
                        shutil.copyfile(origin, temporary)
    except tarfile.TarError as error:
        problem = f"what the session left arrived damaged ({error})"
        raise BackendError("Docker engine", problem, "run the same command again") from error


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = archive.extractfile(member)
    with files.replacing(target) as temporary, temporary.open("wb") as file:
        if content is not None:
            shutil.copyfileobj(content, file, files.CHUNK_BYTES)


def _inner(name: str) -> str:
    """The name of a member below the folder that the archive holds."""
    return name.partition("/")[2] or name


def _target(name: str, folder: Path) -> Path | None:
    """Where the member of that name goes, or None where it goes nowhere."""
    path = confined(name, Strictness.THIS_SYSTEM)
    if path is None or len(path.parts) == 1 or path.name.startswith(files.TEMPORARY_PREFIX):
        return None
    return folder.joinpath(*path.parts[1:])


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file that can be read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        """The next `size` bytes, fewer at the end."""
        wanted = size if size is not None and size >= 0 else None
        collected = bytearray()
        while wanted is None or len(collected) < wanted:
            if not self._rest:
                self._rest = next(self._pieces, b"")
                if not self._rest:
                    break
            taken = self._rest if wanted is None else self._rest[: wanted - len(collected)]
            collected += taken
            self._rest = self._rest[len(taken) :]
        return bytes(collected)
