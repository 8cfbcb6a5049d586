"""What was given up of a session to make room, `removed.json` in its folder: written before it goes."""

from __future__ import annotations

from contract.documents.typed_json import Document, Value


class RemovedFile(Value, frozen=True, kw_only=True):
    """A file that was given up.

    Args:
        bytes, sha256: of it, as it was adopted or packaged; whoever finds it elsewhere can tell it by them.
        at: when, in UTC, ISO 8601.
        why: for people, in a few words.
    """

    bytes: int
    sha256: str
    at: str
    why: str


class Removed(Document, frozen=True, kw_only=True):
    """What `doit gc` removed of a session. It stands here before it goes, so that a file may still be there.

    A file of a session that is neither there nor here is missing.

    Args:
        files: by the path from the session's folder, with forward slashes.
    """

    files: dict[str, RemovedFile]
