"""The SQLite file: its tables, and transactions that a killed process leaves whole.

The journal is a write-ahead log with `synchronous=NORMAL`: what was committed outlives a SIGKILL of the
process; a power cut may take the last commits, but never breaks the file (https://sqlite.org/wal.html).
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

from contract.errors import InputError
from emulator.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS kernels (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, slug TEXT NOT NULL, title TEXT NOT NULL,
    is_private INTEGER NOT NULL, created_at REAL NOT NULL, UNIQUE (owner, slug));
CREATE TABLE IF NOT EXISTS versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kernel_id INTEGER NOT NULL REFERENCES kernels ON DELETE CASCADE,
    number INTEGER NOT NULL, state TEXT NOT NULL, source TEXT NOT NULL, options TEXT NOT NULL,
    mounts TEXT NOT NULL, machine_shape TEXT NOT NULL, limit_seconds REAL NOT NULL,
    failure_message TEXT NOT NULL DEFAULT '', queued_at REAL NOT NULL, started_at REAL, ended_at REAL,
    log_bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kernel_id, number));
CREATE INDEX IF NOT EXISTS versions_by_state ON versions (state);
CREATE TABLE IF NOT EXISTS log_entries (
    version_id INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE, position INTEGER NOT NULL,
    stream_name TEXT NOT NULL, time REAL NOT NULL, data TEXT NOT NULL, PRIMARY KEY (version_id, position))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outputs (
    version_id INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE, path TEXT NOT NULL, sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL, created_at REAL NOT NULL, PRIMARY KEY (version_id, path)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sandboxes (session_id INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS gpu_time (
    session_id INTEGER PRIMARY KEY, user TEXT NOT NULL, started_at REAL NOT NULL, ended_at REAL);
CREATE TABLE IF NOT EXISTS datasets (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, slug TEXT NOT NULL, title TEXT NOT NULL,
    is_private INTEGER NOT NULL, license_name TEXT NOT NULL, created_at REAL NOT NULL, settings TEXT NOT NULL,
    UNIQUE (owner, slug));
CREATE TABLE IF NOT EXISTS dataset_versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, dataset_id INTEGER NOT NULL REFERENCES datasets ON DELETE CASCADE,
    number INTEGER NOT NULL, notes TEXT NOT NULL, created_at REAL NOT NULL, ready_at REAL NOT NULL,
    total_bytes INTEGER NOT NULL, UNIQUE (dataset_id, number));
CREATE TABLE IF NOT EXISTS dataset_files (
    version_id INTEGER NOT NULL REFERENCES dataset_versions ON DELETE CASCADE, path TEXT NOT NULL,
    sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, created_at REAL NOT NULL, PRIMARY KEY (version_id, path))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    token TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL,
    created_at REAL NOT NULL, sha256 TEXT);
"""


class Database:
    """One connection for all threads, which take turns.

    Args:
        path: the file, created when it is not there.

    Raises:
        InputError: another format's emulator wrote it, or it is no such file.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        try:
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise InputError(str(path), f"is not an emulator's data ({error})", "choose another --data") from error
        found = int(self.remembered("format", str(FORMAT)))
        if found != FORMAT:
            self._connection.close()
            problem = f"has the format {found}, and this emulator reads {FORMAT}"
            raise InputError(str(path), problem, "choose another --data")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Database]:
        """A block whose writes are all kept, or none when it raises."""
        with self._lock:
            if self._connection.in_transaction:
                yield self
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def all(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """Every row of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def one(self, query: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query."""
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(query, values).fetchone()
            return row

    def run(self, statement: str, *values: Any) -> int:
        """Execute a statement; return the number of the row that it inserted."""
        with self._lock:
            return int(self._connection.execute(statement, values).lastrowid or 0)

    def run_many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Execute a statement for each of `rows`."""
        with self._lock:
            self._connection.executemany(statement, rows)

    def remembered(self, name: str, default: str) -> str:
        """A value that the first emulator on this file chose."""
        with self.transaction():
            self.run("INSERT OR IGNORE INTO meta VALUES (?, ?)", name, default)
            row = self.one("SELECT value FROM meta WHERE name = ?", name)
            return str(row["value"]) if row is not None else default

    def secret(self) -> bytes:
        """What signs this emulator's URLs."""
        return self.remembered("secret", secrets.token_hex(32)).encode()

    def name(self) -> str:
        """What tells this emulator's sandboxes from those of others."""
        return self.remembered("name", secrets.token_hex(4))

    def clock(self, clock: Clock) -> Clock:
        """Emulated time, gone on with where the last emulator on this file was, at the scale of `clock`."""
        first = json.dumps([clock.real_origin, clock.origin, clock.scale])
        real_origin, origin, scale = json.loads(self.remembered("clock", first))
        kept = Clock(real_origin, origin, scale, clock.source)
        if scale == clock.scale:
            return kept
        renewed = kept.at_scale(clock.scale)
        value = json.dumps([renewed.real_origin, renewed.origin, renewed.scale])
        self.run("UPDATE meta SET value = ? WHERE name = 'clock'", value)
        return renewed

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
