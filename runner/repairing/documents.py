"""A session's documents made again from what is left of it: its package, its artifacts, the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from contract.documents.runs import Execution, FileEntry, Ledger, Manifest, Request, Submission
from contract.documents.session import Manifest as OwnManifest
from contract.documents.session import TrainingMetadata
from contract.errors import RelayError
from contract.states import State
from contract.storage import files, layout
from contract.storage.layout import Artifacts
from restore.documents import read_document
from restore.reading.spans import UnsoundError
from runner.record import read_record
from runner.stages.package import entries_below

if TYPE_CHECKING:
    from pathlib import Path

    from runner.verifying.sessions import SessionDocuments

_MOST_BYTES = 16 << 20
_LOST = "its record was damaged, and made again by `doit repair`"


class BeyondRepairError(RelayError):
    """Of a session too little is left to know what it was."""


def made_again(documents: SessionDocuments, job: str) -> tuple[SessionDocuments, dict[Path, bytes]]:
    """A session's documents up to its manifest, with those that could not be relied on made again, and these as bytes.

    Raises:
        BeyondRepairError: nothing tells what the session was.
    """
    bad = {each.path for each in documents.misfits}
    folder = documents.folder
    made: dict[Path, bytes] = {}
    if bad & {folder.request, folder.package_json}:
        documents = _from_its_script(documents, bad, made)
    if folder.ledger_json in bad:
        ledger = _ledger(documents)
        documents = replace(documents, ledger=ledger)
        made[folder.ledger_json] = _bytes(ledger)
    if folder.execution_json in bad:
        execution = _execution(documents, job)
        documents = replace(documents, execution=execution)
        made[folder.execution_json] = _bytes(execution)
    if folder.manifest_json in bad:
        manifest = _manifest(documents, job)
        documents = replace(documents, manifest=manifest)
        made[folder.manifest_json] = _bytes(manifest)
    return documents, made


def _bytes(document: msgspec.Struct) -> bytes:
    return files.readable_json(msgspec.to_builtins(document))


def _from_its_script(documents: SessionDocuments, bad: set[Path], made: dict[Path, bytes]) -> SessionDocuments:
    """Request and package: the script of a session tells both, byte by byte."""
    folder = documents.folder
    record = None
    if folder.script.exists():
        record = read_record(folder.script.read_text(encoding="utf-8", errors="replace"))
    if record is not None:
        told = {folder.request: record.request_json, folder.package_json: record.package_json}
        made.update({path: content for path, content in told.items() if path in bad})
        return replace(documents, request=record.request, package=record.package)
    sealed = folder.payload / layout.REQUEST_FILE
    if folder.package_json in bad or not sealed.exists():
        raise BeyondRepairError(f"session {documents.number}", "nothing that is left of it tells what it was")
    made[folder.request] = sealed.read_bytes()
    return replace(documents, request=Request.read(sealed))


def _key(documents: SessionDocuments) -> str:
    if documents.package is None:
        raise BeyondRepairError(f"session {documents.number}", "nothing that is left of it tells its key")
    return documents.package.key


def _ledger(documents: SessionDocuments) -> Ledger:
    """What is known of the submission: of one that has not ended, only that it may have been made."""
    package, execution = documents.package, documents.execution
    backend = str(package.job["backend"]) if package is not None else "local"
    ledger = Ledger(key=_key(documents), backend=execution.backend if execution is not None else backend)
    if execution is None:
        return ledger
    return msgspec.structs.replace(
        ledger, entry=Submission.ENDED, handle=execution.handle, cancel_requested=execution.cancel_requested
    )


def _execution(documents: SessionDocuments, job: str) -> Execution:
    """How it ended, by what the session itself says."""
    ledger = documents.ledger or _ledger(documents)
    try:
        own = read_document(Artifacts(documents.folder.artifacts, job).metadata, TrainingMetadata, _MOST_BYTES)
        has_ended_well = own.interrupted_by is None and own.error is None
    except (OSError, UnsoundError):
        has_ended_well = False
    return Execution(
        key=_key(documents),
        backend=ledger.backend,
        handle=ledger.handle or _key(documents),
        state=State.COMPLETE if has_ended_well else State.FAILED,
        reason=None if has_ended_well else _LOST,
        cancel_requested=ledger.cancel_requested,
    )


def _manifest(documents: SessionDocuments, job: str) -> Manifest:
    """What arrived: as the session itself listed it, where it says so; all else as it is there now."""
    there = entries_below(documents.folder.artifacts).items()
    listed = {name: each for name, each in there if not name.rpartition("/")[2].startswith(files.TEMPORARY_PREFIX)}
    try:
        own = read_document(Artifacts(documents.folder.artifacts, job).manifest, OwnManifest, _MOST_BYTES)
    except (OSError, UnsoundError):
        own = None
    if own is not None and own.key == _key(documents):
        listed |= {name: FileEntry(bytes=each.bytes, sha256=each.sha256) for name, each in own.files.items()}
    return Manifest(key=_key(documents), files=listed)
