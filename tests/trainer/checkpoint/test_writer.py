"""Artifacts are written in order, beside the training; the manifest comes last and lists what is there."""

from __future__ import annotations

import errno
import functools
import threading
import time
from typing import TYPE_CHECKING

import pytest

from contract.documents.metrics import Row
from contract.documents.session import Manifest
from contract.errors import SessionError
from contract.storage import files
from contract.storage.layout import Artifacts
from restore.metrics import parse_row
from tests.trainer.conftest import JOB, job_values
from trainer.checkpoint.writer import MOST_PENDING, ArtifactWriter
from trainer.checkpoint.zip_file import file_entry
from trainer.progress import Progress
from trainer.session_input import read_session_input

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trainer.conftest import Relay

KEY = "d" * 64


@pytest.fixture
def writer(tmp_path: Path) -> ArtifactWriter:
    return ArtifactWriter(Artifacts(tmp_path / "artifacts", JOB), KEY)


@pytest.fixture
def progress(relay: Relay) -> Progress:
    return Progress(read_session_input(relay.input(job_values())))


def manifest(writer: ArtifactWriter) -> Manifest:
    return Manifest.model_validate(files.read_json(writer.artifacts.manifest))


def put(writer: ArtifactWriter, timesteps: int) -> None:
    writer.put(writer.artifacts.checkpoint(timesteps), f"checkpoint at {timesteps}".encode())


def fail(number: int, name: str | None = "/artifacts/model.zip") -> None:
    raise OSError(number, "something", name)


def test_writes_happen_beside_the_caller_and_in_order(writer: ArtifactWriter) -> None:
    gate, order = threading.Event(), []
    writer.submit(lambda: order.append(f"first {gate.wait(30)}"))
    for number in range(1, MOST_PENDING):
        writer.submit(functools.partial(order.append, str(number)))
    assert order == []
    gate.set()
    writer.drain()
    assert order == ["first True", *map(str, range(1, MOST_PENDING))]


def test_training_waits_for_a_disk_that_falls_behind(writer: ArtifactWriter) -> None:
    gate, order = threading.Event(), []

    def write(number: int) -> None:
        order.append((number, gate.wait(30)))

    threading.Timer(0.2, gate.set).start()
    for number in range(MOST_PENDING + 1):
        writer.submit(functools.partial(write, number))
    assert order[0] == (0, True)
    writer.drain()
    assert order == [(number, True) for number in range(MOST_PENDING + 1)]


def test_the_manifest_lists_what_is_there(writer: ArtifactWriter, progress: Progress) -> None:
    for timesteps in (1, 2, 10):
        writer.submit(functools.partial(put, writer, timesteps))
    writer.submit(writer.rotate)
    writer.submit(functools.partial(writer.publish, progress.metadata()))
    writer.drain()
    listed = manifest(writer)
    assert (listed.key, listed.complete) == (KEY, False)
    found = [path for path in writer.artifacts.root.rglob("*") if path.is_file() and path != writer.artifacts.manifest]
    assert listed.files == {
        path.relative_to(writer.artifacts.root).as_posix(): file_entry(path.read_bytes()) for path in found
    }
    assert len(found) == 3


def test_the_manifest_is_written_last(
    writer: ArtifactWriter, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = files.write_bytes

    def watched(target: Path, content: bytes) -> None:
        written.append(target.name)
        write(target, content)

    monkeypatch.setattr(files, "write_bytes", watched)
    put(writer, 5)
    writer.publish(progress.metadata(), complete=True)
    assert written == [f"{JOB}_checkpoint_5_steps.zip", "training_metadata.json", "manifest.json"]
    assert manifest(writer).complete


FULL = "cannot be written: the disk is full; the last good checkpoint is intact; free some space and resume"
BROKEN = "cannot be written: something; the last good checkpoint is intact"


@pytest.mark.parametrize(("number", "sentence"), [(errno.ENOSPC, FULL), (errno.EDQUOT, FULL), (errno.EIO, BROKEN)])
def test_a_failed_write_is_one_sentence(writer: ArtifactWriter, number: int, sentence: str) -> None:
    writer.submit(functools.partial(fail, number))
    with pytest.raises(SessionError) as caught:
        writer.drain()
    assert str(caught.value) == f"/artifacts/model.zip: {sentence}"


def test_a_failed_write_without_a_name_is_about_the_checkpoints(writer: ArtifactWriter) -> None:
    writer.submit(functools.partial(fail, errno.ENOSPC, None))
    with pytest.raises(SessionError, match=r"^checkpoints: cannot be written: the disk is full"):
        writer.drain()


def test_a_failure_is_told_once_and_what_follows_is_written_all_the_same(writer: ArtifactWriter) -> None:
    gate, done = threading.Event(), []

    def write_and_fail_after() -> None:
        done.append(gate.wait(30))
        fail(errno.EIO, "file 1")

    writer.submit(write_and_fail_after)
    writer.submit(functools.partial(fail, errno.EIO, "file 2"))
    gate.set()
    with pytest.raises(SessionError, match="file 1"):
        writer.drain()
    writer.submit(lambda: done.append(True))
    writer.drain()
    assert done == [True, True]


def test_training_hears_of_a_failure_at_a_later_write(writer: ArtifactWriter) -> None:
    def write_on() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            writer.submit(lambda: None)

    writer.submit(functools.partial(fail, errno.ENOSPC))
    with pytest.raises(SessionError, match="the disk is full"):
        write_on()


def test_an_error_of_our_own_is_not_dressed_up(writer: ArtifactWriter) -> None:
    def forget() -> None:
        raise KeyError

    writer.submit(forget)
    with pytest.raises(KeyError):
        writer.drain()


def row(timesteps: int) -> Row:
    return Row("log", timesteps, 1.0, {"train/loss": 0.5})


def test_what_was_measured_is_shown_while_the_training_goes_on(writer: ArtifactWriter) -> None:
    gate = threading.Event()
    writer.submit(gate.wait)
    for timesteps in (16, 32):
        writer.metrics.note(row(timesteps))
        writer.show_metrics()  # the second time it is under way
    assert not writer.artifacts.metrics.exists()
    gate.set()
    writer.close()
    assert [parse_row(line) for line in writer.artifacts.metrics.read_bytes().splitlines()] == [row(16), row(32)]


def test_the_last_manifest_holds_for_what_was_measured_and_nothing_comes_after_it(
    writer: ArtifactWriter, progress: Progress
) -> None:
    writer.metrics.note(row(16))
    writer.submit(functools.partial(writer.publish, progress.metadata()))
    writer.drain()
    assert "training_metrics.jsonl" not in manifest(writer).files
    writer.metrics.note(row(32))
    assert writer.publish_last(progress.metadata(), 30)
    writer.metrics.note(row(48))
    writer.show_metrics()
    writer.close()
    path = writer.artifacts.metrics
    assert path.read_bytes().count(b"\n") == 2
    assert manifest(writer).files[path.name].sha256 == files.sha256_of_file(path)
