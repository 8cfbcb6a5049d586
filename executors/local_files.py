"""The files that a script of this machine has left, brought from its working folder to where they are kept."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from contract.storage import files, layout
from contract.storage.coming_back import NO_PLAIN_FILE, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contract.storage.coming_back import ComingBack


def fetch_files(working: Path, folder: Path, coming: ComingBack) -> None:
    """Copy what `coming` takes of the plain files below `working`, each whole or not at all; name the rest to it.

    Raises:
        OSError: `folder` cannot be written.
    """
    for source, status in _plain_files(working, coming):
        name = source.relative_to(working).as_posix()
        if not coming.takes(name, status.st_size):
            continue
        target = folder / name
        if is_segment(source):
            if not _has_arrived(source, target):
                files.link_or_copy(source, target)
            continue
        try:
            stream = source.open("rb")
        except OSError:
            coming.leave(name, UNREADABLE)
            continue
        with stream, files.replacing(target) as temporary, temporary.open("wb") as copy:
            shutil.copyfileobj(stream, copy, files.CHUNK_BYTES)


def is_segment(path: Path) -> bool:
    """Whether a file is a replay segment: gigabytes in all, which nobody changes once they are written."""
    return path.parent.name == layout.REPLAY_FOLDER and path.name == layout.segment_name(path.stem)


def _plain_files(working: Path, coming: ComingBack) -> Iterator[tuple[Path, os.stat_result]]:
    """Every plain file below `working` that is whole, in the order of names; links are named, and not followed."""

    def leave(error: OSError) -> None:
        name = Path(os.fsdecode(error.filename or ""))
        coming.leave(f"{name.relative_to(working).as_posix() if name.is_relative_to(working) else name}/", UNREADABLE)

    for place, folders, names in os.walk(working, onerror=leave):
        folders.sort()
        for each in sorted([*folders, *names]):
            path = Path(place, each)
            if each.startswith(files.TEMPORARY_PREFIX):
                continue
            try:
                status = path.lstat()
            except OSError:  # gone again, or too deep
                coming.leave(path.relative_to(working).as_posix(), UNREADABLE)
                continue
            if stat.S_ISREG(status.st_mode):
                yield path, status
            elif not stat.S_ISDIR(status.st_mode):
                coming.leave(path.relative_to(working).as_posix(), NO_PLAIN_FILE)


def _has_arrived(segment: Path, target: Path) -> bool:
    """Whether a fetch that was cut off has brought this segment already."""
    if not target.is_file() or target.stat().st_size != segment.stat().st_size:
        return False
    return target.samefile(segment) or files.sha256_of_file(target) == segment.stem


def mount(folder: Path, place: Path) -> None:
    """Have the files of `folder` at `place` too: as links to them where the system lets its users make any.

    Folders are folders, so that a search that follows no links finds the files.
    """
    for parent, _, names in os.walk(folder, followlinks=True):
        here = place / Path(parent).relative_to(folder)
        here.mkdir(parents=True, exist_ok=True)
        for name in names:
            source = Path(parent, name).resolve()
            try:
                (here / name).symlink_to(source)
            except OSError:  # Windows lets few users make links
                shutil.copyfile(source, here / name)
