"""The sources that a session carries, and what they mean.

Two digests of each file: of its bytes (what is shipped) and of its meaning (for Python, the syntax
tree without docstrings). A comment, a docstring or formatting changes the first and not the second,
and only the second makes a session stale. Syntax trees differ between Python versions, so meanings
are compared only if the same version took both.
"""

from __future__ import annotations

import ast
import io
import os
import sys
import warnings
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

import contract
import job
import trainer
from contract import files
from contract.documents import Identity
from contract.errors import InputError
from contract.zips import timeless_member

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
OWN_FOLDERS = tuple(Path(package.__path__[0]) for package in (contract, job, trainer))
"""The packages of ours that a session runs, beside the sources of its job."""
DECIDING_FOLDERS = tuple(Path(package.__path__[0]) for package in (job, trainer))
"""Those that decide weights."""
_IGNORED_FOLDERS = frozenset({"__pycache__", "node_modules"})
_IGNORED_SUFFIXES = (".pyc", ".pyo", "~")


class SourceDigest(NamedTuple):
    """The two digests of one file; `meaning` equals `content` where there is no syntax tree."""

    content: str
    meaning: str


@dataclass(frozen=True)
class SourceFolder:
    """The files of one folder.

    Args:
        paths: where each lies, by its name in the bundle.
        digests: of each, by the same names.
    """

    paths: dict[str, Path]
    digests: dict[str, SourceDigest]

    @cached_property
    def digest(self) -> SourceDigest:
        """One digest of all contents and one of all meanings."""
        return SourceDigest(
            content=files.sha256_of_value({name: each.content for name, each in self.digests.items()}),
            meaning=files.sha256_of_value({name: each.meaning for name, each in self.digests.items()}),
        )


@dataclass(frozen=True)
class Sources:
    """The folders that a session carries, each under its own name."""

    folders: tuple[SourceFolder, ...]

    @property
    def paths(self) -> dict[str, Path]:
        """Where each file lies, by its name in the bundle."""
        return {name: path for folder in self.folders for name, path in folder.paths.items()}

    @property
    def digests(self) -> dict[str, SourceDigest]:
        """The digests of each file, by the same names."""
        return {name: digest for folder in self.folders for name, digest in folder.digests.items()}

    def identity(self) -> Identity:
        """One digest of all contents and one of all meanings."""
        return Identity(
            content=files.sha256_of_value(sorted(folder.digest.content for folder in self.folders)),
            meaning=files.sha256_of_value(sorted(folder.digest.meaning for folder in self.folders)),
            python=PYTHON,
        )

    def table(self) -> dict[str, list[str]]:
        """Both digests of each file, as JSON."""
        return {name: list(each) for name, each in self.digests.items()}

    def bundle(self) -> bytes:
        """All files as a zip; equal files give equal bytes."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as bundle:
            for name, path in sorted(self.paths.items()):
                bundle.writestr(timeless_member(name), path.read_bytes())
        return stream.getvalue()


def identity_of(table: dict[str, list[str]], python: str) -> Identity:
    """What `Sources.identity` said of the sources in a table, whose meanings were taken by this version of Python."""
    digests = {name: SourceDigest(*each) for name, each in table.items()}
    folders = sorted({name.partition("/")[0] for name in digests})
    parts = ({name: each for name, each in digests.items() if name.partition("/")[0] == folder} for folder in folders)
    return msgspec.structs.replace(Sources(tuple(SourceFolder({}, part) for part in parts)).identity(), python=python)


def changed_files(before: dict[str, list[str]], now: dict[str, list[str]]) -> list[str]:
    """The names whose meaning differs between two tables, added and removed ones included."""
    meanings_before = {name: digests[1] for name, digests in before.items()}
    meanings_now = {name: digests[1] for name, digests in now.items()}
    names = meanings_before.keys() | meanings_now.keys()
    return sorted(name for name in names if meanings_before.get(name) != meanings_now.get(name))


def meaning_of(name: str, content: bytes) -> str:
    """The digest of what a file means."""
    if not name.endswith(".py"):
        return files.sha256_of_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python thinks of the user's sources is not ours to say
            tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return files.sha256_of_bytes(content)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    return files.sha256_of_bytes(ast.dump(tree).encode())


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        del node.body[0]


class SourceReader:
    """Reads folders of sources, each file once while its size and mtime stay.

    Args:
        cache: where digests are remembered between commands; `remember` writes it.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._known: dict[str, list[Any]] = self._load()
        self._seen: dict[str, list[Any]] = {}
        self._folders: dict[Path, SourceFolder] = {}

    def read(self, folders: tuple[Path, ...]) -> Sources:
        """The files below `folders`, each folder under its own name.

        Raises:
            InputError: a folder is missing, or two have the same name.
        """
        names = [folder.name for folder in folders]
        for folder in folders:
            if names.count(folder.name) > 1:
                raise InputError(f"sources {folder}", f"another folder is named {folder.name} too", "rename one")
            if folder not in self._folders:
                self._folders[folder] = self._read_folder(folder)
        return Sources(tuple(self._folders[folder] for folder in folders))

    def remember(self) -> None:
        """Keep the digests for the next command."""
        if any(self._known.get(path) != entry for path, entry in self._seen.items()):
            self._known |= self._seen
            files.write_json(self._cache, {"python": PYTHON, "files": self._known})

    def _read_folder(self, folder: Path) -> SourceFolder:
        if not folder.is_dir():
            raise InputError(f"sources {folder}", "there is no such folder", "correct `sources` in jobs.yaml")
        entries = sorted(_files_below(folder))
        paths = {name: Path(entry.path) for name, entry in entries}
        return SourceFolder(paths, {name: self._digest(name, entry) for name, entry in entries})

    def _digest(self, name: str, entry: os.DirEntry[str]) -> SourceDigest:
        status = entry.stat()
        known = self._known.get(entry.path)
        if known is None or known[:2] != [status.st_mtime_ns, status.st_size]:
            content = Path(entry.path).read_bytes()
            known = [status.st_mtime_ns, status.st_size, files.sha256_of_bytes(content), meaning_of(name, content)]
        self._seen[entry.path] = known
        return SourceDigest(known[2], known[3])

    def _load(self) -> dict[str, list[Any]]:
        try:
            cached = files.read_json(self._cache)
            return dict(cached["files"]) if cached["python"] == PYTHON else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}


def _files_below(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    waiting = [(folder.name, str(folder))]
    while waiting:
        prefix, path = waiting.pop()
        with os.scandir(path) as entries:
            for entry in entries:
                name = f"{prefix}/{entry.name}"
                if entry.name.startswith(".") or entry.name in _IGNORED_FOLDERS:
                    continue
                if entry.is_dir():
                    waiting.append((name, entry.path))
                elif entry.is_file() and not entry.name.endswith(_IGNORED_SUFFIXES):
                    yield name, entry
