"""A replay buffer on Kaggle: what a session before was sent is mounted, and not sent again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from contract.errors import BackendError, RefusedError
from contract.states import State
from contract.storage import files, layout
from runner.backends.kaggle.calibration.facts import TAKEN, Facts
from runner.backends.kaggle.files.payload import dataset_files, replay_files
from runner.backends.kaggle.files.stores import MOST_STORES, Store, divided, read_stores
from runner.backends.kaggle.kernels.metadata import METADATA_FILE
from runner.backends.kaggle.tidying import tidy
from runner.stages.parent import ParentFiles
from tests.emulated import USER
from tests.runner.backends.kaggle.conftest import follow, own_kaggle
from tests.runner.conftest import job_json

if TYPE_CHECKING:
    from pathlib import Path

    from runner.layout import SessionFolder
    from tests.runner.backends.kaggle.conftest import Kaggle

SEGMENT_BYTES = 40_000
STORE_BYTES = 30_000
"""Less than a segment, so that each session's new ones are worth a dataset."""


@dataclass
class Buffer:
    """A replay buffer as it grows from session to session.

    Args:
        root: where its segments lie.
    """

    root: Path
    segments: list[Path] = field(default_factory=list)
    made: int = 0

    def fills(self, count: int, overwrites: int = 0) -> int:
        """A session adds segments, some in the places of the oldest; return how many bytes are new."""
        self.root.mkdir(exist_ok=True)
        for _ in range(count):
            content = random.Random(self.made).randbytes(SEGMENT_BYTES)
            self.made += 1
            self.segments.append(self.root / layout.segment_name(files.sha256_of_bytes(content)))
            self.segments[-1].write_bytes(content)
        del self.segments[:overwrites]
        return count * SEGMENT_BYTES

    def packaged(self, kaggle: Kaggle, job: str, number: int) -> tuple[SessionFolder, str]:
        """A session that goes on with it."""
        checkpoint = self.root / "checkpoint.zip"
        checkpoint.write_bytes(b"weights")
        parent = ParentFiles(
            f"{number - 1:04d}", 1, checkpoint, files.sha256_of_file(checkpoint), None, tuple(self.segments)
        )
        return kaggle.package(job, number, parent)


def runs(kaggle: Kaggle, folder: SessionFolder, key: str) -> None:
    """A session whose script finds every byte that was packaged."""
    backend = kaggle.backend(store_bytes=STORE_BYTES)
    status, log = follow(backend, backend.submit(folder, key))
    assert status.state is State.COMPLETE, log


def sent(kaggle: Kaggle) -> int:
    """Bytes of every file that was ever sent; a dataset's version keeps none of the one before."""
    emulator = kaggle.emulator.running.emulator
    rows = emulator.datasets.database.all("SELECT id FROM dataset_versions")
    return sum(file.bytes for row in rows for file in emulator.datasets.files(row["id"]))


def beside(folder: SessionFolder, key: str) -> int:
    """Bytes of what each session is sent whatever its buffer."""
    metadata = files.read_json(folder.package / METADATA_FILE)
    chosen = dataset_files(folder, metadata, key, replay_files(folder, metadata).keys())
    return sum(content.size for content in chosen.values())


def test_three_sessions_are_sent_what_is_new_and_the_rest_is_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_kaggle(tmp_path, monkeypatch) as kaggle:
        buffer = Buffer(tmp_path / "buffer")
        for number, (adds, overwrites) in enumerate(((6, 0), (2, 0), (2, 3)), start=2):
            new, before = buffer.fills(adds, overwrites), sent(kaggle)
            folder, key = buffer.packaged(kaggle, "grows", number)
            runs(kaggle, folder, key)
            assert new <= sent(kaggle) - before - beside(folder, key) <= 1.05 * new
        assert sum(path.stat().st_size for path in buffer.segments) == 7 * SEGMENT_BYTES, "sending all would not do"


