"""What a zip's headers can say that is not so: each of these makes a sound zip unsound."""

from __future__ import annotations

import functools
import io
import stat
import struct
import zipfile
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.restore.fuzz.zips import END, WIDTHS, Entry, Packed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.restore.fuzz.guard import Draw

    Damage = Callable[[Draw, Packed], Packed]

WIDE = 0xFFFFFFFF
UNFOLDED = 80 << 20


def integers(width: int) -> st.SearchStrategy[int]:
    """Numbers of so many bits; those at the edges are likely."""
    largest = (1 << width) - 1
    return st.one_of(st.sampled_from([0, 1, largest >> 1, largest - 1, largest]), st.integers(0, largest))


def other(value: int, width: int) -> st.SearchStrategy[int]:
    """Numbers of so many bits but for one."""
    return integers(width).filter(lambda each: each != value)


def _one(draw: Draw, packed: Packed, change: Callable[[Entry], Entry]) -> Packed:
    return packed.changed(draw(st.integers(0, len(packed.entries) - 1)), change)


def _special_file(draw: Draw, packed: Packed) -> Packed:
    kinds = [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK]
    attributes = st.one_of(st.sampled_from(kinds).map(lambda kind: (kind | 0o777) << 16), st.just(0x10))
    external = draw(attributes)
    return _one(draw, packed, lambda entry: replace(entry, central={**entry.central, "external": external}))


