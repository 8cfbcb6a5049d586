"""doit's memory of what is up to date, written through: a kill loses the running task and no other."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from doit.dependency import DatabaseException, SqliteDB

if TYPE_CHECKING:
    import sqlite3

_BUSY_MILLISECONDS = 10_000
_MAGIC = b"SQLite format 3\0"
_LAST_OF_A_TASK = frozenset({"deps:", "ignore:"})


class WriteThrough(SqliteDB):  # type: ignore[misc] # doit is untyped
    """doit's sqlite3 backend, except that a task's state is committed when the task succeeds.

    doit writes its state when a run ends, so SIGKILL or SIGTERM loses all of it
    (https://github.com/pydoit/doit/issues/463).
    """

    NAME: ClassVar = "write_through"
    desc = "sqlite3, written after each task"

    def _sqlite3(self, name: str) -> sqlite3.Connection:
        try:
            connection: sqlite3.Connection = super()._sqlite3(name)
        except DatabaseException:
            if _is_a_database(Path(name)):
                raise  # perhaps another doit holds it
            _put_aside(Path(name))
            connection = super()._sqlite3(name)
        connection.execute("pragma journal_mode=wal")
        connection.execute(f"pragma busy_timeout={_BUSY_MILLISECONDS}")
        connection.commit()
        return connection

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Store a value; the last one that doit stores of a task commits them all."""
        super().set(task_id, dependency, value)
        if dependency in _LAST_OF_A_TASK:
            encoded = self.codec.encode(self._cache[task_id])
            if self._get_task_data(task_id) != self.codec.decode(encoded):
                self._conn.execute("insert or replace into doit values (?,?)", (task_id, encoded))
                self._conn.commit()
            self._dirty.discard(task_id)

    def remove(self, task_id: str) -> None:
        """Forget a task at once."""
        super().remove(task_id)
        self._conn.commit()


def _is_a_database(file: Path) -> bool:
    """Whether a file begins as those of SQLite do (https://www.sqlite.org/fileformat.html)."""
    with file.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def _put_aside(damaged: Path) -> None:
    """Make room for a new memory: what the sessions are is in `runs/`, and stages that are done do nothing again."""
    aside = damaged.with_name(f"{damaged.name}.damaged")
    damaged.replace(aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            damaged.with_name(damaged.name + suffix).unlink()
    sys.stderr.write(f"{damaged.name} was damaged and is now {aside.name}; nothing is lost\n")
