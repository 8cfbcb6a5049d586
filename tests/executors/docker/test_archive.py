"""What goes into containers and comes out of them: whole files, and nothing that leads elsewhere."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from contract.errors import BackendError
from contract.storage.coming_back import ComingBack
from contract.storage.files import TEMPORARY_PREFIX
from executors.docker.archive import ArchiveEntry, folder_entries, packed, unpack_tar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLENTY = 1 << 30


def archive(*members: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    """A tar archive as the engine sends it: files as (name, content), anything else as it is."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def special(name: str, kind: bytes, linkname: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, linkname
    return info


def pieces(content: bytes, size: int = 1000) -> Iterator[bytes]:
    """The archive as a connection brings it."""
    return (content[at : at + size] for at in range(0, len(content), size))


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_what_is_packed_is_what_arrives(tmp_path: Path) -> None:
    given = tmp_path / "given"
    (given / "replay").mkdir(parents=True)
    (given / "empty").write_bytes(b"")
    (given / "replay" / "交通.bin").write_bytes(bytes(range(256)) * 5000)
    entries = [ArchiveEntry("working"), *folder_entries(given, "working/datasets/bob/slug")]
    unpack_tar(packed(entries), tmp_path / "there", PLENTY)
    there = tmp_path / "there" / "datasets" / "bob" / "slug"
    assert names_in(there) == {"empty", "replay/交通.bin"}
    assert (there / "replay" / "交通.bin").read_bytes() == (given / "replay" / "交通.bin").read_bytes()


def test_folders_lead_to_the_place_of_an_input(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_bytes(b"one")
    with tarfile.open(fileobj=io.BytesIO(b"".join(packed(folder_entries(tmp_path, "kaggle/input/slug"))))) as tar:
        assert [(each.name, each.isdir(), each.mode) for each in tar] == [
            ("kaggle", True, 0o755),
            ("kaggle/input", True, 0o755),
            ("kaggle/input/slug", True, 0o755),
            ("kaggle/input/slug/one.txt", False, 0o644),
        ]


def test_a_file_that_becomes_shorter_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"long")
    stream = packed([ArchiveEntry("log", path)])
    next(stream)
    path.write_bytes(b"")
    with pytest.raises(OSError, match="became shorter"):
        b"".join(stream)


@pytest.mark.parametrize(
    "name",
    ["working/../out", "/etc/out", "working/a/../../out", "..", "working/a\\..\\out", "working/c:out", "working"],
)
def test_no_name_leads_outside(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a" / "folder"
    unpack_tar(pieces(archive((name, b"out"), ("working/in", b"in"))), folder, PLENTY)
    assert names_in(tmp_path) == {"a/folder/in"}


def test_links_devices_and_half_written_files_stay_behind(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    content = archive(
        special("working/link", tarfile.SYMTYPE, str(secret)),
        special("working/folder", tarfile.SYMTYPE, str(tmp_path)),
        ("working/folder/written", b"through the link"),
        special("working/hard", tarfile.LNKTYPE, str(secret)),
        special("working/out", tarfile.LNKTYPE, "working/../../secret"),
        special("working/pipe", tarfile.FIFOTYPE),
        special("working/disk", tarfile.BLKTYPE),
        special("working/terminal", tarfile.CHRTYPE),
        (f"working/{TEMPORARY_PREFIX}1", b"half"),
        ("working/whole", b"whole"),
    )
    unpack_tar(pieces(content), tmp_path / "there", PLENTY)
    assert names_in(tmp_path / "there") == {"folder/written", "whole"}
    assert not (tmp_path / "there" / "folder").is_symlink()
    assert names_in(tmp_path) == {"secret", "there/folder/written", "there/whole"}


def test_what_does_not_come_is_named(tmp_path: Path) -> None:
    content = archive(
        special("working", tarfile.DIRTYPE),
        ("working/checkpoints/cart_checkpoint_64_steps.zip", b"weights" * 100),
        special("working/link", tarfile.SYMTYPE, "/etc/passwd"),
        ("working/caf\udce9.txt", b""),
        ("working/large", b"four"),
        ("working/small", b"1"),
    )
    coming = ComingBack(bytes=3)
    unpack_tar(pieces(content), tmp_path, PLENTY, coming)
    assert names_in(tmp_path) == {"checkpoints/cart_checkpoint_64_steps.zip", "small"}
    links, odd, large = coming.left_behind
    assert (links, odd) == ("link: not a plain file", "caf\\udce9.txt: no name that every system has")
    assert large.startswith("large: 4 B")


def test_several_names_of_one_file_become_several_files(tmp_path: Path) -> None:
    content = archive(("working/a", b"rows"), special("working/b/c", tarfile.LNKTYPE, "working/a"))
    unpack_tar(pieces(content), tmp_path, PLENTY)
    assert {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)} == {"a": b"rows", "b/c": b"rows"}
    assert not (tmp_path / "a").samefile(tmp_path / "b" / "c")


def test_no_more_arrives_than_may_lie_there(tmp_path: Path) -> None:
    sparse = special("working/c", tarfile.LNKTYPE, "working/a")
    unpack_tar(pieces(archive(("working/a", bytes(6)), ("working/b", bytes(4)), sparse)), tmp_path, 15)
    assert names_in(tmp_path) == {"a", "b"}


def test_what_arrived_half_is_replaced_and_a_stream_that_is_cut_leaves_whole_files_only(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"half")
    content = archive(("working/one", b"one"), ("working/two", bytes(5000)))
    with pytest.raises(BackendError, match="Docker engine: what the session left arrived damaged"):
        unpack_tar(pieces(content[:4000]), tmp_path, PLENTY)
    assert (tmp_path / "one").read_bytes() == b"one"
    assert names_in(tmp_path) == {"one"}


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="damaged"):
        unpack_tar(pieces(b"<html>" * 500), tmp_path, PLENTY)
