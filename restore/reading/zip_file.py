"""Zips from strangers: every byte is accounted for before a member is read, and nothing is extracted.

A zip says everything twice, in each member's local header and in the central directory at its end,
and tolerates bytes that belong to neither. Two programs may thus read two contents out of one file.
Here both must agree, members stand one after the other without gap or overlap, and all are stored
as they are: what is read is never larger than the file.

Sources: PKWARE's APPNOTE 6.3.10, sections 4.3 (structure), 4.4 (fields), 4.5.3 (zip64 sizes) and
4.6.9 (the Unicode path, which renames a member for some readers only).
"""

from __future__ import annotations

import stat
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from contract.errors import shown
from restore.reading.member_names import checked_name, refuse_doubles
from restore.reading.spans import Span, UnsoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCAL_SIGNATURE = b"PK\x03\x04"
_CENTRAL_SIGNATURE = b"PK\x01\x02"
_DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
_END_SIGNATURE = b"PK\x05\x06"
_END64_SIGNATURE = b"PK\x06\x06"
_LOCATOR64_SIGNATURE = b"PK\x06\x07"

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_DESCRIPTOR = struct.Struct("<4s3I")
_DESCRIPTOR64 = struct.Struct("<4sI2Q")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64 = struct.Struct("<4sIQI")
_EXTRA = struct.Struct("<2H")

_FLAG_ENCRYPTED = 1 << 0
_FLAG_DESCRIPTOR = 1 << 3
_FLAG_UTF8 = 1 << 11
_STORED = 0
_VERSION_ZIP64 = 45
_EXTRA_ZIP64 = 0x0001
_EXTRA_UNICODE_PATH = 0x7075
_DOS_FOLDER = 0x10
_IN_ZIP64_16 = 0xFFFF
_IN_ZIP64_32 = 0xFFFFFFFF

_DIRECTORY_BYTES_PER_MEMBER = 1024


class ArchiveLimits(NamedTuple):
    """How much a zip may hold: `members`, and `total_bytes` in all."""

    members: int
    total_bytes: int


@dataclass(frozen=True)
class Member:
    """A member as the central directory has it; `data_offset` counts from the start of the zip."""

    name: str
    size: int
    crc: int
    data_offset: int


class _Entry(NamedTuple):
    raw_name: bytes
    name: str
    flags: int
    size: int
    crc: int
    offset: int


class StrictZip:
    """The members of a zip that holds what it says, stored, and not a byte more.

    Everything but the CRCs is checked here, a member's CRC whenever it is read.

    Args:
        source: an open binary file, or a range of one (a zip inside a zip).
        limits: how much it may hold.

    Raises:
        UnsoundError: it is no zip, is cut off, breaks a limit, or has a member that is encrypted,
            compressed, a link or folder, doubled, overlapping, or named to leave its folder.
    """

    def __init__(self, source: BinaryIO | Span, limits: ArchiveLimits) -> None:
        self._span = source if isinstance(source, Span) else Span(source)
        if self._span.size > limits.total_bytes:
            raise UnsoundError(f"has {self._span.size:,} bytes, more than the {limits.total_bytes:,} allowed")
        start, end, count = _find_directory(self._span)
        if count > limits.members:
            raise UnsoundError(f"has {count:,} members, more than the {limits.members:,} allowed")
        if end - start > limits.members * _DIRECTORY_BYTES_PER_MEMBER:
            raise UnsoundError(f"has a directory of {end - start:,} bytes, too large to be sound")
        entries = _read_directory(self._span.read(start, end - start), count)
        refuse_doubles(entry.name for entry in entries)
        self.members = _locate(self._span, entries, start)

    @property
    def names(self) -> tuple[str, ...]:
        """The members' names in the order of the directory."""
        return tuple(self.members)

    def span(self, name: str) -> Span:
        """The bytes of a member, with its CRC left unchecked.

        Raises:
            UnsoundError: there is no such member.
        """
        member = self._member(name)
        return self._span.part(member.data_offset, member.size)

    def stream(self, name: str) -> Iterator[bytes]:
        """The bytes of a member in pieces; the CRC is known good only when all have been taken.

        Raises:
            UnsoundError: there is no such member, or its CRC is wrong.
        """
        crc = 0
        for chunk in self.span(name).chunks():
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if crc != self._member(name).crc:
            expected = self._member(name).crc
            raise UnsoundError(f"member {shown(name)} is damaged: CRC {crc:08x} instead of {expected:08x}")

    def read(self, name: str, limit: int) -> bytes:
        """A whole member of at most `limit` bytes.

        Raises:
            UnsoundError: there is no such member, it is larger, or its CRC is wrong.
        """
        size = self._member(name).size
        if size > limit:
            raise UnsoundError(f"member {shown(name)} has {size:,} bytes, more than the {limit:,} allowed")
        return b"".join(self.stream(name))

    def _member(self, name: str) -> Member:
        try:
            return self.members[name]
        except KeyError:
            raise UnsoundError(f"lacks the member {shown(name)}") from None


