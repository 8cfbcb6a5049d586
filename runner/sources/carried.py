"""All that a session carries: its identity, a table of digests, and a bundle whose bytes fit both.

Two digests of each file: of its bytes (what is shipped) and of its meaning (for Python, the syntax
tree without docstrings). A comment, a docstring or formatting changes the first and not the second,
and only the second makes a session stale. Syntax trees differ between Python versions, so meanings
are compared only if the same version took both.
"""

from __future__ import annotations

import io
import sys
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import contract
import job
import trainer
from contract.documents.runs import Identity
from contract.errors import InputError
from contract.storage import files
from contract.storage.zips import timeless_member
from runner.sources.walk import printable_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runner.sources.walk import SourceFile

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
OWN_FOLDERS = tuple(Path(package.__path__[0]) for package in (contract, job, trainer))
"""The packages of ours that a session runs, beside the sources of its job."""
DECIDING_FOLDERS = tuple(Path(package.__path__[0]) for package in (job, trainer))
"""Those that decide weights."""


class SourceDigest(NamedTuple):
    """The two digests of one file; `meaning` equals `content` where there is no syntax tree."""

    content: str
    meaning: str


def folder_digest(digests: dict[str, SourceDigest]) -> SourceDigest:
    """One digest of all contents and one of all meanings."""
    return SourceDigest(
        content=files.sha256_of_value({name: each.content for name, each in digests.items()}),
        meaning=files.sha256_of_value({name: each.meaning for name, each in digests.items()}),
    )


@dataclass(frozen=True)
class SourceFolder:
    """The files of one folder.

    Args:
        subject: what an error about it is about.
        found: its files, by name.
        digest: of all their contents, and of all their meanings.
        look_up: the digests of each file.
        forget: forgets what is remembered of the folder, as it turned out not to hold.
    """

    subject: str
    found: tuple[SourceFile, ...]
    digest: SourceDigest
    look_up: Callable[[], dict[str, SourceDigest]]
    forget: Callable[[], None]

    @property
    def paths(self) -> dict[str, Path]:
        """Where each file lies, by its name in the bundle."""
        return {each.name: Path(each.path) for each in self.found}

    @cached_property
    def digests(self) -> dict[str, SourceDigest]:
        """The digests of each file, by the same names.

        Raises:
            InputError: a file was changed since the digest of the folder was taken.
        """
        digests = self.look_up()
        if folder_digest(digests) != self.digest:
            raise self._changed(None)
        return digests

    def content(self, file: SourceFile, digest: SourceDigest) -> bytes:
        """The bytes of one of its files, which are those that `digest` was taken of.

        Raises:
            InputError: the file was changed since.
        """
        try:
            content = Path(file.path).read_bytes()
        except OSError:
            raise self._changed(file.name) from None
        if files.sha256_of_bytes(content) != digest.content:
            raise self._changed(file.name)
        return content

    def _changed(self, name: str | None) -> InputError:
        self.forget()
        problem = f"{'a file' if name is None else printable_name(name)} was changed after the session was planned"
        return InputError(self.subject, problem, "run the same command again")


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
        return self._identity_once

    @cached_property
    def _identity_once(self) -> Identity:
        return _identity([folder.digest for folder in self.folders], PYTHON)

    @cached_property
    def bundle_bytes(self) -> int:
        """The size of the bundle, which is packed once to find out, however many jobs carry it.

        Raises:
            InputError: as `bundle` does.
        """
        return len(self.bundle())

    def table(self) -> dict[str, list[str]]:
        """Both digests of each file, as JSON."""
        return {name: list(each) for name, each in self.digests.items()}

    def bundle(self) -> bytes:
        """All files as a zip, with the very bytes that the digests are of; equal files give equal bytes.

        Raises:
            InputError: a file was changed since its digests were taken.
        """
        digests = self.digests
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as bundle:
            for file, folder in sorted(self._files(), key=lambda each: each[0].name):
                content = folder.content(file, digests[file.name])
                bundle.writestr(timeless_member(file.name), content)
        return stream.getvalue()

    def _files(self) -> Iterator[tuple[SourceFile, SourceFolder]]:
        for folder in self.folders:
            yield from ((file, folder) for file in folder.found)


def identity_from_table(table: dict[str, list[str]], python: str) -> Identity:
    """What `Sources.identity` said of the sources in a table, whose meanings were taken by this version of Python."""
    folders: dict[str, dict[str, SourceDigest]] = {}
    for name, digests in table.items():
        folders.setdefault(name.partition("/")[0], {})[name] = SourceDigest(*digests)
    return _identity([folder_digest(each) for each in folders.values()], python)


def _identity(folders: list[SourceDigest], python: str) -> Identity:
    return Identity(
        content=files.sha256_of_value(sorted(each.content for each in folders)),
        meaning=files.sha256_of_value(sorted(each.meaning for each in folders)),
        python=python,
    )


def changed_files(before: dict[str, list[str]], now: dict[str, list[str]]) -> list[str]:
    """The names whose meaning differs between two tables, added and removed ones included."""
    meanings_before = {name: digests[1] for name, digests in before.items()}
    meanings_now = {name: digests[1] for name, digests in now.items()}
    names = meanings_before.keys() | meanings_now.keys()
    return sorted(name for name in names if meanings_before.get(name) != meanings_now.get(name))
