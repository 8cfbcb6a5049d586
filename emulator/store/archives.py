"""Archives in datasets: Kaggle unpacks them, each into a folder of its name without the suffix."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from typing import IO, TYPE_CHECKING

from contract.storage.confinement import Strictness, confined

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def archive_stem(name: str) -> str | None:
    """The folder into which an archive of that name is unpacked; None for a name that is no archive's."""
    lowered = name.lower()
    suffix = next((each for each in _SUFFIXES if lowered.endswith(each) and len(name) > len(each)), None)
    return name[: -len(suffix)] if suffix is not None else None


def unpack_archive(archive: Path, folder: Path, limit_bytes: int) -> list[tuple[str, Path]] | None:
    """Unpack `archive` into `folder`.

    Links, special files and names that lead out of the folder stay behind.

    Args:
        archive: the file.
        folder: an empty folder.
        limit_bytes: of all members together.

    Returns:
        The path of each member with the file that holds it, or None where the file is no archive, or one that
        would unpack to more than `limit_bytes`; then it remains a file like any other.
    """
    unpacked: list[tuple[str, Path]] = []
    room = limit_bytes
    try:
        for number, (name, size, content) in enumerate(_members(archive)):
            with content:
                path = confined(name, Strictness.THIS_SYSTEM)
                if path is None:
                    continue
                room -= size
                if room < 0:
                    return None
                target = folder / str(number)
                with target.open("wb") as stream:
                    shutil.copyfileobj(content, stream)
            unpacked.append((str(path), target))
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError):
        return None
    return unpacked


def _members(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for member in packed.infolist():
                if not member.is_dir():
                    yield member.filename, member.file_size, packed.open(member)
        return
    with tarfile.open(archive) as bundle:
        for entry in bundle:
            content = bundle.extractfile(entry) if entry.isreg() else None
            if content is not None:
                yield entry.name, entry.size, content
