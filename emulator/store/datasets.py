"""Datasets, their versions and files in the database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.store.values import Dataset, DatasetVersion, StoredFile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from emulator.store.database import Database


class DatasetStore:
    """Reads and writes datasets.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def find(self, owner: str, slug: str) -> Dataset | None:
        """The dataset `owner/slug`, whatever the case."""
        row = self.database.one("SELECT * FROM datasets WHERE owner = ? AND slug = ?", owner.lower(), slug.lower())
        return _dataset(row) if row is not None else None

    def by_id(self, dataset_id: int) -> Dataset | None:
        """The dataset with that number."""
        row = self.database.one("SELECT * FROM datasets WHERE id = ?", dataset_id)
        return _dataset(row) if row is not None else None

    def all(self) -> list[Dataset]:
        """Every dataset, the newest first."""
        return [_dataset(row) for row in self.database.all("SELECT * FROM datasets ORDER BY id DESC")]

    def create(self, new: Dataset) -> Dataset:
        """A new dataset without versions; the number of `new` is not used."""
        number = self.database.run(
            "INSERT INTO datasets (owner, slug, title, is_private, license_name, created_at, settings)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            new.owner,
            new.slug,
            new.title,
            new.is_private,
            new.license_name,
            new.created_at,
            json.dumps(new.settings),
        )
        created = self.by_id(number)
        assert created is not None  # noqa: S101 - it was inserted
        return created

    def describe(self, dataset: Dataset) -> None:
        """Write what `dataset` says of itself."""
        self.database.run(
            "UPDATE datasets SET title = ?, is_private = ?, license_name = ?, settings = ? WHERE id = ?",
            dataset.title,
            dataset.is_private,
            dataset.license_name,
            json.dumps(dataset.settings),
            dataset.id,
        )

    def delete(self, dataset_id: int) -> None:
        """Remove a dataset with all its versions."""
        self.database.run("DELETE FROM datasets WHERE id = ?", dataset_id)

    def add_version(
        self, dataset_id: int, notes: str, contents: Sequence[StoredFile], created_at: float, ready_at: float
    ) -> DatasetVersion:
        """The dataset's next version."""
        with self.database.transaction():
            row = self.database.one(
                "SELECT COALESCE(MAX(number), 0) + 1 AS next FROM dataset_versions WHERE dataset_id = ?", dataset_id
            )
            number = int(row["next"]) if row is not None else 1
            total = sum(each.bytes for each in contents)
            version = self.database.run(
                "INSERT INTO dataset_versions (dataset_id, number, notes, created_at, ready_at, total_bytes)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                *(dataset_id, number, notes, created_at, ready_at, total),
            )
            rows = [(version, each.path, each.sha256, each.bytes, each.created_at) for each in contents]
            self.database.run_many("INSERT INTO dataset_files VALUES (?, ?, ?, ?, ?)", rows)
        return DatasetVersion(version, dataset_id, number, notes, created_at, ready_at, total)

    def remove_versions_before(self, dataset_id: int, number: int) -> None:
        """Remove a dataset's versions below `number`."""
        self.database.run("DELETE FROM dataset_versions WHERE dataset_id = ? AND number < ?", dataset_id, number)

    def list_versions(self, dataset_id: int) -> list[DatasetVersion]:
        """A dataset's versions, the newest first."""
        rows = self.database.all("SELECT * FROM dataset_versions WHERE dataset_id = ? ORDER BY number DESC", dataset_id)
        return [DatasetVersion(**dict(row)) for row in rows]

    def ready_version(self, dataset_id: int, now: float, number: int | None = None) -> DatasetVersion | None:
        """The version with that number, or the newest, that is ready at the emulated time `now`."""
        ready = (each for each in self.list_versions(dataset_id) if each.ready_at <= now)
        return next((each for each in ready if number is None or each.number == number), None)

    def files(self, version: int) -> list[StoredFile]:
        """The files of the version with that id, by path."""
        rows = self.database.all("SELECT * FROM dataset_files WHERE version_id = ? ORDER BY path", version)
        return [StoredFile(row["path"], row["sha256"], row["bytes"], row["created_at"]) for row in rows]


def _dataset(row: sqlite3.Row) -> Dataset:
    settings: dict[str, Any] = json.loads(row["settings"])
    return Dataset(
        id=row["id"],
        owner=row["owner"],
        slug=row["slug"],
        title=row["title"],
        is_private=bool(row["is_private"]),
        license_name=row["license_name"],
        created_at=row["created_at"],
        settings=settings,
    )
