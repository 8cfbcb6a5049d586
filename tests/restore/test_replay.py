"""A replay buffer is judged by its description first and then by its files: nothing is believed, nothing is kept."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import sys
import tempfile
import tracemalloc
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.documents.session import FileEntry, Replay
from contract.storage.files import CHUNK_BYTES, sha256_of_bytes
from contract.storage.layout import segment_name
from restore.finite_rows import Column, FiniteRows
from restore.reading.spans import UnsoundError
from restore.replay import ITEM_BYTES, MAX_DIMENSIONS, MAX_FIELDS, MAX_SEGMENTS, Judged, check_replay
from tests.examples import some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.restore.conftest import Watch

MAX_BYTES = 1 << 26
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "validation.md"
FIELDS = (
    {"name": "observations", "dtype": "<f4", "shape": (2, 3)},
    {"name": "actions", "dtype": "<i8", "shape": (2, 1)},
    {"name": "dones", "dtype": "|b1", "shape": (2,)},
)
ROW_BYTES = 2 * 3 * 4 + 2 * 8 + 2
ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes need rights there")


@dataclasses.dataclass
class Buffer:
    """A replay buffer as a session leaves it, to be broken: its files, the download's list of them, its description."""

    folder: Path
    listed: dict[str, FileEntry]
    description: dict[str, Any]

    @property
    def segments(self) -> list[dict[str, Any]]:
        segments: list[dict[str, Any]] = self.description["segments"]
        return segments

    def path(self, index: int) -> Path:
        """Where the file of a segment lies."""
        return self.folder / segment_name(self.segments[index]["sha256"])

    def put(self, index: int, content: bytes, **changes: Any) -> None:
        """Write a segment anew, under the name of its digest, listed and described as it is."""
        entry = {"bytes": len(content), "sha256": sha256_of_bytes(content)}
        self.segments[index] |= entry | changes
        self.listed[self.path(index).name] = FileEntry.model_validate(entry)
        self.path(index).write_bytes(content)

    def check(self, max_bytes: int = MAX_BYTES, judged: Judged | None = None) -> None:
        """Judge it."""
        replay = Replay.model_validate(self.description)
        check_replay(replay, self.folder, listed=self.listed, max_bytes=max_bytes, judged=judged)

    def refused(self, **changes: Any) -> str:
        """Why it is refused."""
        with pytest.raises(UnsoundError) as caught:
            self.check(**changes)
        return caught.value.problem


def make_buffer(folder: Path, rows: tuple[int, ...] = (5, 5, 3), capacity: int = 20) -> Buffer:
    """Three segments: the first and the last as they are, the one between compressed."""
    folder.mkdir(parents=True)
    buffer = Buffer(folder, {}, {"kind": "ReplayBuffer", "capacity": capacity, "fields": FIELDS, "segments": []})
    first = 0
    for index, count in enumerate(rows):
        raw = np.random.default_rng(index).bytes(count * ROW_BYTES)
        buffer.segments.append({"first_row": first, "rows": count, "compression": "zlib" if index % 2 else "none"})
        buffer.put(index, zlib.compress(raw, 1) if index % 2 else raw)
        first += count
    return buffer


@pytest.fixture
def buffer(tmp_path: Path) -> Buffer:
    return make_buffer(tmp_path / "replay")


def test_a_whole_buffer_is_sound(buffer: Buffer) -> None:
    buffer.check()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("index", [0, 1], ids=["as it is", "compressed"])
@pytest.mark.parametrize("place", [0, 17, 29])
def test_a_row_that_is_no_number_is_found(buffer: Buffer, index: int, place: int, value: float) -> None:
    raw = bytearray(5 * ROW_BYTES)
    raw[4 * place : 4 * place + 4] = np.float32(value).tobytes()
    buffer.put(index, zlib.compress(raw, 1) if index else bytes(raw))
    assert buffer.refused().endswith("holds NaN or infinity among its 'observations'")