def test_few_new_bytes_go_with_the_session_and_get_no_dataset(kaggle: Kaggle, tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer")
    buffer.fills(1)
    folder, key = buffer.packaged(kaggle, "small", 2)
    backend = kaggle.backend(store_bytes=SEGMENT_BYTES + 1)
    assert follow(backend, backend.submit(folder, key))[0].state is State.COMPLETE
    assert read_stores(kaggle.runs.backend("kaggle"), "relay-small").stores == ()


def test_what_was_removed_from_kaggle_is_sent_again(kaggle: Kaggle, tmp_path: Path) -> None:
    buffer, root = Buffer(tmp_path / "buffer"), kaggle.runs.backend("kaggle")
    buffer.fills(2)
    runs(kaggle, *buffer.packaged(kaggle, "removed", 2))
    (store,) = read_stores(root, "relay-removed").stores
    tidy(kaggle.backend().connection, root, [job_json("removed", backend="kaggle", kaggle={})], lambda: True)
    datasets = kaggle.emulator.running.emulator.datasets
    assert datasets.find(USER, store.slug) is None
    buffer.fills(1)
    runs(kaggle, *buffer.packaged(kaggle, "removed", 3))
    (again,) = read_stores(root, "relay-removed").stores
    assert len(again.held) == 3


def test_what_kaggle_lists_with_another_size_is_not_sent_again(kaggle: Kaggle, tmp_path: Path) -> None:
    buffer, root = Buffer(tmp_path / "buffer"), kaggle.runs.backend("kaggle")
    buffer.fills(2)
    folder, key = buffer.packaged(kaggle, "resized", 2)
    kaggle.backend(store_bytes=STORE_BYTES).prepare(folder, key)
    kaggle.emulator.running.emulator.datasets.database.run("UPDATE dataset_files SET bytes = bytes + 1")
    buffer.fills(1)
    folder, key = buffer.packaged(kaggle, "resized", 3)
    kaggle.backend(store_bytes=STORE_BYTES).prepare(folder, key)
    assert [len(store.held) for store in read_stores(root, "relay-resized").stores] == [2, 1]


def test_a_cut_between_the_upload_and_the_push_sends_nothing_again(kaggle: Kaggle, tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer")
    buffer.fills(2)
    folder, key = buffer.packaged(kaggle, "cut", 2)
    kaggle.backend(store_bytes=STORE_BYTES).prepare(folder, key)
    uploads = kaggle.calls("StartBlobUpload")
    # As if the kill had come before it was noted what lies there.
    (kaggle.runs.backend("kaggle") / "stores" / "relay-cut.json").unlink()
    runs(kaggle, folder, key)
    assert kaggle.calls("StartBlobUpload") == uploads


def test_a_session_that_did_not_find_them_is_followed_by_one_that_is_sent_all(kaggle: Kaggle, tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer")
    buffer.fills(2)
    folder, key = buffer.packaged(kaggle, "blind", 2)
    backend = kaggle.backend(store_bytes=STORE_BYTES, patience=0.2)
    backend.prepare(folder, key)
    (store,) = read_stores(kaggle.runs.backend("kaggle"), "relay-blind").stores
    emulator = kaggle.emulator.running.emulator
    dataset = emulator.datasets.find(USER, store.slug)
    assert dataset is not None
    (version,) = emulator.datasets.list_versions(dataset.id)
    emulator.datasets.database.run("DELETE FROM dataset_files WHERE version_id = ?", version.id)
    handle = backend.submit(folder, key)
    assert follow(backend, handle)[0].state is State.FAILED
    with pytest.raises(BackendError):
        backend.fetch(handle, folder.artifacts)
    runs(kaggle, *buffer.packaged(kaggle, "blind", 3))
    assert read_stores(kaggle.runs.backend("kaggle"), "relay-blind").are_found is False


def test_where_too_many_stores_hold_a_little_the_fuller_half_is_mounted() -> None:
    stores = [Store(f"s{number}", {}, frozenset({f"n{number}", "shared"})) for number in range(5)]
    wanted = {f"n{number}": 10 + number for number in range(5)} | {"shared": 1}
    division = divided(wanted, stores, most=4)
    assert [store.slug for store in division.mounted] == ["s4", "s3"]
    assert division.rest == {"n0", "n1", "n2"}
    assert divided(wanted, stores).rest == frozenset()
    assert divided({}, stores).mounted == ()
    assert divided(wanted, []).rest == wanted.keys()


def test_a_hundred_sessions_send_each_row_less_than_twice() -> None:
    for most_rows in (400, 10_000):
        stores: list[Store] = []
        sent = []
        for session in range(100):
            end = 20 * (session + 1)
            wanted = {f"n{row}": 1 for row in range(max(0, end - most_rows), end)}
            division = divided(wanted, stores)
            assert len(division.mounted) < MOST_STORES
            stores.append(Store(f"s{session}", {}, division.rest))
            sent.append(len(division.rest))
        assert sum(sent[:30]) == 30 * 20, "nothing twice as long as all are mounted"
        assert sum(sent) < 2 * 100 * 20


def test_too_many_files_are_refused_before_any_segment_is_sent(kaggle: Kaggle, tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "buffer")
    buffer.fills(2)
    folder, key = buffer.packaged(kaggle, "many", 2)
    payload = files.read_json(folder.payload / layout.PAYLOAD_FILE)
    for number in range(50):
        files.write_bytes(folder.payload / f"{number}.bundle", b"1")
        payload["files"][f"{number}.bundle"] = {"bytes": 1, "sha256": files.sha256_of_bytes(b"1")}
    files.write_json(folder.payload / layout.PAYLOAD_FILE, payload)
    with pytest.raises(BackendError, match="and Kaggle takes 50 in a dataset"):
        kaggle.backend(store_bytes=STORE_BYTES).prepare(folder, key)
    assert kaggle.calls("StartBlobUpload") == 0
    Facts("a", many_files=TAKEN).write(kaggle.runs.backend("kaggle"))
    with pytest.raises(RefusedError, match="at most 50 top-level files"):  # where they were taken Kaggle is asked
        kaggle.backend(store_bytes=STORE_BYTES).prepare(folder, key)


def test_what_cannot_be_read_was_never_there(tmp_path: Path) -> None:
    files.write_bytes(tmp_path / "stores" / "relay-cart.json", b"[1")
    assert read_stores(tmp_path, "relay-cart").stores == ()
