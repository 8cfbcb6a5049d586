"""A job's sessions as they stand on disk: the only source of its state."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from contract.documents.removed import Removed
from contract.documents.runs import Execution, Ledger, Package, Request, Restored
from contract.documents.typed_json import Document
from contract.errors import RelayError
from contract.storage import files, layout
from runner.layout import put_away_json, sessions_below

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runner.layout import RunsFolder, SessionFolder


class PutAway(Document, frozen=True, kw_only=True):
    """When `fresh` gave a lineage up, `put_away.json` in its folder; earlier ones have none.

    Args:
        at: in UTC, ISO 8601.
    """

    at: str


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
        if folder.restored_json.exists():  # nearly all have been: it spares a thousand of them the other paths
            return Phase.RESTORED
        written = (
            (Phase.VALIDATED, folder.report_json),
            (Phase.DOWNLOADED, folder.manifest_json),
            (Phase.EXECUTED, folder.execution_json),
            (Phase.SUBMITTED, folder.ledger_json),
            (Phase.PACKAGED, folder.package_json),
        )
        return next((phase for phase, path in written if path.exists()), Phase.PLANNED)

    @cached_property
    def request(self) -> Request:
        """What it is asked for."""
        return Request.read(self.folder.request)

    @cached_property
    def package(self) -> Package:
        """Its key and inputs, once packaged."""
        return Package.read(self.folder.package_json)

    @property
    def is_adopted(self) -> bool:
        """Whether it trained nothing, and took in a checkpoint that was saved by hand."""
        return self.folder.package_json.exists() and layout.ADOPTED_FILE in self.package.files

    @cached_property
    def source_table(self) -> dict[str, list[str]]:
        """The digests of each source that it carries; empty where its package is gone."""
        try:
            return dict(files.read_json(self.folder.sources_table))
        except (OSError, ValueError, TypeError):
            return {}

    @cached_property
    def ledger(self) -> Ledger:
        """How far its submission got."""
        return Ledger.read(self.folder.ledger_json)

    @cached_property
    def execution(self) -> Execution:
        """How it ended, once executed."""
        return Execution.read(self.folder.execution_json)

    @cached_property
    def restored(self) -> Restored:
        """What was adopted from it, once restored."""
        return Restored.read(self.folder.restored_json)

    @cached_property
    def removed(self) -> Removed:
        """What `doit gc` removed of it."""
        return Removed.read_if_there(self.folder.removed_json) or Removed(files={})


@dataclass(frozen=True)
class Lineage:
    """A job's sessions, oldest first, and how many lineages were given up before.

    Args:
        job: its name.
        sessions: those that are here.
        generation: 1 for the job's first lineage.
        put_away: when `fresh` gave this one up; None for the current one, and where nothing tells.
    """

    job: str
    sessions: tuple[SessionState, ...]
    generation: int
    put_away: PutAway | None = None

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

    def before(self, session: SessionState) -> SessionState | None:
        """The session that one went on from; where that one is gone, the newest adopted one that may have led there."""
        parent = session.request.parent if session.folder.request.exists() else None
        if parent is None or int(parent.session) >= session.number:
            return None
        if (made_by := self.session(int(parent.session))) is not None:
            return made_by
        earlier = (each for each in reversed(self.sessions) if each.number < int(parent.session))
        adopted = ((each, each.restored.checkpoint) for each in earlier if each.phase is Phase.RESTORED)
        return next((each for each, left in adopted if left is not None and left.timesteps <= parent.timesteps), None)


def read_lineage(runs: RunsFolder, job: str, archived: Mapping[str, int] | None = None) -> Lineage:
    """What is on disk for `job`.

    Args:
        runs: where.
        job: its name.
        archived: what `runs.last_archived` says, where it was asked already for many jobs.
    """
    sessions = tuple(SessionState(folder) for folder in runs.sessions(job))
    latest = runs.last_archived() if archived is None else archived
    return Lineage(job, sessions, latest.get(job, 0) + 1)


def every_lineage(runs: RunsFolder, job: str) -> list[Lineage]:
    """All that a job ever was on this machine: lineages that `fresh` put away, oldest first, and the current one."""
    archived = [
        Lineage(
            job,
            tuple(map(SessionState, sessions_below(folder))),
            int(folder.name.rpartition("-")[2]),
            _put_away(folder),
        )
        for folder in runs.archived(job)
    ]
    return [*sorted(archived, key=lambda each: each.generation), read_lineage(runs, job)]


def _put_away(folder: Path) -> PutAway | None:
    try:
        return PutAway.read_if_there(put_away_json(folder))
    except RelayError:
        return None
