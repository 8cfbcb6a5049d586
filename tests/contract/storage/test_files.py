"""A durable file is the old one or the new one, whatever happens to its writer."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from contract.storage import files
from tests.trainer.conftest import ROOT

OLD, NEW = b"old " * 100_000, b"new " * 150_000

DIES_AT = """
import os, pathlib, signal, sys
from contract.storage import files

at, target = sys.argv[1], pathlib.Path(sys.argv[2])

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def write_half(path, content):
    with path.open("wb") as stream:
        stream.write(content[: len(content) // 2])
    die()

if at == "write":
    pathlib.Path.write_bytes = write_half
elif at == "fsync":
    os.fsync = die
elif at == "replace":
    pathlib.Path.replace = die
elif at == "directory":
    files.fsync_directory = die
files.write_bytes(target, b"new " * 150_000)
"""


@pytest.mark.parametrize("links", [True, False])
def test_a_second_name_has_the_content_where_links_are_and_where_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    source, target = tmp_path / "blob", tmp_path / "name"
    source.write_bytes(OLD)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", Mock(side_effect=OSError("no links here")))
    files.second_name(source, target)
    assert target.read_bytes() == OLD
    assert target.samefile(source) is links
    with pytest.raises(FileExistsError):
        files.second_name(source, target)


@pytest.mark.parametrize(
    ("at", "content", "leftovers"),
    [("write", OLD, 1), ("fsync", OLD, 1), ("replace", OLD, 1), ("directory", NEW, 0), ("never", NEW, 0)],
)
def test_a_writer_killed_at_any_step_leaves_old_or_new(tmp_path: Path, at: str, content: bytes, leftovers: int) -> None:
    if sys.platform == "win32":
        pytest.skip("a system without SIGKILL")
    target = tmp_path / "model.zip"
    target.write_bytes(OLD)
    writer = subprocess.run([sys.executable, "-c", DIES_AT, at, str(target)], cwd=ROOT, check=False)
    assert writer.returncode == (0 if at == "never" else -signal.SIGKILL)
    assert target.read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 1 + leftovers
    files.remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == content


@pytest.mark.parametrize("patched", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.write_bytes"])
def test_an_error_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patched: str
) -> None:
    target = tmp_path / "new folder" / "model.zip"
    files.write_bytes(target, OLD)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(patched, full)
    with pytest.raises(OSError, match="No space left"):
        files.write_bytes(target, NEW)
    monkeypatch.undo()
    assert target.read_bytes() == OLD
    assert list(target.parent.iterdir()) == [target]


def test_what_is_renamed_was_synced_before_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        calls.append("sync folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "sync file")  # noqa: PTH112
        fsync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        calls.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    files.write_bytes(tmp_path / "model.zip", NEW)
    assert calls == ["sync file", "rename", "sync folder"]


def test_a_block_that_raises_replaces_nothing(tmp_path: Path) -> None:
    def write_in_vain() -> None:
        with files.replacing(tmp_path / "model.zip") as temporary:
            temporary.write_bytes(NEW)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_in_vain()
    assert list(tmp_path.iterdir()) == []


# A second name, or a copy.


@pytest.fixture(params=["one file system", "another", "none with links"])
def linking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether files can have a second name here."""
    if request.param == "one file system":
        return True
    number = errno.EXDEV if request.param == "another" else errno.EPERM

    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "hardlink_to", refused)
    return False


@pytest.mark.parametrize("before", [None, OLD])
def test_a_file_is_linked_where_that_works_and_copied_where_not(
    tmp_path: Path, *, linking: bool, before: bytes | None
) -> None:
    source, target = tmp_path / "0.segment", tmp_path / "other folder" / "1.segment"
    source.write_bytes(NEW)
    if before is not None:
        files.write_bytes(target, before)
    files.link_or_copy(source, target)
    assert target.read_bytes() == source.read_bytes() == NEW
    assert target.samefile(source) is linking
    assert list(target.parent.iterdir()) == [target]


def test_a_second_name_of_the_same_file_stays_and_leaves_nothing_behind(tmp_path: Path, *, linking: bool) -> None:
    source, target = tmp_path / "0.segment", tmp_path / "1.segment"
    source.write_bytes(NEW)
    os.link(source, target)
    for name in (target, target, source):
        files.link_or_copy(source, name)
    assert sorted(tmp_path.iterdir()) == [source, target]
    assert source.read_bytes() == target.read_bytes() == NEW
    assert target.samefile(source) is linking


def test_what_cannot_be_read_replaces_nothing(tmp_path: Path, *, linking: bool) -> None:
    target = tmp_path / ("linked" if linking else "copied")
    target.write_bytes(OLD)
    with pytest.raises(FileNotFoundError):
        files.link_or_copy(tmp_path / "nowhere", target)
    assert target.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_that_cannot_be_renamed_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "0.segment", tmp_path / "new folder" / "1.segment"
    source.write_bytes(NEW)
    files.write_bytes(target, OLD)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        files.link_or_copy(source, target)
    assert target.read_bytes() == OLD
    assert list(target.parent.iterdir()) == [target]


def test_a_link_is_renamed_and_then_its_folder_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []

    def noting(folder: Path) -> None:
        assert (folder / "1.segment").exists()
        synced.append(folder)

    monkeypatch.setattr(files, "fsync_directory", noting)
    (tmp_path / "0.segment").write_bytes(NEW)
    files.link_or_copy(tmp_path / "0.segment", tmp_path / "1.segment")
    assert synced == [tmp_path]


def test_leftovers_are_removed_wherever_they_lie_and_nothing_else_is(tmp_path: Path) -> None:
    kept = tmp_path / "checkpoints" / "relay-tmp.zip"
    leftover = tmp_path / "checkpoints" / f"{files.TEMPORARY_PREFIX}0123"
    folder = tmp_path / f"{files.TEMPORARY_PREFIX}folder"
    kept.parent.mkdir()
    folder.mkdir()
    for path in (kept, leftover):
        path.touch()
    files.remove_leftovers(tmp_path)
    assert kept.exists()
    assert folder.exists()
    assert not leftover.exists()
    files.remove_leftovers(tmp_path / "nowhere")


def test_json_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    value = {"straße": "übergang → 交叉口", "a": [1, None, 0.5]}
    files.write_json(tmp_path / "value.json", value)
    content = (tmp_path / "value.json").read_bytes()
    assert "übergang → 交叉口".encode() in content
    assert content.index(b'"a"') < content.index("straße".encode())
    assert content.endswith(b"}\n")
    assert files.read_json(tmp_path / "value.json") == value
    (tmp_path / "latin.json").write_bytes('"ü"'.encode("latin-1"))
    with pytest.raises(ValueError, match="utf-8"):
        files.read_json(tmp_path / "latin.json")


def test_equal_values_have_one_digest() -> None:
    assert files.sha256_of_value({"b": [1], "a": "ü"}) == files.sha256_of_value({"a": "ü", "b": [1]})
    assert files.sha256_of_value([1, 2]) != files.sha256_of_value([2, 1])
    assert files.canonical_json({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'.encode()


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    content = os.urandom(2 * files.CHUNK_BYTES + 17)
    (tmp_path / "large").write_bytes(content)
    expected = hashlib.sha256(content).hexdigest()
    assert files.sha256_of_file(tmp_path / "large") == files.sha256_of_bytes(content) == expected


@pytest.mark.parametrize("named", [False, True])
def test_a_disk_that_takes_nothing_more_is_told_with_the_name_of_the_file(tmp_path: Path, named: bool) -> None:
    target = tmp_path / "report.json"
    with pytest.raises(OSError, match=r"report\.json") as caught, files.replacing(target) as temporary:
        raise OSError(errno.ENOSPC, "No space left on device", *([str(temporary)] if named else []))
    assert caught.value.filename == str(target)
    assert list(tmp_path.iterdir()) == []