def test_bits_of_whole_numbers_are_no_fractions(buffer: Buffer) -> None:
    raw = bytearray(5 * ROW_BYTES)
    raw[5 * 24 :] = b"\xff" * (5 * ROW_BYTES - 5 * 24)
    buffer.put(0, bytes(raw))
    buffer.check()


@pytest.mark.parametrize("length", [1, 3, 7, 64, 1000])
def test_rows_are_looked_at_in_pieces_of_any_length(length: int) -> None:
    columns = (Column("actions", "<i8", 16), Column("rewards", "<f8", 8), Column("observations", "<f2", 6))
    for spoilt in (None, "rewards", "observations"):
        raw = bytearray(10 * 30)
        if spoilt:
            at, kind = (160 + 8 * 7, np.float64) if spoilt == "rewards" else (240 + 2 * 29, np.float16)
            raw[at : at + np.dtype(kind).itemsize] = kind("nan").tobytes()
        rows = FiniteRows(columns, 10)
        for start in range(0, len(raw), length):
            rows.feed(bytes(raw[start : start + length]))
        assert rows.problem == (spoilt and f"holds NaN or infinity among its '{spoilt}'")


@pytest.mark.parametrize("capacity", [13, 14])
def test_a_buffer_may_be_full_or_not(tmp_path: Path, capacity: int) -> None:
    make_buffer(tmp_path / "replay", capacity=capacity).check()


def test_an_empty_buffer_needs_no_file(buffer: Buffer) -> None:
    buffer.segments.clear()
    shutil.rmtree(buffer.folder)
    buffer.check()


def test_segments_of_equal_content_share_a_file(buffer: Buffer) -> None:
    content = buffer.path(0).read_bytes()
    buffer.path(1).unlink()
    buffer.put(1, content, compression="none")
    assert buffer.path(0) == buffer.path(1)
    buffer.check()


def test_a_segment_larger_than_a_piece_is_sound_compressed_or_not(buffer: Buffer) -> None:
    rows = 3 * CHUNK_BYTES // ROW_BYTES
    raw = np.random.default_rng(0).integers(0, 9, rows * ROW_BYTES, np.uint8).tobytes()
    buffer.description |= {"capacity": 2 * rows, "segments": [{"first_row": 0, "rows": rows, "compression": "none"}]}
    buffer.put(0, raw)
    buffer.check()
    for level in (0, 1, 9):
        buffer.put(0, zlib.compress(raw, level), compression="zlib")
        buffer.check()


def test_files_that_no_segment_names_are_harmless(buffer: Buffer) -> None:
    (buffer.folder / segment_name("0" * 64)).write_bytes(b"of the checkpoint before")
    (buffer.folder / "notes.txt").write_bytes(b"of nobody")
    buffer.check()


def test_every_plain_type_has_the_size_that_numpy_gives_it() -> None:
    assert {name: np.dtype(name).itemsize for name in ITEM_BYTES} == ITEM_BYTES
    assert {np.dtype(name).str for name in ITEM_BYTES} == set(ITEM_BYTES)
    assert {np.dtype(name).kind for name in ITEM_BYTES} == set("biuf")


def test_the_docs_state_the_limits() -> None:
    stated = DOCUMENT.read_text(encoding="utf-8")
    for line in (
        f"| segments of a replay buffer | {MAX_SEGMENTS:,} |",
        f"| arrays of a replay buffer | {MAX_FIELDS:,}, of {MAX_DIMENSIONS} dimensions each |",
    ):
        assert line in stated


# What the description says.


def with_field(buffer: Buffer, **changes: Any) -> Buffer:
    """`buffer` with changes to its first array."""
    buffer.description["fields"] = ({**FIELDS[0], **changes}, *FIELDS[1:])
    return buffer


