"""From uploads to the files of a dataset's version: archives are unpacked, everything else is taken as it is."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from contract.storage.confinement import Strictness, confined
from emulator.calls.wire import ApiError
from emulator.settings import DATASET_FILES, ManyFiles
from emulator.store.archives import archive_stem, unpack_archive
from emulator.store.values import StoredFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from emulator.core import Emulator

UNPACKED_LIMIT_BYTES = 200 * 10**9
TOO_MANY_FILES = f"A dataset can have at most {DATASET_FILES} top-level files"


def version_files(emulator: Emulator, user: str, request: Any) -> list[StoredFile] | str:
    """The files that become a dataset's version, or why there is none; the same arguments as `uploaded_files`."""
    contents = uploaded_files(emulator, user, request)
    if not contents:
        return "A dataset must have at least one file"
    top = [each.path for each in contents if "/" not in each.path]
    if len(top) <= DATASET_FILES or emulator.settings.many_files is ManyFiles.TAKEN:
        return contents
    if emulator.settings.many_files is ManyFiles.REFUSED:
        return TOO_MANY_FILES
    dropped = set(top[DATASET_FILES:])
    return [each for each in contents if each.path not in dropped]


def uploaded_files(emulator: Emulator, user: str, request: Any) -> list[StoredFile]:
    """The files that a request to create a version names by their tokens.

    Args:
        emulator: where they were uploaded.
        user: who uploaded them.
        request: has `files`, and `directories` of more of them.

    Raises:
        ApiError: a token is unknown, or somebody else's.
    """
    now = emulator.clock.now()
    stored: dict[str, StoredFile] = {}
    for folder, token in _tokens(request.files, request.directories, ""):
        upload = emulator.uploads.find(token)
        if upload is None or upload.owner != user:
            raise ApiError(400, "A file that the request names was not uploaded")
        if upload.sha256 is None:  # what was lost on the way is left out without a word
            continue
        for path, sha256, size in _contents(emulator, upload.name, upload.sha256, upload.bytes):
            place = confined(str(PurePosixPath(folder, path)), Strictness.THIS_SYSTEM)
            if place is None:  # `..`, or an archive of that name with a suffix
                raise ApiError(400, f"Invalid file name: {upload.name}")
            stored[str(place)] = StoredFile(str(place), sha256, size, now)
    return list(stored.values())


def _tokens(files: Iterable[Any], directories: Iterable[Any], folder: str) -> Iterator[tuple[str, str]]:
    for file in files or ():
        yield folder, file.token
    for directory in directories or ():
        if confined(directory.name, Strictness.THIS_SYSTEM) is None:
            raise ApiError(400, f"Invalid directory name: {directory.name}")
        yield from _tokens(directory.files, directory.directories, str(PurePosixPath(folder, directory.name)))


def _contents(emulator: Emulator, name: str, sha256: str, size: int) -> list[tuple[str, str, int]]:
    name = PurePosixPath(name.replace("\\", "/")).name or "file"
    stem = archive_stem(name)
    if stem is not None:
        folder = Path(tempfile.mkdtemp(dir=emulator.settings.data))
        try:
            members = unpack_archive(emulator.blobs.path(sha256), folder, UNPACKED_LIMIT_BYTES)
            if members is not None:
                is_packed_alone = [path for path, _ in members] == [stem]  # x.csv.zip of x.csv
                return [
                    (path if is_packed_alone else f"{stem}/{path}", *emulator.blobs.adopt(file))
                    for path, file in members
                ]
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return [(name, sha256, size)]
