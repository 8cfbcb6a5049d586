"""Where the content of a damaged or missing file is to be had: under another name, or in what a session was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from contract.storage import files
from runner.verifying.store import strangers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from runner.verifying.sessions import SessionDocuments
    from runner.verifying.store import Flaw, StoredFile


class Found(NamedTuple):
    """The content of a file, known by its digest.

    Args:
        source: where it is.
        target: where it belongs.
        is_misnamed: whether it lies there by mistake, and is to be called as it was.
    """

    source: Path
    target: Path
    is_misnamed: bool


def find_copies(sessions: Sequence[SessionDocuments], flaws: Sequence[Flaw], job: str) -> tuple[Found, ...]:
    """For each file that is not what it was, its content, where that is anywhere."""
    damaged = {flaw.file.path for flaw in flaws}
    misnamed = [path for each in sessions for path in strangers(each, job)]
    misnamed += [path for path in sorted(damaged) if path.exists()]
    found: list[Found] = []
    for flaw in flaws:
        used = {each.source for each in found if each.is_misnamed}
        moved = [path for path in misnamed if path not in used and path != flaw.file.path]
        candidates = [*((path, True) for path in moved), *((path, False) for path in _elsewhere(sessions, flaw.file))]
        source = next((each for each in candidates if _is_it(each[0], flaw.file)), None)
        if source is not None:
            found.append(Found(source[0], flaw.file.path, source[1]))
    return tuple(found)


def _elsewhere(sessions: Sequence[SessionDocuments], wanted: StoredFile) -> Iterator[Path]:
    """Files of that digest in what sessions were sent, and in what they left."""
    for session in sessions:
        for name, entry in session.package.files.items() if session.package is not None else ():
            if entry.sha256 == wanted.sha256:
                yield session.folder.payload / name
        for name, entry in session.manifest.files.items() if session.manifest is not None else ():
            if entry.sha256 == wanted.sha256 and session.folder.artifacts / name != wanted.path:
                yield session.folder.artifacts / name


def _is_it(path: Path, wanted: StoredFile) -> bool:
    try:
        return path.stat().st_size == wanted.bytes and files.sha256_of_file(path) == wanted.sha256
    except OSError:
        return False
