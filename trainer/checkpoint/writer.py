"""Writes artifacts in a thread of its own, in order, so that training does not wait for the disk."""

from __future__ import annotations

import contextlib
import errno
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from contract.documents.session import CheckpointRecord, FileEntry, Manifest, Replay, TrainingMetadata
from contract.errors import SessionError
from contract.storage import files, layout
from trainer.checkpoint import zip_file
from trainer.checkpoint.segments import unnamed_segments
from trainer.metrics.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from contract.storage.layout import Artifacts
    from trainer.checkpoint.replay_buffer import Rows
    from trainer.checkpoint.segments import SegmentStore
    from trainer.checkpoint.zip_file import Contents

MOST_PENDING = 8
MOST_PENDING_BYTES = 256 << 20
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
        self._replays: dict[Path, Replay | None] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="artifacts")
        self._pending: list[_Pending] = []
        self._is_sealed = False
        self.metrics = Lines(artifacts.metrics)
        """What the session measures."""
        self._showing: Future[None] | None = None
        self.longest_write = 0.0
        """Seconds that the slowest of all writes took."""

    def submit(self, write: Callable[[], object], held_bytes: int = 0) -> None:
        """Run `write` after everything submitted before it.

        Args:
            write: what to do.
            held_bytes: the memory that it keeps until it is done.

        Raises:
            SessionError: an earlier write failed; the files before it are whole.
        """
        self._collect(most=MOST_PENDING - 1, most_bytes=max(0, MOST_PENDING_BYTES - held_bytes))
        self._pending.append(_Pending(self._thread.submit(self._timed, write), held_bytes))

    def drain(self) -> None:
        """Wait until everything is on disk.

        Raises:
            SessionError: a write failed; the files before it are whole.
        """
        self._collect(most=0, most_bytes=0)

    def publish_last(self, metadata: TrainingMetadata, seconds: float) -> bool:
        """Publish metadata from beside the thread that trains, which may hang, and let nothing be written after it.

        Args:
            metadata: what the session was.
            seconds: for which this waits.

        Returns:
            Whether it is on the disk, and everything submitted before it too.
        """

        def write() -> None:
            self.publish(metadata, complete=True)
            self._is_sealed = True

        try:
            self._thread.submit(write).result(seconds)
        except (OSError, TimeoutError, RuntimeError):
            return False
        return True

    def close(self) -> None:
        """Let the thread end, once everything is written."""
        self._thread.shutdown()
        self.metrics.close()

    def show_metrics(self) -> None:
        """Have what was measured written soon, unless that is under way; nobody waits for it."""
        if self._showing is None or self._showing.done():
            self._showing = self._thread.submit(self._timed, self.metrics.write)

    def put_metrics(self) -> None:
        """Write what was measured so far, durably; call it from within `submit`."""
        self.metrics.write(durably=True)

    def put(self, target: Path, content: bytes) -> None:
        """Write one artifact at once; call it from within `submit`."""
        files.write_bytes(target, content)
        self._entries[self._name(target)] = zip_file.file_entry(content)

    def put_checkpoint(self, target: Path, contents: Contents, record: CheckpointRecord) -> int:
        """Pack and write a checkpoint at once, and give its size in bytes; call it from within `submit`."""
        packed = zip_file.pack(contents, record)
        self.put(target, packed)
        self._replays[target] = record.replay
        return len(packed)

    def put_rows(self, store: SegmentStore, rows: Rows) -> None:
        """Write rows of a replay buffer at once; call it from within `submit`."""
        self._note(store.put(rows.first_row, rows.count, rows.raw))

    def adopt_segments(self, store: SegmentStore, replay: Replay, source: Path) -> None:
        """Take over the parent's segments at once; call it from within `submit`."""
        for segment in replay.segments:
            self._note(store.adopt(segment, source / layout.segment_name(segment.sha256)))

    def rotate(self, store: SegmentStore | None = None) -> None:
        """Remove surplus checkpoints, and the segments that none needs any more; call it from within `submit`."""
        for removed in zip_file.rotate(self.artifacts):
            self._entries.pop(self._name(removed), None)
            self._replays.pop(removed, None)
        if store is not None:
            for removed in unnamed_segments(self.artifacts.replay, [*self._replays.values(), store.replay()]):
                removed.unlink(missing_ok=True)
                self._entries.pop(self._name(removed), None)

    def publish(self, metadata: TrainingMetadata, *, complete: bool = False) -> None:
        """Write metadata and then the manifest at once; call it from within `submit`.

        `complete` says that nothing will be written after it.
        """
        self.put_metrics()
        if complete:
            self._list_metrics()
        self.put(self.artifacts.metadata, metadata.model_dump_json(indent=2).encode())
        manifest = Manifest(key=self._key, complete=complete, files=dict(sorted(self._entries.items())))
        files.write_json(self.artifacts.manifest, manifest.model_dump(mode="json"))

    def _list_metrics(self) -> None:
        """Until now the file has grown all the time, and no digest of it would have held."""
        self.metrics.close()
        with contextlib.suppress(OSError):
            path = self.metrics.path
            entry = FileEntry(bytes=path.stat().st_size, sha256=files.sha256_of_file(path))
            self._entries[self._name(path)] = entry

    def _name(self, path: Path) -> str:
        return path.relative_to(self.artifacts.root).as_posix()

    def _note(self, written: tuple[Path, FileEntry] | None) -> None:
        if written is not None:
            path, entry = written
            self._entries[self._name(path)] = entry

    def _timed(self, write: Callable[[], object]) -> None:
        if self._is_sealed:
            return
        began = time.monotonic()
        write()
        self.longest_write = max(self.longest_write, time.monotonic() - began)

    def _collect(self, *, most: int, most_bytes: int) -> None:
        failed: OSError | None = None
        while self._pending:
            held = sum(each.held_bytes for each in self._pending)
            if len(self._pending) <= most and held <= most_bytes and not self._pending[0].written.done():
                break
            try:
                self._pending.pop(0).written.result()
            except OSError as error:
                failed = failed or error
        if failed:
            raise _failed_write(failed) from failed


class _Pending(NamedTuple):
    written: Future[None]
    held_bytes: int


def _failed_write(error: OSError) -> SessionError:
    subject = layout.CHECKPOINTS_FOLDER if error.filename is None else str(error.filename)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        problem = "cannot be written: the disk is full; the last good checkpoint is intact"
        return SessionError(subject, problem, "free some space and resume")
    return SessionError(subject, f"cannot be written: {error.strerror or error}", "the last good checkpoint is intact")