def _find_directory(span: Span) -> tuple[int, int, int]:
    """Start, end and number of entries of the central directory."""
    end = span.size - _END.size
    if end < 0:
        raise UnsoundError(f"is not a zip: {span.size:,} bytes are fewer than the smallest one has")
    signature, disk, first_disk, here, count, size, start, comment = _END.unpack(span.read(end, _END.size))
    if signature != _END_SIGNATURE or comment:
        raise UnsoundError("does not end as a zip does: it is cut off, or something was added to it")
    if span.read(max(0, end - _LOCATOR64.size), 4) == _LOCATOR64_SIGNATURE:
        narrow = (disk, first_disk, here, count, size, start)
        end = max(0, end - _LOCATOR64.size - _END64.size)
        signature, record, _, _, disk, first_disk, here, count, size, start = _END64.unpack(span.read(end, _END64.size))
        locator = _LOCATOR64.unpack(span.read(end + _END64.size, _LOCATOR64.size))
        wide = (disk, first_disk, here, count, size, start)
        if signature != _END64_SIGNATURE or record != _END64.size - 12 or locator[1:] != (0, end, 1):
            raise UnsoundError("has a damaged zip64 end record")
        marks = (*[_IN_ZIP64_16] * 4, *[_IN_ZIP64_32] * 2)
        if any(low not in (high, mark) for low, high, mark in zip(narrow, wide, marks, strict=True)):
            raise UnsoundError("has two end records that contradict each other")
    if disk or first_disk or here != count:
        raise UnsoundError("is one part of a zip that was split")
    if start + size != end:
        raise UnsoundError(f"has {end - start - size:+,} bytes between its directory and its end, instead of none")
    return start, end, count


def _read_directory(directory: bytes, count: int) -> list[_Entry]:
    entries: list[_Entry] = []
    offset = 0
    for _ in range(count):
        if offset + _CENTRAL.size > len(directory):
            raise UnsoundError(f"has a directory of {len(entries):,} members instead of {count:,}")
        fields = _CENTRAL.unpack_from(directory, offset)
        (name_length, extra_length, comment_length) = fields[10:13]
        name_at = offset + _CENTRAL.size
        extra_at = name_at + name_length
        offset = extra_at + extra_length + comment_length
        if fields[0] != _CENTRAL_SIGNATURE or offset > len(directory):
            raise UnsoundError(f"has a damaged directory after {len(entries):,} members")
        entries.append(_read_entry(fields, directory[name_at:extra_at], directory[extra_at : extra_at + extra_length]))
    if offset != len(directory):
        raise UnsoundError(f"has a directory of more than the {count:,} members that it states")
    return entries


def _read_entry(fields: tuple[int, ...], raw_name: bytes, extra: bytes) -> _Entry:
    (_, _, version, flags, method, _, _, crc, packed, size, _, _, _, disk, _, attributes, offset) = fields
    name = checked_name(raw_name, "utf-8" if flags & _FLAG_UTF8 else "ascii")
    _check_method(name, flags, method)
    size, packed, offset = _widened(name, extra, (size, packed, offset))
    if packed != size:
        raise UnsoundError(f"member {shown(name)} is stored in {packed:,} bytes but states {size:,}")
    if version > _VERSION_ZIP64 or disk:
        raise UnsoundError(f"member {shown(name)} needs a kind of zip that nothing here writes")
    if stat.S_IFMT(attributes >> 16) not in (0, stat.S_IFREG) or attributes & _DOS_FOLDER:
        raise UnsoundError(f"member {shown(name)} is not a plain file (a link, a folder or a device)")
    return _Entry(raw_name, name, flags, size, crc, offset)


