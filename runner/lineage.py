"""A job's sessions as they stand on disk: the only source of its state."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from contract import files
from contract.errors import RelayError
from restore.spans import shown

if TYPE_CHECKING:
    from pathlib import Path

    from runner.layout import RunsFolder, SessionFolder


FORMAT = 1


class Phase(enum.IntEnum):
    """How far a session has come; each phase is the file that its stage wrote last."""

    PLANNED = 0
    PACKAGED = 1
    SUBMITTED = 2
    EXECUTED = 3
    DOWNLOADED = 4
    VALIDATED = 5
    RESTORED = 6


@dataclass(frozen=True)
class SessionState:
    """One session on disk; its documents are read when they are asked for."""

    folder: SessionFolder

    @property
    def number(self) -> int:
        """1 and so on."""
        return int(self.folder.number)

    @cached_property
    def phase(self) -> Phase:
        """How far it has come."""
        folder = self.folder
        written = (
            (Phase.RESTORED, folder.restored_json),
            (Phase.VALIDATED, folder.report_json),
            (Phase.DOWNLOADED, folder.manifest_json),
            (Phase.EXECUTED, folder.execution_json),
            (Phase.SUBMITTED, folder.ledger_json),
            (Phase.PACKAGED, folder.package_json),
        )
        return next((phase for phase, path in written if path.exists()), Phase.PLANNED)

    @cached_property
    def request(self) -> dict[str, Any]:
        """What it is asked for."""
        return read_document(self.folder.request)

    @cached_property
    def package(self) -> dict[str, Any]:
        """Its key and inputs, once packaged."""
        return read_document(self.folder.package_json)

    @cached_property
    def source_table(self) -> dict[str, list[str]]:
        """The digests of each source that it carries; empty where its package is gone."""
        try:
            return dict(files.read_json(self.folder.sources_table))
        except (OSError, ValueError, TypeError):
            return {}

    @cached_property
    def ledger(self) -> dict[str, Any]:
        """How far its submission got."""
        return read_document(self.folder.ledger_json)

    @cached_property
    def execution(self) -> dict[str, Any]:
        """How it ended, once executed."""
        return read_document(self.folder.execution_json)

    @cached_property
    def restored(self) -> dict[str, Any]:
        """What was adopted from it, once restored."""
        return read_document(self.folder.restored_json)


@dataclass(frozen=True)
class Lineage:
    """A job's sessions, oldest first, and how many lineages were given up before."""

    job: str
    sessions: tuple[SessionState, ...]
    generation: int

    @property
    def head(self) -> SessionState | None:
        """The newest session."""
        return self.sessions[-1] if self.sessions else None

    @property
    def tip(self) -> SessionState | None:
        """The newest session that was restored: what the next one goes on from."""
        return next((each for each in reversed(self.sessions) if each.phase is Phase.RESTORED), None)

    @property
    def next_number(self) -> int:
        """The number of a session to come; one that was never packaged gives its number up."""
        if self.head is None:
            return 1
        return self.head.number if self.head.phase is Phase.PLANNED else self.head.number + 1

    def session(self, number: int) -> SessionState | None:
        """A session by its number."""
        return next((each for each in self.sessions if each.number == number), None)


def read_lineage(runs: RunsFolder, job: str) -> Lineage:
    """What is on disk for `job`."""
    sessions = tuple(SessionState(folder) for folder in runs.sessions(job))
    return Lineage(job, sessions, runs.last_archived(job) + 1)


def read_document(path: Path) -> dict[str, Any]:
    """A JSON document of ours.

    Raises:
        RelayError: it is missing or damaged, or another version of kaggle-relay wrote it.
    """
    try:
        document = files.read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        problem = f"cannot be read: {shown(str(error))}"
        raise RelayError(str(path), problem, _REMEDY) from error
    if not isinstance(document, dict):
        raise RelayError(str(path), "is no JSON object", _REMEDY)
    if document.get("format") != FORMAT or document.get("format") is True:
        problem = f"has format {shown(document.get('format'))}, expected {FORMAT}"
        raise RelayError(str(path), problem, "use the version of kaggle-relay that wrote it, or `doit fresh`")
    return _Document(path, document)


class _Document(dict[str, Any]):
    """What a document says; asked for what it lacks, it names itself instead of raising a KeyError."""

    def __init__(self, path: Path, values: dict[str, Any]) -> None:
        super().__init__(values)
        self._path = path

    def __missing__(self, key: str) -> Any:
        raise RelayError(str(self._path), f"has no {shown(key)}", _REMEDY)


_REMEDY = "restore it from a backup, or start anew with `doit fresh`"
