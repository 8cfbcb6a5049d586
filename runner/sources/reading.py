"""Sources from disk, their digests remembered between commands.

Two files remember them. One holds a line for each folder, which is all that a command with nothing to
do needs; the other the digests of each file, which are looked up when a folder is not as it was.
"""

from __future__ import annotations

import functools
import os
import time
from typing import TYPE_CHECKING, TypeVar

import msgspec

from contract.errors import InputError
from contract.storage import files
from runner.sources.carried import OWN_FOLDERS, PYTHON, SourceDigest, SourceFolder, Sources, folder_digest
from runner.sources.meaning import digest_meaning
from runner.sources.walk import FileState, files_below, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.sources.walk import SourceFile

SETTLING_NS = 2_000_000_000
"""A file written so recently may be written again within one tick of a coarse clock (FAT counts in 2 s), its state
looking the same: its digest is not remembered yet."""


class _KnownFolder(msgspec.Struct, frozen=True):
    """What is remembered of a folder: how its files were found, and the digest of them all."""

    state: str
    content: str
    meaning: str


class _KnownFile(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of a file."""

    state: FileState
    content: str
    meaning: str


class _Folders(msgspec.Struct):
    """The file that remembers folders, by their paths."""

    python: str = PYTHON
    folders: dict[str, _KnownFolder] = {}


class _Files(msgspec.Struct):
    """The file that remembers files, by their paths, for each folder."""

    python: str = PYTHON
    files: dict[str, dict[str, _KnownFile]] = {}


_Memory = TypeVar("_Memory", _Folders, _Files)


class SourceReader:
    """Reads folders of sources, each file once while its state stays.

    Args:
        cache: where digests are remembered between commands; `remember` writes it, and a file beside it.
        project: the folder that `sources` are counted from, and out of which none may lead.
        now: the time in nanoseconds.
    """

    def __init__(self, cache: Path, project: Path | None = None, now: Callable[[], int] = time.time_ns) -> None:
        self._cache = cache
        self._cache_of_files = cache.with_name(f"{cache.stem}-files{cache.suffix}")
        self._project = project
        self._now = now
        self._known = _load(cache, _Folders)
        self._seen: dict[str, _KnownFolder] = {}
        self._seen_files: dict[str, dict[str, _KnownFile]] = {}
        self._folders: dict[Path, SourceFolder] = {}
        self._read: dict[tuple[Path, ...], Sources] = {}

    def read(self, folders: tuple[Path, ...]) -> Sources:
        """The files below `folders`, each folder under its own name.

        Raises:
            InputError: a folder is missing, two have the same name, or something in one cannot be carried.
        """
        if (read := self._read.get(folders)) is not None:
            return read
        names = [folder.name for folder in folders]
        for folder in folders:
            if names.count(folder.name) > 1:
                raise InputError(self._subject(folder), f"another folder is named {folder.name} too", "rename one")
            if folder not in self._folders:
                self._folders[folder] = self._read_folder(folder)
        self._read[folders] = Sources(tuple(self._folders[folder] for folder in folders))
        return self._read[folders]

    def remember(self) -> None:
        """Keep the digests for the next command."""
        if self._seen_files:
            known = self._known_files
            known.files |= self._seen_files
            files.write_bytes(self._cache_of_files, msgspec.json.encode(known))
            self._seen_files = {}
        if any(self._known.folders.get(path) != folder for path, folder in self._seen.items()):
            self._known.folders |= self._seen
            files.write_bytes(self._cache, msgspec.json.encode(self._known))

    @functools.cached_property
    def _known_files(self) -> _Files:
        return _load(self._cache_of_files, _Files)

    def _subject(self, folder: Path) -> str:
        """The folder as jobs.yaml names it, where it does."""
        if self._project is not None and self._is_below_project(folder):
            return f"sources {folder.relative_to(self._project).as_posix()}"
        return f"sources {folder}"

    def _is_below_project(self, folder: Path) -> bool:
        return self._project is not None and folder.is_relative_to(self._project)

    def _read_folder(self, folder: Path) -> SourceFolder:
        subject = self._subject(folder)
        if not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises where its parent may not be read
            raise InputError(subject, "there is no such folder", "correct `sources` in jobs.yaml")
        started_ns = self._now()
        is_of_project = self._is_below_project(folder) and folder not in OWN_FOLDERS
        found = files_below(folder, subject, self._project if is_of_project else None)
        look_up: Callable[[], dict[str, SourceDigest]] = functools.partial(self._look_up, folder, found, started_ns)
        state = files.sha256_of_bytes(msgspec.json.encode([(file.name, file.state) for file in found]))
        known = self._known.folders.get(str(folder))
        if known is not None and known.state == state:
            digest = SourceDigest(known.content, known.meaning)
        else:
            digests = look_up()
            look_up, digest = (lambda: digests), folder_digest(digests)
            if all(_is_settled(file, started_ns) for file in found):
                self._seen[str(folder)] = _KnownFolder(state, *digest)
        return SourceFolder(subject, tuple(found), digest, look_up, functools.partial(self._forget, folder))

    def _look_up(self, folder: Path, found: list[SourceFile], started_ns: int) -> dict[str, SourceDigest]:
        """The digests of the files that were `found`, those that are not remembered from the files themselves."""
        known = self._seen_files.get(str(folder)) or self._known_files.files.get(str(folder), {})
        digests, seen = {}, {}
        for file in found:
            entry = known.get(file.name)
            if entry is None or entry.state != file.state:
                entry = self._read_file(folder, file)
            digests[file.name] = SourceDigest(entry.content, entry.meaning)
            if _is_settled(file, started_ns):
                seen[file.name] = entry
        if seen != known:
            self._seen_files[str(folder)] = seen
        return digests

    def _read_file(self, folder: Path, file: SourceFile) -> _KnownFile:
        try:
            with open(file.path, "rb") as stream:  # noqa: PTH123 - spares a Path for each file
                content = stream.read()
        except OSError as error:
            raise unreadable(self._subject(folder), file.name, error) from None
        return _KnownFile(file.state, files.sha256_of_bytes(content), digest_meaning(file.name, content))

    def _forget(self, folder: Path) -> None:
        """Read the folder's files the next time, whatever their states say."""
        for memory in (self._seen, self._seen_files, self._known.folders, self._known_files.files):
            memory.pop(str(folder), None)
        for path, document in ((self._cache, self._known), (self._cache_of_files, self._known_files)):
            files.write_bytes(path, msgspec.json.encode(document))


def _is_settled(file: SourceFile, now_ns: int) -> bool:
    return abs(now_ns - file.state.written_ns) > SETTLING_NS


def _load(path: Path, kind: type[_Memory]) -> _Memory:
    try:
        document = msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return kind()
    return document if document.python == PYTHON else kind()