@pytest.mark.parametrize(
    "dtype", ["O", "|O", "object", "float32", "f4", ">f4", "<f16", "<c8", "<M8[s]", "|V4", "<U1", "", "<f4,<f4", "<f4 "]
)
def test_a_type_that_is_not_one_of_plain_numbers_is_refused_and_never_evaluated(buffer: Buffer, dtype: str) -> None:
    problem = with_field(buffer, dtype=dtype).refused()
    assert problem == (
        f"the array 'observations' of its replay buffer has the type {dtype!r}, which is not one of plain numbers"
    )


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ((2, 0), "the array 'observations' of its replay buffer has a dimension of length 0"),
        ((0, 10**30), "the array 'observations' of its replay buffer has a dimension of length 0"),
        ((1,) * (MAX_DIMENSIONS + 1), "the array 'observations' of its replay buffer has 33 dimensions, more than 32"),
        ((2**62, 4), "its replay buffer holds 2**63 or more bytes, more than the 67,108,864 allowed by validation"),
        ((10**30,), "its replay buffer holds 2**63 or more bytes, more than the 67,108,864 allowed by validation"),
        ((10**6000, 10**6000), "its replay buffer holds 2**63 or more bytes, more than the 67,108,864 allowed by"),
        ((MAX_BYTES // 4, 2), "its replay buffer holds 134,217,728 bytes, more than the 67,108,864 allowed by"),
        ((MAX_BYTES // 4,), "its replay buffer holds 67,108,880 bytes, more than the 67,108,864 allowed by validation"),
    ],
)
def test_an_impossible_shape_is_refused(buffer: Buffer, shape: tuple[int, ...], why: str) -> None:
    assert with_field(buffer, shape=shape).refused().startswith(why)


def test_the_largest_number_of_dimensions_is_sound(buffer: Buffer) -> None:
    with_field(buffer, shape=(2, 3, *(1,) * (MAX_DIMENSIONS - 2))).check()


@pytest.mark.parametrize(("count", "fits"), [(0, False), (1, True), (MAX_FIELDS, True), (MAX_FIELDS + 1, False)])
def test_a_buffer_has_one_array_or_a_bounded_number(buffer: Buffer, count: int, *, fits: bool) -> None:
    names = (f"observations/{number}" for number in range(count))
    buffer.description["fields"] = [{"name": name, "dtype": "|u1", "shape": (1,)} for name in names]
    buffer.description["segments"] = []
    if fits:
        buffer.check()
    else:
        assert buffer.refused() == f"its replay buffer has {count:,} arrays instead of 1 to 1,024"


def test_two_arrays_of_one_name_are_refused(buffer: Buffer) -> None:
    assert with_field(buffer, name="dones").refused() == "its replay buffer has two arrays of one name"


@pytest.mark.parametrize(
    ("first_row", "why"),
    [
        (6, "begins at row 6 instead of 5: it leaves a gap"),
        (4, "begins at row 4 instead of 5: it overlaps the one before"),
        (0, "begins at row 0 instead of 5: it overlaps the one before"),
        (10**60, "begins at row 2**63 or more instead of 5: it leaves a gap"),
    ],
)
def test_rows_that_are_missing_or_described_twice_are_refused(buffer: Buffer, first_row: int, why: str) -> None:
    buffer.segments[1]["first_row"] = first_row
    digits = buffer.segments[1]["sha256"][:12]
    assert buffer.refused() == f"its replay segment 2 of 3 ({digits}…) {why}"


def test_a_buffer_that_does_not_begin_at_row_0_is_refused(buffer: Buffer) -> None:
    del buffer.segments[0]
    assert buffer.refused().endswith("begins at row 5 instead of 0: it leaves a gap")


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (0, 0, 1, 2)])
def test_segments_in_another_order_or_doubled_are_refused(buffer: Buffer, order: tuple[int, ...]) -> None:
    buffer.description["segments"] = [buffer.segments[index] for index in order]
    assert "instead of" in buffer.refused()


