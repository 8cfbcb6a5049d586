"""Archives: what is one, and what is unpacked of it."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from emulator.store.archives import archive_stem, unpack_archive

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("data.zip", "data"),
        ("Data.ZIP", "Data"),
        ("data.tar.gz", "data"),
        ("data.v2.tgz", "data.v2"),
        (".zip", None),
        ("sources.bundle", None),
        ("checkpoint", None),
    ],
)
def test_the_suffix_says_what_an_archive_is(name: str, stem: str | None) -> None:
    assert archive_stem(name) == stem


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/a", "a\\..\\b", "C:/a", ".", "a/c:b", "\udcff"])
@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_names_that_lead_elsewhere_stay_behind(tmp_path: Path, name: str, suffix: str) -> None:
    archive = tmp_path / f"archive{suffix}"
    contents = {name: b"out", "./a/b.txt": b"in"}
    if suffix == ".tar":
        with tarfile.open(archive, "w", errors="surrogateescape") as packed:
            for each, content in contents.items():
                member = tarfile.TarInfo(each)
                member.size = len(content)
                packed.addfile(member, io.BytesIO(content))
    else:
        with zipfile.ZipFile(archive, "w") as zipped:
            for each, content in contents.items():
                zipped.writestr(each.replace("\udcff", "/etc"), content)
    (tmp_path / "into").mkdir()
    members = unpack_archive(archive, tmp_path / "into", limit_bytes=1_000)
    assert members is not None
    assert [(each, path.read_bytes()) for each, path in members] == [("a/b.txt", b"in")]


def test_an_archive_that_unpacks_to_too_much_is_none(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", bytes(1_000_000))
    (tmp_path / "into").mkdir()
    assert unpack_archive(archive, tmp_path / "into", limit_bytes=999_999) is None
    (tmp_path / "again").mkdir()
    members = unpack_archive(archive, tmp_path / "again", limit_bytes=1_000_000)
    assert members is not None
    assert [(name, path.stat().st_size) for name, path in members] == [("zeros", 1_000_000)]


def test_a_damaged_archive_is_none(tmp_path: Path) -> None:
    archive = tmp_path / "damaged.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.txt", b"some content of the file")
    content = bytearray(archive.read_bytes())
    content[40] ^= 0xFF
    archive.write_bytes(content)
    (tmp_path / "into").mkdir()
    assert unpack_archive(archive, tmp_path / "into", limit_bytes=1_000) is None
