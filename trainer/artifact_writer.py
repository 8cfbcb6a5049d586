"""Writes artifacts in a thread of its own, in order, so that training does not wait for the disk."""

from __future__ import annotations

import errno
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from trainer import checkpoint, files, layout
from trainer.errors import SessionError
from trainer.records import FileEntry, Manifest, TrainingMetadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trainer.layout import Artifacts

MOST_PENDING = 2
"""Writes that may wait; beyond these training waits for the disk, so that memory stays bounded."""


class ArtifactWriter:
    """The one writer of a session's artifacts, and the author of their manifest.

    Args:
        artifacts: where they lie.
        key: the session's key.
    """

    def __init__(self, artifacts: Artifacts, key: str) -> None:
        self.artifacts = artifacts
        self._key = key
        self._entries: dict[str, FileEntry] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="artifacts")
        self._pending: list[Future[None]] = []

    def submit(self, write: Callable[[], None]) -> None:
        """Run `write` after everything submitted before it.

        Raises:
            SessionError: an earlier write failed; the files before it are whole.
        """
        self._collect(leaving=MOST_PENDING - 1)
        self._pending.append(self._thread.submit(write))

    def drain(self) -> None:
        """Wait until everything is on disk.

        Raises:
            SessionError: a write failed; the files before it are whole.
        """
        self._collect(leaving=0)

    def put(self, target: Path, content: bytes) -> None:
        """Write one artifact at once; call it from within `submit`."""
        files.write_bytes(target, content)
        self._entries[self._name(target)] = checkpoint.entry_of(content)

    def rotate(self) -> None:
        """Remove surplus checkpoints at once; call it from within `submit`."""
        for removed in checkpoint.rotate(self.artifacts):
            self._entries.pop(self._name(removed), None)

    def publish(self, metadata: TrainingMetadata, *, complete: bool = False) -> None:
        """Write metadata and then the manifest at once; call it from within `submit`.

        `complete` says that nothing will be written after it.
        """
        self.put(self.artifacts.metadata, metadata.model_dump_json(indent=2).encode())
        manifest = Manifest(key=self._key, complete=complete, files=dict(sorted(self._entries.items())))
        files.write_json(self.artifacts.manifest, manifest.model_dump(mode="json"))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.artifacts.root).as_posix()

    def _collect(self, *, leaving: int) -> None:
        failed: OSError | None = None
        while self._pending and (len(self._pending) > leaving or self._pending[0].done()):
            try:
                self._pending.pop(0).result()
            except OSError as error:
                failed = failed or error
        if failed:
            raise _failed_write(failed) from failed


def _failed_write(error: OSError) -> SessionError:
    subject = layout.CHECKPOINTS_FOLDER if error.filename is None else str(error.filename)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        problem = "cannot be written: the disk is full; the last good checkpoint is intact"
        return SessionError(subject, problem, "free some space and resume")
    return SessionError(subject, f"cannot be written: {error.strerror or error}", "the last good checkpoint is intact")
