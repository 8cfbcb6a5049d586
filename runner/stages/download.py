"""The download stage: what the session left arrives whole, and is listed with its digests."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from contract.documents.runs import Execution, Manifest
from contract.errors import SessionLostError
from contract.events import say
from contract.storage import files
from contract.storage.coming_back import in_a_sentence
from runner.stages.package import entries_below

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.backends.base import Backend
    from runner.layout import SessionFolder


def download(folder: SessionFolder, backend: Backend) -> None:
    """Fetch the artifacts into `artifacts/` and write `manifest.json`, unless that is done.

    They arrive under another name, which is changed once they are there: a folder of artifacts is
    whole, and never written twice. Then the backend may forget the session.

    Args:
        folder: the session, executed.
        backend: where it ran.

    Raises:
        BackendError: the backend gives no answer, or refuses.
    """
    execution = Execution.read(folder.execution_json)
    if folder.manifest_json.exists():
        backend.release(execution.handle)
        return
    if not folder.artifacts.exists():
        folder.arriving_artifacts.mkdir(exist_ok=True)
        left_behind: Sequence[str] = ()
        with contextlib.suppress(SessionLostError):  # then what has arrived is all there will ever be
            left_behind = backend.fetch(execution.handle, folder.arriving_artifacts)
        if left_behind:
            say(f"session {folder.number} left more than comes back: {in_a_sentence(left_behind)}")
            files.write_json(folder.left_behind_json, list(left_behind))
        files.remove_leftovers(folder.arriving_artifacts)
        folder.arriving_artifacts.rename(folder.artifacts)
        files.fsync_directory(folder.path)
    Manifest(key=execution.key, files=entries_below(folder.artifacts)).write(folder.manifest_json)
    backend.release(execution.handle)
