"""Uploads in progress: what has arrived of each is the file itself, so that a kill loses nothing that was written."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.store.blobs import Blobs
    from emulator.store.database import Database

_CONTENT_RANGE = re.compile(r"bytes (?:(?P<first>\d+)-(?P<last>\d+)|\*)/(?P<total>\d+|\*)")


@dataclass(frozen=True)
class Upload:
    """An upload.

    Args:
        token: its name in every later call.
        owner: whose it is.
        name: of the file.
        bytes: of the whole.
        created_at: when it was started.
        sha256: of the blob, once it is whole.
    """

    token: str
    owner: str
    name: str
    bytes: int
    created_at: float
    sha256: str | None


class Uploads:
    """The uploads of all users.

    Args:
        database: where they are noted.
        folder: where what has arrived lies.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, owner: str, name: str, size: int, created_at: float) -> Upload:
        """A new upload, of which nothing has arrived."""
        upload = Upload(secrets.token_urlsafe(24), owner, name, size, created_at, None)
        values = (upload.token, owner, name, size, created_at)
        self._database.run("INSERT INTO uploads VALUES (?, ?, ?, ?, ?, NULL)", *values)
        return upload

    def find(self, token: str) -> Upload | None:
        """The upload with that token."""
        row = self._database.one("SELECT * FROM uploads WHERE token = ?", token)
        return Upload(**dict(row)) if row is not None else None

    def path(self, upload: Upload) -> Path:
        """What has arrived of it."""
        return self._folder / upload.token

    def received(self, upload: Upload) -> int:
        """How many bytes have arrived."""
        if upload.sha256 is not None:
            return upload.bytes
        path = self.path(upload)
        return path.stat().st_size if path.exists() else 0

    def finish(self, upload: Upload, blobs: Blobs) -> str:
        """Make a whole upload a blob; return its digest."""
        path = self.path(upload)
        path.touch()
        digest, _ = blobs.adopt(path)
        self._database.run("UPDATE uploads SET sha256 = ? WHERE token = ?", digest, upload.token)
        return digest


def first_byte(content_range: str | None) -> int | None:
    """Where in the whole a body begins; None where the request only asks how much has arrived.

    Args:
        content_range: the header `Content-Range`, or None for a body that is the whole.

    Raises:
        ValueError: it is none.
    """
    if content_range is None:
        return 0
    match = _CONTENT_RANGE.fullmatch(content_range.strip())
    if match is None:
        raise ValueError(content_range)
    return None if match["first"] is None else int(match["first"])