def test_more_rows_than_the_buffer_can_hold_are_refused(buffer: Buffer) -> None:
    buffer.description["capacity"] = 12
    assert buffer.refused().endswith("reaches row 13 of a buffer of 12 rows")
    buffer.description["capacity"] = 10**6000
    buffer.check()
    buffer.segments[2]["rows"] = 10**6001
    assert buffer.refused().endswith("reaches row 2**63 or more of a buffer of 2**63 or more rows")


def test_a_buffer_beyond_the_limit_of_the_job_is_refused_by_its_uncompressed_size(buffer: Buffer) -> None:
    buffer.check(max_bytes=13 * ROW_BYTES)
    assert buffer.refused(max_bytes=13 * ROW_BYTES - 1) == (
        f"its replay buffer holds {13 * ROW_BYTES} bytes, more than the {13 * ROW_BYTES - 1} allowed "
        "by validation.max_replay_bytes"
    )


def test_too_many_segments_are_not_even_looked_at(buffer: Buffer) -> None:
    count = MAX_SEGMENTS + 1
    buffer.description |= {"capacity": count, "segments": [{**buffer.segments[0], "rows": 1}] * count}
    assert buffer.refused() == "its replay buffer has 4,097 segments, more than 4,096"


def test_an_impossible_description_opens_no_file(buffer: Buffer, monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Path, "lstat", touched)
    buffer.segments[2]["first_row"] = 11
    assert "leaves a gap" in buffer.refused()


# What the files are.


def problem_of(buffer: Buffer, index: int) -> str:
    """Why a segment is refused, without the words by which it is called."""
    called = f"its replay segment {index + 1} of 3 ({buffer.segments[index]['sha256'][:12]}…) "
    problem = buffer.refused()
    assert problem.startswith(called)
    return problem.removeprefix(called)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_segment_that_is_gone_is_named(buffer: Buffer, index: int) -> None:
    buffer.path(index).unlink()
    assert problem_of(buffer, index) == "is missing: it was downloaded, and is gone"
    del buffer.listed[buffer.path(index).name]
    assert problem_of(buffer, index) == "is missing"


def test_without_its_folder_the_first_segment_is_missing(buffer: Buffer) -> None:
    shutil.rmtree(buffer.folder)
    assert problem_of(buffer, 0).startswith("is missing")


def test_a_segment_that_was_never_downloaded_is_refused(buffer: Buffer) -> None:
    del buffer.listed[buffer.path(2).name]
    assert problem_of(buffer, 2) == "is not in the download's manifest: it was added afterwards"


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_segment_that_is_cut_off_or_has_grown_is_named_with_both_sizes(buffer: Buffer, index: int) -> None:
    content, size = buffer.path(index).read_bytes(), buffer.segments[index]["bytes"]
    buffer.path(index).write_bytes(content[:-1])
    assert problem_of(buffer, index) == f"has {size - 1} bytes instead of {size}: it is cut off"
    buffer.path(index).write_bytes(b"")
    assert problem_of(buffer, index) == f"has 0 bytes instead of {size}: it is cut off"
    buffer.path(index).write_bytes(content + b"\0")
    assert problem_of(buffer, index) == f"has {size + 1} bytes instead of {size}"


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_single_bit_is_found_by_the_digest(buffer: Buffer, index: int) -> None:
    content = bytearray(buffer.path(index).read_bytes())
    for position in (0, len(content) // 2, len(content) - 1):
        content[position] ^= 1
        buffer.path(index).write_bytes(content)
        found, stated = sha256_of_bytes(bytes(content)), buffer.segments[index]["sha256"]
        assert problem_of(buffer, index) == (
            f"has the sha256 {found[:12]}… instead of {stated[:12]}…, which its name states"
        )
        content[position] ^= 1


@pytest.mark.parametrize("rows", [4, 6])
def test_a_segment_of_another_number_of_rows_is_refused(buffer: Buffer, rows: int) -> None:
    buffer.put(2, bytes(rows * ROW_BYTES))
    buffer.segments[2]["rows"] = 5
    assert problem_of(buffer, 2) == f"has {rows * ROW_BYTES} bytes, and its rows take {5 * ROW_BYTES}"


def packed(raw: bytes) -> bytes:
    return zlib.compress(raw, 9)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (packed(bytes(5 * ROW_BYTES + 1)), "unpacks to more than the 210 bytes of its rows"),
        (packed(bytes(5 * ROW_BYTES - 1)), "unpacks to 209 bytes instead of the 210 of its rows"),
        (packed(b""), "unpacks to 0 bytes instead of the 210 of its rows"),
        (packed(bytes(5 * ROW_BYTES)) + b"\0", "has bytes behind its compressed data"),
        (packed(bytes(5 * ROW_BYTES)) * 2, "has bytes behind its compressed data"),
        (packed(bytes(5 * ROW_BYTES))[:-1], "ends in the middle of its compressed data"),
        (packed(bytes(5 * ROW_BYTES))[:-4], "ends in the middle of its compressed data"),
        (packed(bytes(5 * ROW_BYTES))[:6], "ends in the middle of its compressed data"),
        (packed(bytes(5 * ROW_BYTES))[:-4] + b"\0\0\0\0", "is not compressed as it says ("),
        (b"", "ends in the middle of its compressed data"),
        (bytes(5 * ROW_BYTES), "is not compressed as it says ("),
        (b"\x78\x20" + bytes(20), "is not compressed as it says ("),
        (bytes(2000), "has 2,000 bytes, more than its rows could take: 210 before compression"),
    ],
)
def test_compressed_bytes_that_are_not_the_rows_are_refused(buffer: Buffer, content: bytes, why: str) -> None:
    buffer.put(1, content)
    assert problem_of(buffer, 1).startswith(why)


