"""The ledger of a session: how far its submission got. Written before and after each step outside."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

from contract import files
from runner.lineage import FORMAT, read_document

if TYPE_CHECKING:
    from pathlib import Path


class Entry(enum.StrEnum):
    """SUBMITTING: perhaps it was, perhaps not; SUBMITTED: it was; ENDED: its outcome is known."""

    SUBMITTING = "SUBMITTING"
    SUBMITTED = "SUBMITTED"
    ENDED = "ENDED"


@dataclass(frozen=True)
class Ledger:
    """What is known of a submission.

    Args:
        key: the session's.
        backend: the name of the backend that it went to.
        entry: how far it got.
        handle: the backend's reference, once submitted.
        cancel_requested: whether the user asked it to stop.
    """

    key: str
    backend: str
    entry: Entry = Entry.SUBMITTING
    handle: str | None = None
    cancel_requested: bool = False

    def submitted(self, handle: str) -> Ledger:
        """The ledger once the backend has given `handle`."""
        return replace(self, entry=Entry.SUBMITTED, handle=handle)

    def ended(self) -> Ledger:
        """The ledger once the session has ended."""
        return replace(self, entry=Entry.ENDED)

    def write(self, path: Path) -> Ledger:
        """Put it on disk, durably, and return it."""
        files.write_json(path, {"format": FORMAT, **asdict(self)})
        return self


def read_ledger(path: Path) -> Ledger | None:
    """The ledger at `path`, or None before the first submission."""
    if not path.exists():
        return None
    document = read_document(path)
    known = {field.name: document[field.name] for field in fields(Ledger)}
    return Ledger(**{**known, "entry": Entry(known["entry"])})