def deflated(content: bytes) -> bytes:
    """As a zip has it: without zlib's own header."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(content) + compressor.flush()


def _compressed(draw: Draw, packed: Packed) -> Packed:
    """Compressed in earnest, with a size that may be a lie, and said by one header or both."""
    honest, in_local = draw(st.booleans()), draw(st.booleans())
    size = draw(integers(32))

    def change(entry: Entry) -> Entry:
        lies = {"method": 8, "size": len(entry.content) if honest else size, "crc": zlib.crc32(entry.content)}
        small = replace(entry, content=deflated(entry.content), central=lies)
        return replace(small, local=lies) if in_local else small

    return _one(draw, packed, change)


def _method(draw: Draw, packed: Packed) -> Packed:
    method = draw(st.one_of(st.sampled_from([8, 9, 12, 14, 93, 95, 99]), other(0, 16)))
    sides = draw(st.sampled_from([("local",), ("central",), ("local", "central")]))
    lies: dict[str, Any] = {side: {"method": method} for side in sides}
    return _one(draw, packed, lambda entry: replace(entry, **lies))


def _flags(draw: Draw, packed: Packed) -> Packed:
    bits = draw(st.integers(1, 0xFFFF).filter(lambda each: each & ~((1 << 3) | (1 << 11))))
    return _one(draw, packed, lambda entry: entry.lying(flags=bits))


def _size(draw: Draw, packed: Packed) -> Packed:
    """One of the four sizes, or all of them in accord."""
    sides = draw(st.sampled_from([("local",), ("central",), ("local", "central")]))
    names = draw(st.sampled_from([("packed",), ("size",), ("packed", "size")]))
    index = draw(st.integers(0, len(packed.entries) - 1))
    size = draw(other(len(packed.entries[index].content), 32))
    lies: dict[str, Any] = dict.fromkeys(sides, dict.fromkeys(names, size))
    return packed.changed(index, lambda entry: replace(entry, **lies))


def _crc(draw: Draw, packed: Packed) -> Packed:
    index = draw(st.integers(0, len(packed.entries) - 1))
    crc = draw(other(zlib.crc32(packed.entries[index].content), 32))
    return packed.changed(index, lambda entry: entry.lying(crc=crc))


def _silent(draw: Draw, packed: Packed) -> Packed:
    """The local header leaves the figures to a descriptor, and says of none."""
    full = [index for index, entry in enumerate(packed.entries) if entry.content]
    nothing = {"crc": 0, "packed": 0, "size": 0}
    return packed.changed(draw(st.sampled_from(full)), lambda entry: replace(entry, local=nothing))


def _offset(draw: Draw, packed: Packed) -> Packed:
    """A member begins where it does not; where another begins is likely."""
    reached, starts = 0, []
    for entry in packed.entries:
        starts.append(reached)
        reached += len(entry.begin())
    index = draw(st.integers(0, len(starts) - 1))
    elsewhere = [start for start in starts if start != starts[index]]
    offset = draw(st.one_of(st.sampled_from(elsewhere), other(starts[index], 32)))
    return packed.changed(index, lambda entry: replace(entry, central={**entry.central, "offset": offset}))


def _part(draw: Draw, packed: Packed) -> Packed:
    lie = draw(st.one_of(st.fixed_dictionaries({"disk": other(0, 16)}), st.just({"version": 63})))
    return _one(draw, packed, lambda entry: replace(entry, central={**entry.central, **lie}))


def _two_names(draw: Draw, packed: Packed) -> Packed:
    """The local header names another file than the directory."""
    swapped = draw(st.sampled_from([bytes.swapcase, lambda name: name[:-1], lambda name: name + b"x", lambda _: b"x"]))
    return _one(draw, packed, lambda entry: replace(entry, local_name=swapped(entry.name)))


def _extra(draw: Draw, packed: Packed) -> Packed:
    """An extra field that is cut off, doubled, or names the member anew."""
    crc = 0x12345678
    renaming = struct.pack("<HHBI", 0x7075, 9, 1, crc) + b"evil"
    extra = draw(
        st.sampled_from(
            [renaming, b"\x01", b"\x01\x00\xff\xff", b"\x42\x46\x04\x00abc", struct.pack("<HHQ", 1, 8, 0) * 2]
        )
    )
    side = draw(st.sampled_from(["local_extra", "central_extra"]))
    return _one(draw, packed, lambda entry: replace(entry, **{side: extra}))


def _wide(draw: Draw, packed: Packed) -> Packed:
    """Sizes that are said to stand in a zip64 field, which is missing, short, or lies."""
    index = draw(st.integers(0, len(packed.entries) - 1))
    length = len(packed.entries[index].content)
    size = draw(other(length, 64))
    figures = draw(st.sampled_from([b"", struct.pack("<Q", size), struct.pack("<QQ", size, size), b"\1\2\3"]))
    extra = struct.pack("<HH", 1, len(figures)) + figures if draw(st.booleans()) else b""
    lies = {"packed": WIDE, "size": WIDE}
    return packed.changed(index, lambda entry: replace(entry.lying(**lies), local_extra=extra, central_extra=extra))


def _descriptor(draw: Draw, packed: Packed) -> Packed:
    """A descriptor behind the data is announced, and lies or is not there."""
    index = draw(st.integers(0, len(packed.entries) - 1))
    entry = packed.entries[index]
    figures = (zlib.crc32(entry.content), len(entry.content), len(entry.content))
    wrong = list(figures)
    wrong[draw(st.integers(0, 2))] ^= 1 << draw(st.integers(0, 31))
    after = draw(
        st.sampled_from([b"", struct.pack("<3I", *figures), struct.pack("<4s3I", b"PK\x07\x08", *wrong), b"PK\x07\x08"])
    )
    flags = 1 << 3 if entry.name.isascii() else 1 << 3 | 1 << 11
    return packed.changed(index, lambda entry: replace(entry.lying(flags=flags), after=after))


def _stray(draw: Draw, packed: Packed) -> Packed:
    """Bytes that belong to nothing."""
    stray = draw(st.one_of(st.binary(min_size=1, max_size=30), st.just(b"PK\x05\x06" + bytes(18)), st.just(bytes(999))))
    place = draw(st.sampled_from(["before", "gap", "between", "after", "behind a member"]))
    if place == "behind a member":
        return _one(draw, packed, lambda entry: replace(entry, after=stray))
    return replace(packed, **{place: stray})


def _end(draw: Draw, packed: Packed) -> Packed:
    name = draw(st.sampled_from([name for name in END if name != "signature"]))
    truth = {"here": len(packed.entries), "count": len(packed.entries)}.get(name)
    if name in {"size", "start"}:
        truth = int.from_bytes(packed.pack()[-10:-6] if name == "size" else packed.pack()[-6:-2], "little")
    return replace(packed, end={name: draw(other(truth or 0, WIDTHS[END[name]]))})


def _wide_end(draw: Draw, packed: Packed) -> Packed:
    """A zip64 end record and a plain one that say two things, or a locator that leads elsewhere."""
    count, content = len(packed.entries), packed.pack()
    size, start = struct.unpack("<II", content[-10:-2])
    truth = [44, 45, 45, 0, 0, count, count, size, start]
    locator = (0, start + size, 1)
    liar = draw(st.sampled_from(["wide", "narrow", "locator"]))
    if liar == "wide":
        place = draw(st.sampled_from([0, 3, 4, 5, 6, 7, 8]))
        truth[place] = draw(other(truth[place], 32))
    if liar == "locator":
        locator = draw(st.sampled_from([(1, start + size, 1), (0, start, 1), (0, 0, 9)]))
    record = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", *truth) + struct.pack("<4sIQI", b"PK\x06\x07", *locator)
    if liar != "narrow":
        return replace(packed, between=record)
    name, value = draw(
        st.sampled_from(list({"disk": 0, "here": count, "count": count, "size": size, "start": start}.items()))
    )
    width = WIDTHS[END[name]]  # all ones only say that the other record has it
    return replace(
        packed, between=record, end={name: draw(other(value, width).filter(lambda each: each != (1 << width) - 1))}
    )


def _overlapping(draw: Draw, packed: Packed) -> Packed:
    """Many entries share the bytes of one: a bomb without compression."""
    index = draw(st.integers(0, len(packed.entries) - 1))
    times = draw(st.integers(2, 40))
    return replace(packed, listed=(*range(len(packed.entries)), *([index] * times)))


def _unlisted(draw: Draw, packed: Packed) -> Packed:
    """The directory lacks a member, or has one twice, and the number of members may agree with it or not."""
    places = list(range(len(packed.entries)))
    index = draw(st.sampled_from(places))
    listed = draw(st.sampled_from([[each for each in places if each != index], [*places, index], []]))
    count = draw(st.sampled_from([len(listed), len(places)]))
    return replace(packed, listed=tuple(listed), end={"here": count, "count": count})


DAMAGES: tuple[Damage, ...] = (
    *(_special_file, _compressed, _method, _flags, _size, _crc, _silent, _offset, _part, _two_names, _extra, _wide),
    *(_descriptor, _stray, _end, _wide_end, _overlapping, _unlisted),
)


@functools.cache
def zeros() -> bytes:
    """Compressed: more, once unfolded, than anything may use that reads a small input."""
    return deflated(bytes(UNFOLDED))


@functools.cache
def bomb(levels: int) -> bytes:
    """A zip of a member of zeros, in as many zips as there are levels."""
    content = bytes(UNFOLDED)
    for level in range(levels):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            archive.writestr(f"{level}.zip", content)
        content = stream.getvalue()
    return content
