"""The files of a lineage that may go, as the documents of its sessions name them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.storage import layout
from runner.lineage import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contract.documents.runs import CheckpointReference
    from runner.lineage import Lineage, SessionState


class Kind(enum.StrEnum):
    """What a file is, in words for people."""

    CHECKPOINT = "checkpoint"
    BEST_MODEL = "best model"
    SEGMENT = "replay segment"
    PACKAGE = "what the session was given"


_STAYS = (".json",)
"""Of a package: how its documents end, which are small and say what the session was."""


@dataclass(frozen=True)
class Candidate:
    """A file that may go.

    Args:
        session: whose it is, as `0001`.
        file: its path from the lineage's folder, with forward slashes.
        bytes, sha256: of it, as the documents have it.
        kind: what it is.
    """

    session: str
    file: str
    bytes: int
    sha256: str
    kind: Kind

    @property
    def in_session(self) -> str:
        """Its path from the session's folder."""
        return self.file.partition("/")[2]


def is_own(reference: CheckpointReference, session: SessionState) -> bool:
    """Whether a file lies in the folder of a session, and was not handed on to it."""
    return reference.session == session.folder.number and reference.file.startswith(f"{session.folder.number}/")


def own_checkpoints(session: SessionState) -> list[CheckpointReference]:
    """The checkpoints that were adopted from a session, newest first."""
    return [each for each in session.restored.candidates if is_own(each, session)]


def own_best_model(session: SessionState) -> CheckpointReference | None:
    """The best model in a session's folder, if it was adopted."""
    best = session.restored.best_model
    return best if best is not None and is_own(best, session) else None


def restored_sessions(lineage: Lineage) -> list[SessionState]:
    """Those of which anything may go: what they left was adopted, or all of it refused."""
    return [each for each in lineage.sessions if each.phase is Phase.RESTORED]


def candidates(lineage: Lineage, folder: Path) -> list[Candidate]:
    """All that may go and is there, each file once."""
    found = {
        each.file: each
        for session in restored_sessions(lineage)
        for each in (*_artifacts(session), *_package(session))
        if (folder / each.file).is_file()
    }
    return list(found.values())


def _artifacts(session: SessionState) -> Iterator[Candidate]:
    for reference in own_checkpoints(session):
        yield _candidate(reference, Kind.CHECKPOINT)
        yield from segments(reference)
    if (best := own_best_model(session)) is not None:
        yield _candidate(best, Kind.BEST_MODEL)


def _candidate(reference: CheckpointReference, kind: Kind) -> Candidate:
    return Candidate(reference.session, reference.file, reference.bytes, reference.sha256, kind)


def segments(reference: CheckpointReference) -> Iterator[Candidate]:
    """The files of a checkpoint's replay buffer."""
    replay = reference.replay
    for each in replay.segments if replay is not None else ():
        file = f"{replay.folder}/{layout.segment_name(each.sha256)}" if replay is not None else ""
        yield Candidate(file.partition("/")[0], file, each.bytes, each.sha256, Kind.SEGMENT)


def _package(session: SessionState) -> Iterator[Candidate]:
    """What the session was given, but for the documents; a checkpoint that was taken in by hand is here alone."""
    if session.is_adopted:
        return
    payload = session.folder.payload.relative_to(session.folder.path).as_posix()
    for name, entry in session.package.files.items():
        if not name.endswith(_STAYS):
            file = f"{session.folder.number}/{payload}/{name}"
            yield Candidate(session.folder.number, file, entry.bytes, entry.sha256, Kind.PACKAGE)