def test_the_digest_is_told_before_what_is_wrong_inside(buffer: Buffer) -> None:
    buffer.put(1, packed(bytes(5 * ROW_BYTES + 1)))
    content = bytearray(buffer.path(1).read_bytes())
    content[-1] ^= 1
    buffer.path(1).write_bytes(content)
    assert problem_of(buffer, 1).startswith("has the sha256 ")


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The length of each piece that was unpacked."""
    lengths: list[int] = []
    make = zlib.decompressobj

    class Counting:
        def __init__(self) -> None:
            self._stream = make()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

        def decompress(self, chunk: bytes, most: int) -> bytes:
            piece: bytes = self._stream.decompress(chunk, most)
            lengths.append(len(piece))
            return piece

    monkeypatch.setattr(zlib, "decompressobj", Counting)
    return lengths


def test_a_bomb_is_refused_at_the_first_byte_too_many(buffer: Buffer, pieces: list[int]) -> None:
    buffer.put(1, packed(bytes(1 << 20)))
    assert problem_of(buffer, 1) == "unpacks to more than the 210 bytes of its rows"
    assert sum(pieces) == 211


def test_a_large_segment_is_read_in_pieces_and_none_is_kept(buffer: Buffer, pieces: list[int]) -> None:
    rows = (24 << 20) // ROW_BYTES
    buffer.description |= {"capacity": rows, "segments": [{"first_row": 0, "rows": rows, "compression": "zlib"}]}
    buffer.put(0, packed(bytes(rows * ROW_BYTES)))
    tracemalloc.start()
    try:
        buffer.check()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(pieces) == rows * ROW_BYTES
    assert max(pieces) == CHUNK_BYTES
    assert peak < 4 * CHUNK_BYTES


@ON_POSIX
@pytest.mark.parametrize("what", ["link", "dangling link", "folder", "pipe"])
def test_what_is_no_plain_file_is_not_opened(buffer: Buffer, tmp_path: Path, what: str) -> None:
    path = buffer.path(1)
    moved = path.rename(tmp_path / "elsewhere")
    match what:
        case "link":
            path.symlink_to(moved)
        case "dangling link":
            path.symlink_to(tmp_path / "nowhere")
        case "folder":
            path.mkdir()
        case "pipe" if sys.platform != "win32":
            os.mkfifo(path)
    assert problem_of(buffer, 1) == "is not a plain file (a link, a folder or a device)"


@ON_POSIX
def test_a_folder_of_segments_that_is_a_link_or_a_file_is_refused(buffer: Buffer, tmp_path: Path) -> None:
    elsewhere = buffer.folder.rename(tmp_path / "elsewhere")
    buffer.folder.symlink_to(elsewhere)
    assert problem_of(buffer, 0) == "is not there: the folder of the segments is a link or a file"
    buffer.folder.unlink()
    buffer.folder.write_bytes(b"")
    assert problem_of(buffer, 0) == "is not there: the folder of the segments is a link or a file"


def test_a_segment_that_cannot_be_read_is_named(buffer: Buffer, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = buffer.path(1)
    plain_open = Path.open

    def failing(path: Path, *arguments: Any) -> Any:
        if path == broken:
            raise OSError(5, "Input/output error")
        return plain_open(path, *arguments)

    monkeypatch.setattr(Path, "open", failing)
    assert problem_of(buffer, 1) == "cannot be read: Input/output error"


# What two checkpoints share.


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of each file that was opened."""
    names: list[str] = []
    plain_open = Path.open

    def noting(path: Path, *arguments: Any, **more: Any) -> Any:
        names.append(path.name)
        return plain_open(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", noting)
    return names


def test_a_segment_that_several_checkpoints_name_is_read_once(buffer: Buffer, opened: list[str]) -> None:
    judged: Judged = {}
    buffer.check(judged=judged)
    earlier = dataclasses.replace(buffer, description={**buffer.description, "segments": buffer.segments[:2]})
    earlier.check(judged=judged)
    assert sorted(opened) == sorted(buffer.listed)
    buffer.check()
    assert len(opened) == 6


def test_a_damaged_segment_is_read_once_and_refuses_each_checkpoint_that_names_it(
    buffer: Buffer, opened: list[str]
) -> None:
    judged: Judged = {}
    content = buffer.path(1).read_bytes()
    buffer.path(1).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    opened.clear()
    assert buffer.refused(judged=judged) == buffer.refused(judged=judged)
    assert len(opened) == 2


@pytest.mark.parametrize("change", [{"compression": "none"}, {"bytes": 1}, {"rows": 6}])
def test_a_verdict_is_not_taken_over_for_a_segment_that_is_described_otherwise(
    buffer: Buffer, change: dict[str, Any]
) -> None:
    judged: Judged = {}
    buffer.check(judged=judged)
    buffer.description["segments"] = [buffer.segments[0], buffer.segments[1] | change]
    assert "its replay segment 2 of 2" in buffer.refused(judged=judged)


# Any damage at all.


def _truncate(buffer: Buffer, index: int, at: int) -> None:
    content = buffer.path(index).read_bytes()
    buffer.path(index).write_bytes(content[: at % len(content)])


def _flip(buffer: Buffer, index: int, at: int) -> None:
    content = bytearray(buffer.path(index).read_bytes())
    content[at // 8 % len(content)] ^= 1 << at % 8
    buffer.path(index).write_bytes(content)


def _lose(buffer: Buffer, index: int, _at: int) -> None:
    buffer.path(index).unlink()


def _unlist(buffer: Buffer, index: int, _at: int) -> None:
    del buffer.listed[buffer.path(index).name]


def _double(buffer: Buffer, index: int, at: int) -> None:
    buffer.segments.insert(at % (len(buffer.segments) + 1), dict(buffer.segments[index]))


def _swap(buffer: Buffer, index: int, _at: int) -> None:
    other = (index + 1) % len(buffer.segments)
    buffer.segments[index], buffer.segments[other] = buffer.segments[other], buffer.segments[index]


def _explode(buffer: Buffer, index: int, at: int) -> None:
    rows = buffer.segments[index]["rows"]
    buffer.put(index, packed(bytes(rows * ROW_BYTES + 1 + at)), compression="zlib")


def _starve(buffer: Buffer, index: int, at: int) -> None:
    rows = buffer.segments[index]["rows"]
    buffer.put(index, packed(bytes(at % (rows * ROW_BYTES))), compression="zlib")


def _move(buffer: Buffer, index: int, at: int) -> None:
    buffer.segments[index]["first_row"] += at + 1


def _overlap(buffer: Buffer, index: int, at: int) -> None:
    buffer.segments[index]["rows"] += at % 3 + 1


def _misname_compression(buffer: Buffer, index: int, _at: int) -> None:
    segment = buffer.segments[index]
    segment["compression"] = {"none": "zlib", "zlib": "none"}[segment["compression"]]


def _misstate_digest(buffer: Buffer, index: int, at: int) -> None:
    buffer.segments[index]["sha256"] = hashlib.sha256(at.to_bytes(8, "big")).hexdigest()


def _shrink_capacity(buffer: Buffer, _index: int, at: int) -> None:
    buffer.description["capacity"] = 1 + at % 12


def _grow_numbers(buffer: Buffer, index: int, at: int) -> None:
    huge = 10 ** (20 + at % 5000)
    name = ("rows", "first_row", "bytes")[at % 3]
    buffer.segments[index][name] = huge
    buffer.description["capacity"] = huge * 10


def _grow_shape(buffer: Buffer, index: int, at: int) -> None:
    with_field(buffer, shape=(2,) * (index + 1) + (1 << (at % 4000 + 27),) * 2)


def _retype(buffer: Buffer, _index: int, at: int) -> None:
    others = ("|O", ">f4", "<f8", "|u1", "<f4" * 2, "float32", "<c8", "|V8")
    with_field(buffer, dtype=others[at % len(others)])


def _replace_by_folder(buffer: Buffer, index: int, _at: int) -> None:
    buffer.path(index).unlink()
    buffer.path(index).mkdir()


def _replace_by_link(buffer: Buffer, index: int, _at: int) -> None:
    other = buffer.path(index).rename(buffer.folder / "other")
    try:
        buffer.path(index).symlink_to(other)
    except OSError:  # Windows wants a right for it; then the segment is missing
        return


DAMAGES: tuple[Callable[[Buffer, int, int], None], ...] = (
    *(_truncate, _flip, _lose, _unlist, _double, _swap, _explode, _starve, _move, _overlap, _misname_compression),
    *(_misstate_digest, _shrink_capacity, _grow_numbers, _grow_shape, _retype, _replace_by_folder, _replace_by_link),
)


def everything_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file below `folder`."""
    for path in sorted(folder.rglob("*")):
        yield path.name, path.read_bytes() if path.is_file() else b""


@settings(max_examples=some(180), deadline=None)
@given(
    damage=st.sampled_from(DAMAGES),
    index=st.integers(0, 2),
    at=st.integers(0, 10_000),
    shared=st.booleans(),
)
def test_any_damage_is_one_sentence_and_nothing_is_written(
    watch: Watch, damage: Callable[[Buffer, int, int], None], index: int, at: int, *, shared: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        buffer = make_buffer(Path(folder) / "replay")
        judged: Judged | None = {} if shared else None
        if shared and damage in (_swap, _double, _misname_compression, _shrink_capacity, _retype, _grow_shape):
            buffer.check(judged=judged)  # what was judged before must not hide what is wrong now
        damage(buffer, index, at)
        before = dict(everything_below(buffer.folder))
        watch.events.clear()
        watch.on = True
        try:
            problem = buffer.refused(judged=judged)
        finally:
            watch.on = False
        assert watch.events == []
        assert dict(everything_below(buffer.folder)) == before
    assert problem.startswith(("its replay segment ", "its replay buffer ", "the array "))
    assert problem.isprintable()
    assert len(problem) < 200