def _check_method(name: str, flags: int, method: int) -> None:
    if flags & _FLAG_ENCRYPTED:
        raise UnsoundError(f"member {shown(name)} is encrypted")
    if method != _STORED:
        raise UnsoundError(f"member {shown(name)} is compressed (method {method}): members must be stored as they are")
    if flags & ~(_FLAG_DESCRIPTOR | _FLAG_UTF8):
        raise UnsoundError(f"member {shown(name)} has the unknown flags {flags:#06x}")


def _locate(span: Span, entries: list[_Entry], directory_start: int) -> dict[str, Member]:
    """The members in directory order, after a walk over their local headers in file order."""
    by_offset = sorted(entries, key=lambda entry: entry.offset)
    members = {}
    reached = 0
    for entry in by_offset:
        if entry.offset != reached:
            raise UnsoundError(
                f"member {shown(entry.name)} begins at byte {entry.offset:,} instead of {reached:,}: "
                "members overlap, or something lies between them"
            )
        data_offset = _check_local_header(span, entry)
        reached = data_offset + entry.size
        if reached > directory_start:
            raise UnsoundError(f"member {shown(entry.name)} of {entry.size:,} bytes reaches past the end")
        if entry.flags & _FLAG_DESCRIPTOR:
            reached += _descriptor_size(span, entry, reached)
        members[entry.name] = Member(entry.name, entry.size, entry.crc, data_offset)
    if reached != directory_start:
        raise UnsoundError(f"has {directory_start - reached:+,} bytes that belong to no member")
    return {entry.name: members[entry.name] for entry in entries}


def _check_local_header(span: Span, entry: _Entry) -> int:
    """Where the member's data begins, after its local header was found to agree with the directory."""
    header = span.read(entry.offset, _LOCAL.size)
    signature, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(header)
    name_and_extra = span.read(entry.offset + _LOCAL.size, name_length + extra_length)
    raw_name, extra = name_and_extra[:name_length], name_and_extra[name_length:]
    # A header that was written before the data says 0 and leaves the figures to a descriptor behind the data.
    wide_size, wide_packed, _ = _widened(entry.name, extra, (size, packed, 0))
    stated = (crc, wide_packed, wide_size)
    allowed = [(entry.crc, entry.size, entry.size), *([(0, 0, 0)] if flags & _FLAG_DESCRIPTOR else [])]
    expected = (LOCAL_SIGNATURE, entry.flags, _STORED, entry.raw_name)
    if (signature, flags, method, raw_name) != expected or stated not in allowed:
        raise UnsoundError(f"member {shown(entry.name)} has a local header that contradicts the directory")
    data_offset: int = entry.offset + _LOCAL.size + name_length + extra_length
    return data_offset


def _descriptor_size(span: Span, entry: _Entry, offset: int) -> int:
    narrow = _DESCRIPTOR.pack(_DESCRIPTOR_SIGNATURE, entry.crc, entry.size & _IN_ZIP64_32, entry.size & _IN_ZIP64_32)
    wide = _DESCRIPTOR64.pack(_DESCRIPTOR_SIGNATURE, entry.crc, entry.size, entry.size)
    for expected in (narrow, wide):
        if offset + len(expected) <= span.size and span.read(offset, len(expected)) == expected:
            return len(expected)
    raise UnsoundError(f"member {shown(entry.name)} has a data descriptor that contradicts the directory")


def _widened(name: str, extra: bytes, values: tuple[int, int, int]) -> tuple[int, int, int]:
    """`values` (size, packed size, offset), with those that overflow 32 bits from the zip64 extra field."""
    wide: bytes | None = None
    offset = 0
    while offset < len(extra):
        if offset + _EXTRA.size > len(extra):
            raise UnsoundError(f"member {shown(name)} has a damaged extra field")
        kind, length = _EXTRA.unpack_from(extra, offset)
        offset += _EXTRA.size + length
        if offset > len(extra) or kind == _EXTRA_UNICODE_PATH or (kind == _EXTRA_ZIP64 and wide is not None):
            raise UnsoundError(f"member {shown(name)} has a damaged, doubled or renaming extra field")
        if kind == _EXTRA_ZIP64:
            wide = extra[offset - length : offset]
    widened = []
    place = 0
    for value in values:
        if value != _IN_ZIP64_32:
            widened.append(value)
            continue
        if wide is None or place + 8 > len(wide):
            raise UnsoundError(f"member {shown(name)} lacks the zip64 figures that it points to")
        widened.append(int.from_bytes(wide[place : place + 8], "little"))
        place += 8
    size, packed, start = widened
    return size, packed, start
