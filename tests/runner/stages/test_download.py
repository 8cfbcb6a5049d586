"""Artifacts arrive whole, once, and the backend forgets them only afterwards."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import FileEntry, Manifest
from contract.errors import BackendError, BackendUnreachableError, SessionLostError
from contract.storage import files
from executors.base import Closeable
from runner.lineage import Phase
from runner.stages.download import download, look_again

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from executors.base import Status
    from runner.backends.base import Check, Origin, Provisions
    from runner.layout import SessionFolder
    from tests.runner.conftest import JobOnDisk

LEFT = {"checkpoints/cart_checkpoint_64_steps.zip": b"weights", "training_metadata.json": b"{}", "manifest.json": b"{}"}


class Remote(Closeable):
    """A backend that holds what a session left.

    Args:
        folder: the session here.
        fails_after: files until each fetch fails, one number for each fetch that does.
    """

    name = "remote"

    def __init__(self, folder: SessionFolder, *fails_after: int, error: Exception | None = None) -> None:
        self.folder = folder
        self.fails_after = list(fails_after)
        self.error = error or BackendUnreachableError("remote", "gave no answer")
        self.fetched: list[str] = []
        self.left_behind: tuple[str, ...] = ()
        self.released: list[str] = []

    def fetch(self, handle: str, folder: Path) -> Sequence[str]:
        assert handle == f"{1:064x}"
        assert folder.is_dir()
        files_left = self.fails_after.pop(0) if self.fails_after else None
        for name, content in LEFT.items():
            if (folder / name).exists():
                continue
            if files_left == 0:
                (folder / f"{files.TEMPORARY_PREFIX}half").write_bytes(content[:1])
                raise self.error
            files.write_bytes(folder / name, content)
            self.fetched.append(name)
            files_left = None if files_left is None else files_left - 1
        return self.left_behind

    def release(self, handle: str) -> None:
        assert self.folder.manifest_json.exists()  # what was fetched is safe
        self.released.append(handle)

    def provisions(self, job: Mapping[str, Any], parent: Origin | None) -> Provisions:
        raise NotImplementedError

    def diagnose(self) -> Iterator[Check]:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def prepare(self, folder: SessionFolder, key: str) -> None:
        raise NotImplementedError

    def submit(self, folder: SessionFolder, key: str) -> str:
        raise NotImplementedError

    def find(self, key: str) -> str | None:
        raise NotImplementedError

    def status(self, handle: str) -> Status:
        raise NotImplementedError

    def logs(self, handle: str, offset: int) -> bytes:
        raise NotImplementedError

    def cancel(self, handle: str) -> None:
        raise NotImplementedError


@pytest.fixture
def folder(cart: JobOnDisk) -> SessionFolder:
    """A session that has ended."""
    return cart.add(Phase.EXECUTED)


def content_of(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_left_arrives_whole_and_is_listed_with_its_digests(folder: SessionFolder) -> None:
    backend = Remote(folder)
    download(folder, backend)
    assert content_of(folder.artifacts) == LEFT
    manifest = Manifest.read(folder.manifest_json)
    assert manifest.key == f"{1:064x}"
    assert manifest.files == {
        name: FileEntry(bytes=len(content), sha256=files.sha256_of_bytes(content)) for name, content in LEFT.items()
    }
    assert backend.released == [f"{1:064x}"]
    assert not folder.arriving_artifacts.exists()


def test_what_stays_behind_is_said_and_written_down(folder: SessionFolder, capsys: pytest.CaptureFixture[str]) -> None:
    backend = Remote(folder)
    backend.left_behind = ("one: not a plain file", "two: not a plain file", "three: not a plain file", "and 9 more")
    download(folder, backend)
    said = capsys.readouterr().out
    assert (
        "left more than comes back: one: not a plain file; two: not a plain file; three: not a plain file; and more"
        in said
    )
    assert files.read_json(folder.left_behind_json) == list(backend.left_behind)
    assert content_of(folder.artifacts) == LEFT


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_an_odd_name_that_has_arrived_already_is_no_artifact(folder: SessionFolder) -> None:
    files.write_bytes(folder.artifacts / "training_metadata.json", b"{}")
    (folder.artifacts / "caf\udce9.txt").touch()
    download(folder, Remote(folder))
    assert list(Manifest.read(folder.manifest_json).files) == ["training_metadata.json"]


def test_an_interrupted_fetch_is_gone_on_with(folder: SessionFolder) -> None:
    backend = Remote(folder, 1, 1)
    for _ in range(2):
        with pytest.raises(BackendUnreachableError):
            download(folder, backend)
        assert not folder.artifacts.exists()
        assert not folder.manifest_json.exists()
        assert backend.released == []
    download(folder, backend)
    assert content_of(folder.artifacts) == LEFT
    assert backend.fetched == list(LEFT)  # nothing came twice


def test_a_kill_between_the_rename_and_the_manifest_fetches_nothing_again(folder: SessionFolder) -> None:
    download(folder, Remote(folder))
    manifest = folder.manifest_json.read_bytes()
    folder.manifest_json.unlink()
    backend = Remote(folder)
    download(folder, backend)
    assert backend.fetched == []
    assert folder.manifest_json.read_bytes() == manifest
    assert backend.released == [f"{1:064x}"]


def test_a_download_that_is_done_fetches_nothing_and_has_the_backend_forget_it(folder: SessionFolder) -> None:
    download(folder, Remote(folder))
    backend = Remote(folder)
    download(folder, backend)
    assert backend.fetched == []
    assert len(backend.released) == 1


def test_of_a_session_that_is_lost_what_has_arrived_is_kept(folder: SessionFolder) -> None:
    download(folder, Remote(folder, 1, error=SessionLostError("session", "is gone")))
    (arrived,) = content_of(folder.artifacts)
    assert arrived in LEFT
    assert list(Manifest.read(folder.manifest_json).files) == [arrived]


def test_what_comes_of_a_lost_session_after_all_is_yet_to_be_judged(folder: SessionFolder) -> None:
    lost = SessionLostError("session", "left nothing")
    download(folder, Remote(folder, 0, error=lost))
    assert files.read_json(folder.nothing_came_json) == "left nothing"
    for judged in (folder.report_json, folder.restored_json):
        judged.write_text("{}", encoding="utf-8")
    assert not look_again(folder, Remote(folder, 0, error=lost))
    assert folder.restored_json.exists()
    assert not folder.arriving_artifacts.exists()
    assert look_again(folder, Remote(folder))
    assert content_of(folder.artifacts) == LEFT
    assert Manifest.read(folder.manifest_json).files.keys() == LEFT.keys()
    left = (folder.report_json, folder.restored_json, folder.nothing_came_json, folder.arriving_artifacts)
    assert [path for path in left if path.exists()] == []


def test_a_look_again_that_is_cut_off_leaves_a_session_to_be_downloaded(folder: SessionFolder) -> None:
    download(folder, Remote(folder, 0, error=SessionLostError("session", "left nothing")))
    with pytest.raises(BackendUnreachableError):
        look_again(folder, Remote(folder, 1))
    assert folder.manifest_json.exists()
    folder.manifest_json.unlink()
    folder.artifacts.rmdir()
    download(folder, Remote(folder))
    assert content_of(folder.artifacts) == LEFT
    assert not folder.nothing_came_json.exists()


def test_a_refusal_leaves_the_session_to_be_fetched_later(folder: SessionFolder) -> None:
    with pytest.raises(BackendError, match="forbidden"):
        download(folder, Remote(folder, 0, error=BackendError("remote", "forbidden")))
    assert not folder.artifacts.exists()
    assert not folder.manifest_json.exists()
