"""doit's memory of what is up to date, written through: a kill loses the running task and no other."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from doit.dependency import DatabaseException, SqliteDB

from runner.doit.selection import TASKS_WITH_JOBS

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUSY_MILLISECONDS = 10_000
_MAGIC = b"SQLite format 3\0"
_WHY = "what is done is looked at again, and nothing is lost"
_IGNORED = "ignore:"
_LAST_OF_A_TASK = frozenset({"deps:", _IGNORED})


class WriteThrough(SqliteDB):  # type: ignore[misc] # doit is untyped
    """doit's sqlite3 backend, except that a task's state is committed when the task succeeds.

    doit writes its state when a run ends, so SIGKILL or SIGTERM loses all of it
    (https://github.com/pydoit/doit/issues/463).
    """

    NAME: ClassVar = "write_through"
    desc = "sqlite3, written after each task"

    def _sqlite3(self, name: str) -> sqlite3.Connection:
        self._is_lost = False
        try:
            return self._written_through(name)
        except (DatabaseException, sqlite3.Error, OSError) as error:
            if not isinstance(error, OSError) and _is_something_else(Path(name)):
                _put_aside(Path(name))
                return self._written_through(name)
            # Perhaps another doit holds it; or no file can be written here, or locked.
            self._say_lost(name, error)
            memory: sqlite3.Connection = super()._sqlite3(":memory:")
            _remember(Path(name), memory)
            return memory

    def _written_through(self, name: str) -> sqlite3.Connection:
        connection: sqlite3.Connection = super()._sqlite3(name)
        connection.execute(f"pragma busy_timeout={_BUSY_MILLISECONDS}")
        with contextlib.suppress(sqlite3.OperationalError):  # a file system without shared memory has no such journal
            connection.execute("pragma journal_mode=wal")
        connection.commit()
        connection.execute("begin immediate")  # whether it can be written is found out now
        connection.rollback()
        return connection

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Store a value; the last one that doit stores of a task commits them all.

        Of our commands nothing is stored, since they run whenever they are asked for: a file that is synced for each
        job would be most of what a command about thousands costs.
        """
        if task_id.partition(":")[0] in TASKS_WITH_JOBS and dependency != _IGNORED:
            return
        super().set(task_id, dependency, value)
        if dependency in _LAST_OF_A_TASK:
            encoded = self.codec.encode(self._cache[task_id])
            with self._going_on():
                if self._get_task_data(task_id) != self.codec.decode(encoded):
                    self._conn.execute("insert or replace into doit values (?,?)", (task_id, encoded))
                    self._conn.commit()
            self._dirty.discard(task_id)

    def remove(self, task_id: str) -> None:
        """Forget a task at once."""
        with self._going_on():
            super().remove(task_id)
            self._conn.commit()

    def dump(self) -> None:
        """Store what is left and close the file."""
        with self._going_on():
            super().dump()

    @contextlib.contextmanager
    def _going_on(self) -> Iterator[None]:
        """Go on where the disk is full: a memory that is lost costs time, and stages that are done do nothing again."""
        try:
            yield
        except sqlite3.Error as error:
            if not self._is_lost:
                self._say_lost(self.name, error)

    def _say_lost(self, name: str, error: Exception) -> None:
        self._is_lost = True
        reason = str(error).rpartition("Original error: ")[2]
        sys.stderr.write(f"{name}: doit cannot keep its memory here ({reason}); {_WHY}\n")


def _remember(file: Path, memory: sqlite3.Connection) -> None:
    """Fill `memory` with what `file` holds, where that may only be read, and nobody is writing it."""
    journal = file.with_name(f"{file.name}-wal")
    with contextlib.suppress(sqlite3.Error, OSError):
        effective = os.access in os.supports_effective_ids
        if os.access(file, os.W_OK, effective_ids=effective) or (journal.exists() and journal.stat().st_size):
            return
        address = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as known:
            rows = known.execute("select task_id, task_data from doit").fetchall()
        memory.executemany("insert or replace into doit values (?,?)", rows)
        memory.commit()


def _is_something_else(file: Path) -> bool:
    """Whether a file is there and begins as none of SQLite's does (https://www.sqlite.org/fileformat.html)."""
    try:
        with file.open("rb") as stream:
            return stream.read(len(_MAGIC)) not in (_MAGIC, b"")
    except OSError:
        return False


def _put_aside(damaged: Path) -> None:
    """Make room for a new memory: what the sessions are is in `runs/`, and stages that are done do nothing again."""
    aside = damaged.with_name(f"{damaged.name}.damaged")
    damaged.replace(aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            damaged.with_name(damaged.name + suffix).unlink()
    sys.stderr.write(f"{damaged.name} was damaged and is now {aside.name}; nothing is lost\n")
