"""Kernels, their versions, logs and outputs in the database."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from emulator.store.values import (
    ACTIVE_STATES,
    Kernel,
    KernelOptions,
    KernelState,
    LogEntry,
    Mount,
    StoredFile,
    Version,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from emulator.store.database import Database


@dataclass(frozen=True)
class NewVersion:
    """A version to be: everything that its push decides; `mounts` are the sources at that moment."""

    source: str
    options: KernelOptions
    mounts: tuple[Mount, ...]
    state: KernelState
    machine_shape: str
    limit_seconds: float
    queued_at: float


class KernelStore:
    """Reads and writes kernels.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def find(self, owner: str, slug: str) -> Kernel | None:
        """The kernel `owner/slug`, whatever the case."""
        row = self.database.one("SELECT * FROM kernels WHERE owner = ? AND slug = ?", owner.lower(), slug.lower())
        return _kernel(row) if row is not None else None

    def by_id(self, kernel_id: int) -> Kernel | None:
        """The kernel with that number."""
        row = self.database.one("SELECT * FROM kernels WHERE id = ?", kernel_id)
        return _kernel(row) if row is not None else None

    def all(self) -> list[Kernel]:
        """Every kernel, the newest first."""
        return [_kernel(row) for row in self.database.all("SELECT * FROM kernels ORDER BY id DESC")]

    def create(self, owner: str, slug: str, title: str, created_at: float) -> Kernel:
        """A new kernel without versions."""
        values = (owner.lower(), slug.lower(), title, created_at)
        number = self.database.run(
            "INSERT INTO kernels (owner, slug, title, is_private, created_at) VALUES (?, ?, ?, 1, ?)", *values
        )
        return Kernel(number, owner.lower(), slug.lower(), title, is_private=True, created_at=created_at)

    def describe(self, kernel_id: int, title: str, *, is_private: bool) -> None:
        """Change a kernel's title and who may see it."""
        self.database.run("UPDATE kernels SET title = ?, is_private = ? WHERE id = ?", title, is_private, kernel_id)

    def delete(self, kernel_id: int) -> None:
        """Remove a kernel with all its versions."""
        self.database.run("DELETE FROM kernels WHERE id = ?", kernel_id)

    def add_version(self, kernel_id: int, new: NewVersion) -> Version:
        """The kernel's next version."""
        with self.database.transaction():
            row = self.database.one(
                "SELECT COALESCE(MAX(number), 0) + 1 AS next FROM versions WHERE kernel_id = ?", kernel_id
            )
            number = int(row["next"]) if row is not None else 1
            session = self.database.run(
                "INSERT INTO versions (kernel_id, number, state, source, options, mounts, machine_shape, limit_seconds,"
                " queued_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                kernel_id,
                number,
                new.state,
                new.source,
                json.dumps(asdict(new.options)),
                json.dumps([asdict(each) for each in new.mounts]),
                new.machine_shape,
                new.limit_seconds,
                new.queued_at,
            )
            return self.version(session)

    def version(self, session: int) -> Version:
        """The version whose session has that number.

        Raises:
            KeyError: there is none.
        """
        row = self.database.one("SELECT * FROM versions WHERE id = ?", session)
        if row is None:
            raise KeyError(session)
        return _version(row)

    def find_version(self, kernel_id: int, number: int | None = None) -> Version | None:
        """A kernel's version by its number, or its latest."""
        where = "kernel_id = ?" if number is None else "kernel_id = ? AND number = ?"
        values = (kernel_id,) if number is None else (kernel_id, number)
        query = f"SELECT * FROM versions WHERE {where} ORDER BY number DESC LIMIT 1"  # noqa: S608 - two constants
        row = self.database.one(query, *values)
        return _version(row) if row is not None else None

    def list_versions(self, kernel_id: int) -> list[Version]:
        """A kernel's versions, the newest first."""
        rows = self.database.all("SELECT * FROM versions WHERE kernel_id = ? ORDER BY number DESC", kernel_id)
        return [_version(row) for row in rows]

    def source(self, session: int) -> str:
        """The script that was pushed."""
        row = self.database.one("SELECT source FROM versions WHERE id = ?", session)
        return str(row["source"]) if row is not None else ""

    def mounts(self, session: int) -> list[Mount]:
        """The sources that the session's version was pushed with."""
        row = self.database.one("SELECT mounts FROM versions WHERE id = ?", session)
        return [Mount(**each) for each in json.loads(row["mounts"])] if row is not None else []

    def active(self) -> list[tuple[str, Version]]:
        """The sessions that have not ended, in the order of their pushes, each with its user."""
        rows = self.database.all(
            "SELECT versions.*, kernels.owner AS owner FROM versions JOIN kernels ON kernels.id = kernel_id"
            " WHERE state IN (?, ?, ?) ORDER BY versions.id",
            *ACTIVE_STATES,
        )
        return [(str(row["owner"]), _version(row)) for row in rows]

    def move(self, session: int, state: KernelState, **changes: Any) -> None:
        """Change where a session stands, and with it `started_at`, `ended_at` or `failure_message`."""
        columns = "".join(f", {name} = ?" for name in changes)
        statement = f"UPDATE versions SET state = ?{columns} WHERE id = ?"  # noqa: S608 - names of columns, ours
        self.database.run(statement, state, *changes.values(), session)

    def hold_sandbox(self, session: int) -> None:
        """Note that the executor has, or is about to have, a sandbox of the session."""
        self.database.run("INSERT OR IGNORE INTO sandboxes VALUES (?)", session)

    def sandboxes(self) -> list[int]:
        """The sessions that have one, also those whose kernels were deleted."""
        return [int(row["session_id"]) for row in self.database.all("SELECT session_id FROM sandboxes")]

    def release_sandbox(self, session: int) -> None:
        """Note that the executor has forgotten the session."""
        self.database.run("DELETE FROM sandboxes WHERE session_id = ?", session)

    def log_bytes(self, session: int) -> int:
        """How much of what the session printed is in the log."""
        row = self.database.one("SELECT log_bytes FROM versions WHERE id = ?", session)
        return int(row["log_bytes"]) if row is not None else 0

    def add_log(self, session: int, entries: Sequence[LogEntry], log_bytes: int) -> None:
        """Append to a session's log, and note that it now holds `log_bytes` of what was printed."""
        with self.database.transaction():
            row = self.database.one("SELECT COUNT(*) AS count FROM log_entries WHERE version_id = ?", session)
            start = int(row["count"]) if row is not None else 0
            self.database.run_many(
                "INSERT INTO log_entries VALUES (?, ?, ?, ?, ?)",
                [(session, start + at, each.stream_name, each.time, each.data) for at, each in enumerate(entries)],
            )
            self.database.run("UPDATE versions SET log_bytes = ? WHERE id = ?", log_bytes, session)

    def log(self, session: int, start: int = 0) -> list[LogEntry]:
        """A session's log from entry `start` on."""
        rows = self.database.all(
            "SELECT * FROM log_entries WHERE version_id = ? AND position >= ? ORDER BY position", session, start
        )
        return [LogEntry(row["stream_name"], row["time"], row["data"]) for row in rows]

    def log_tail(self, session: int, count: int) -> list[LogEntry]:
        """The last `count` entries of a session's log."""
        row = self.database.one("SELECT COUNT(*) AS count FROM log_entries WHERE version_id = ?", session)
        return self.log(session, max(0, (int(row["count"]) if row is not None else 0) - count))

    def set_outputs(self, session: int, outputs: Iterable[StoredFile]) -> None:
        """Note what a session left."""
        with self.database.transaction():
            self.database.run("DELETE FROM outputs WHERE version_id = ?", session)
            rows = [(session, each.path, each.sha256, each.bytes, each.created_at) for each in outputs]
            self.database.run_many("INSERT INTO outputs VALUES (?, ?, ?, ?, ?)", rows)

    def outputs(self, session: int) -> list[StoredFile]:
        """What a session left, by path."""
        rows = self.database.all("SELECT * FROM outputs WHERE version_id = ? ORDER BY path", session)
        return [StoredFile(row["path"], row["sha256"], row["bytes"], row["created_at"]) for row in rows]


def _kernel(row: sqlite3.Row) -> Kernel:
    return Kernel(row["id"], row["owner"], row["slug"], row["title"], bool(row["is_private"]), row["created_at"])


def _version(row: sqlite3.Row) -> Version:
    return Version(
        id=row["id"],
        kernel_id=row["kernel_id"],
        number=row["number"],
        state=KernelState(row["state"]),
        options=_options(row["options"]),
        machine_shape=row["machine_shape"],
        limit_seconds=row["limit_seconds"],
        failure_message=row["failure_message"],
        queued_at=row["queued_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )


@functools.lru_cache(maxsize=1024)
def _options(text: str) -> KernelOptions:
    """What a version asks for; the scheduler reads those of a whole queue many times a second."""
    values: dict[str, Any] = {
        name: tuple(each) if isinstance(each, list) else each for name, each in json.loads(text).items()
    }
    return KernelOptions(**values)
