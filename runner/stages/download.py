"""The download stage: what the session left arrives whole, and is listed with its digests."""

from __future__ import annotations

import shutil
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
        folder.nothing_came_json.unlink(missing_ok=True)
        left_behind: Sequence[str] = ()
        try:
            left_behind = backend.fetch(execution.handle, folder.arriving_artifacts)
        except SessionLostError as lost:  # then what has arrived is all there is, as far as anybody knows
            say(f"session {folder.number} {lost.problem}; `doit collect` and whatever runs next look again")
            files.write_json(folder.nothing_came_json, lost.problem)
        if left_behind:
            say(f"session {folder.number} left more than comes back: {in_a_sentence(left_behind)}")
            files.write_json(folder.left_behind_json, list(left_behind))
        _put_in_place(folder)
    _list(folder, execution.key)
    backend.release(execution.handle)


def look_again(folder: SessionFolder, backend: Backend) -> bool:
    """Fetch what a session left after all; where that is something, it is yet to be validated and adopted.

    Args:
        folder: a session of which nothing came, and after which there is none.
        backend: where it ran.

    Raises:
        BackendError: the backend gives no answer, or refuses.
    """
    execution = Execution.read(folder.execution_json)
    shutil.rmtree(folder.arriving_artifacts, ignore_errors=True)
    folder.arriving_artifacts.mkdir()
    try:
        left_behind = backend.fetch(execution.handle, folder.arriving_artifacts)
    except SessionLostError:
        shutil.rmtree(folder.arriving_artifacts)
        return False
    say(f"session {folder.number} has left something after all")
    if left_behind:
        files.write_json(folder.left_behind_json, list(left_behind))
    # From the last file to the first, so that a kill leaves a session that is only to be downloaded.
    for document in (folder.restored_json, folder.report_json, folder.manifest_json):
        document.unlink(missing_ok=True)
    shutil.rmtree(folder.artifacts, ignore_errors=True)
    _put_in_place(folder)
    _list(folder, execution.key)
    folder.nothing_came_json.unlink(missing_ok=True)
    return True


def _put_in_place(folder: SessionFolder) -> None:
    """Give what has arrived the name under which it counts."""
    files.remove_leftovers(folder.arriving_artifacts)
    folder.arriving_artifacts.rename(folder.artifacts)
    files.fsync_directory(folder.path)


def _list(folder: SessionFolder, key: str) -> None:
    Manifest(key=key, files=entries_below(folder.artifacts)).write(folder.manifest_json)
