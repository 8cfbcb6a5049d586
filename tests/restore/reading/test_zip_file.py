"""A zip from a stranger says one thing, holds nothing else, and stays inside its folder."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restore.reading.spans import UnsoundError
from restore.reading.zip_file import ArchiveLimits, StrictZip
from tests.examples import some

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = ArchiveLimits(members=20, total_bytes=1 << 20)
MEMBERS = {"data": b"{}", "policy.pth": bytes(range(256)) * 5, "relay/state.pkl": b"", "naïve": b"1"}
LOCAL_HEADER = 30


def strict(content: bytes, limits: ArchiveLimits = LIMITS) -> StrictZip:
    return StrictZip(io.BytesIO(content), limits)


def read_all(content: bytes) -> dict[str, bytes]:
    archive = strict(content)
    return {name: archive.read(name, 1 << 20) for name in archive.names}


@pytest.fixture(scope="module")
def sound(zipped: Callable[..., bytes]) -> bytes:
    return zipped(MEMBERS)


def test_reads_what_zipfile_writes(sound: bytes) -> None:
    assert read_all(sound) == MEMBERS


def test_reads_zip64_and_descriptors() -> None:
    class Pipe(io.RawIOBase):
        """Cannot be sought, so zipfile leaves the sizes to descriptors behind the data."""

        def __init__(self) -> None:
            self.content = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, piece: bytes) -> int:  # type: ignore[override]
            self.content += piece
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        for name, wide in (("narrow", False), ("wide", True)):
            with archive.open(name, "w", force_zip64=wide) as member:
                member.write(name.encode())
    content = bytes(pipe.content)
    assert read_all(content) == {"narrow": b"narrow", "wide": b"wide"}
    with pytest.raises(UnsoundError, match="descriptor that contradicts"):
        strict(content.replace(b"PK\x07\x08", b"PK\x07\x09", 1))


def test_a_zip_without_members_has_none(zipped: Callable[..., bytes]) -> None:
    assert read_all(zipped({})) == {}


def test_every_truncation_is_found(sound: bytes) -> None:
    for length in range(len(sound)):
        with pytest.raises(UnsoundError):
            strict(sound[:length])


@pytest.mark.parametrize(("before", "after"), [(b"x", b""), (b"", b"x"), (b"x" * 99, b""), (b"", b"\0" * 99)])
def test_bytes_around_the_zip_are_found(sound: bytes, before: bytes, after: bytes) -> None:
    with pytest.raises(UnsoundError):
        strict(before + sound + after)


def test_bytes_between_members_are_found(sound: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        directory = archive.start_dir
    end = len(sound) - 22
    moved = sound[:directory] + b"hidden" + sound[directory:end] + bytearray(sound[end:])
    moved = moved[:-6] + struct.pack("<I", directory + 6) + moved[-2:]
    with pytest.raises(UnsoundError, match=r"has \+6 bytes that belong to no member"):
        strict(moved)


@settings(deadline=None, max_examples=some(300), database=None)
@given(data=st.data())
def test_a_changed_byte_is_found_or_changes_nothing(data: st.DataObject) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in MEMBERS.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    broken = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_all(bytes(broken))
    except UnsoundError:
        return
    assert list(found.values()) == list(MEMBERS.values())


@settings(deadline=None, max_examples=some(150), database=None)
@given(content=st.binary(max_size=400), ending=st.sampled_from([b"", b"PK\x05\x06" + bytes(18)]))
def test_any_bytes_are_refused_in_one_way(content: bytes, ending: bytes) -> None:
    try:
        found = read_all(content + ending)
    except UnsoundError:
        return
    assert found == {}


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../up",
        "a/../b",
        "a/./b",
        "a//b",
        "C:\\x",
        "C:x",
        "a\\b",
        "folder/",
        "new\nline",
        "x" * 256,
        "..",
        "nul",
        "a/COM1.txt",
        "LPT\u00b9",
        "a./b",
        "a ",
        "a?",
    ],
)
def test_names_that_leave_their_folder_are_refused(zipped: Callable[..., bytes], name: str) -> None:
    with pytest.raises(UnsoundError, match="name"):
        strict(zipped({name: b""}))


@pytest.mark.parametrize("name", ["null", ".data/serialization_id", "comm1", "a.nul", "con-1", "_version", "a b"])
def test_names_of_plain_files_pass(zipped: Callable[..., bytes], name: str) -> None:
    assert read_all(zipped({name: b""})) == {name: b""}


def test_a_name_with_a_null_is_refused(zipped: Callable[..., bytes]) -> None:
    # zipfile cuts such a name when it writes, and when it reads.
    with pytest.raises(UnsoundError, match="impossible name"):
        strict(zipped({"good_evil": b""}).replace(b"good_evil", b"good\0evil"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("data", "DATA"), ("\u00e9", "e\u0301"), ("ß", "SS")])
def test_names_that_are_one_file_somewhere_are_refused(names: tuple[str, str]) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    with pytest.raises(UnsoundError, match="twice"):
        strict(stream.getvalue())


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_special_files_are_refused(kind: int) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (kind | 0o777) << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(info, b"/etc/passwd")
    with pytest.raises(UnsoundError, match="not a plain file"):
        strict(stream.getvalue())


def test_a_bomb_is_refused_before_it_unfolds(zipped: Callable[..., bytes]) -> None:
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with pytest.raises(UnsoundError, match="compressed"):
            strict(zipped({"bomb": bytes(1 << 20)}, method))


def directory_entry(content: bytes | bytearray) -> int:
    return content.index(b"PK\x01\x02")


@pytest.mark.parametrize(
    ("local", "central", "layout", "value", "sentence"),
    [
        (6, 8, "<H", 1, "encrypted"),
        (6, 8, "<H", 1 << 5, "unknown flags"),
        (8, 10, "<H", 8, "compressed"),
        (None, 20, "<I", 1, "states"),
        (18, None, "<I", 1, "contradicts"),
        (22, None, "<I", 7, "contradicts"),
        (14, None, "<I", 7, "contradicts"),
        (14, 16, "<I", 7, "damaged: CRC"),
        (None, 42, "<I", 1, "begins at byte 1 instead of 0"),
        (None, 34, "<H", 1, "kind of zip"),
        (None, 6, "<H", 63, "kind of zip"),
    ],
)
def test_each_field_is_checked(
    zipped: Callable[..., bytes], local: int | None, central: int | None, layout: str, value: int, sentence: str
) -> None:
    content = bytearray(zipped({"data": b"{}"}))
    if local is not None:
        struct.pack_into(layout, content, local, value)
    if central is not None:
        struct.pack_into(layout, content, directory_entry(content) + central, value)
    with pytest.raises(UnsoundError, match=sentence):
        read_all(bytes(content))


@pytest.mark.parametrize("size", [3, 1 << 20, 0xFFFFFFFE, 0xFFFFFFFF])
def test_a_huge_declared_size_is_refused(zipped: Callable[..., bytes], size: int) -> None:
    content = bytearray(zipped({"data": b"{}"}))
    for offset in (18, 22, directory_entry(content) + 20, directory_entry(content) + 24):
        struct.pack_into("<I", content, offset, size)
    with pytest.raises(UnsoundError):
        strict(bytes(content))


def test_overlapping_members_are_refused(zipped: Callable[..., bytes]) -> None:
    content = bytearray(zipped({"a": b"1", "b": b"1"}))
    second = content.index(b"PK\x01\x02", directory_entry(content) + 1)
    struct.pack_into("<I", content, second + 42, 0)
    with pytest.raises(UnsoundError, match="overlap"):
        strict(bytes(content))


def test_limits_hold(sound: bytes) -> None:
    with pytest.raises(UnsoundError, match="4 members, more than the 3 allowed"):
        strict(sound, ArchiveLimits(3, 1 << 20))
    with pytest.raises(UnsoundError, match="more than the 100 allowed"):
        strict(sound, ArchiveLimits(20, 100))
    with pytest.raises(UnsoundError, match="more than the 1,279 allowed"):
        strict(sound).read("policy.pth", 1279)
    with pytest.raises(UnsoundError, match="lacks the member 'nothing'"):
        strict(sound).read("nothing", 1)


def test_renaming_extra_field_is_refused() -> None:
    info = zipfile.ZipInfo("data")
    info.extra = struct.pack("<2HBI", 0x7075, 9, 1, 0) + b"evil"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(info, b"")
    with pytest.raises(UnsoundError, match="renaming extra field"):
        strict(stream.getvalue())


def test_a_file_that_shrinks_while_it_is_read_is_refused(sound: bytes) -> None:
    stream = io.BytesIO(sound)
    archive = StrictZip(stream, LIMITS)
    stream.truncate(100)
    with pytest.raises(UnsoundError, match="became shorter"):
        archive.read("policy.pth", 1 << 20)
