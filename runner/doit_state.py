"""doit's memory of what is up to date, written through: a kill loses the running task and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doit.dependency import SqliteDB

if TYPE_CHECKING:
    import sqlite3

_BUSY_MILLISECONDS = 10_000
_LAST_OF_A_TASK = frozenset({"deps:", "ignore:"})


class WriteThrough(SqliteDB):  # type: ignore[misc] # doit is untyped
    """doit's sqlite3 backend, except that a task's state is committed when the task succeeds.

    doit writes its state when a run ends, so SIGKILL or SIGTERM loses all of it
    (https://github.com/pydoit/doit/issues/463).
    """

    desc = "sqlite3, written after each task"

    def _sqlite3(self, name: str) -> sqlite3.Connection:
        connection: sqlite3.Connection = super()._sqlite3(name)
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
