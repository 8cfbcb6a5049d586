"""Zips written byte by byte, so that each of their fields may lie.

Source: PKWARE's APPNOTE 6.3.10, section 4.3.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOCAL = dict(
    zip(
        ("signature", "version", "flags", "method", "time", "date", "crc", "packed", "size", "name", "extra"),
        "IHHHHHIIIHH",
        strict=True,
    )
)
CENTRAL = dict(
    zip(
        (
            *("signature", "made_by", "version", "flags", "method", "time", "date", "crc", "packed", "size"),
            *("name", "extra", "comment", "disk", "internal", "external", "offset"),
        ),
        "IHHHHHHIIIHHHHHII",
        strict=True,
    )
)
END = dict(
    zip(
        ("signature", "disk", "first_disk", "here", "count", "size", "start", "comment"),
        "IHHHHIIH",
        strict=True,
    )
)
WIDTHS = {"H": 16, "I": 32, "Q": 64}


def header(layout: Mapping[str, str], values: Mapping[str, int], lies: Mapping[str, int]) -> bytes:
    """The fields of `layout` with their values, or with what a lie puts in their place."""
    told = {"version": 20, "date": 0x21, **values, **lies}
    return struct.pack(f"<{''.join(layout.values())}", *(told.get(name, 0) for name in layout))


@dataclass(frozen=True)
class Entry:
    """A member.

    Args:
        name: its bytes, in both headers.
        content: what stands behind the local header.
        local, central: fields of the two headers that lie.
        local_name: the name in the local header, where it is another.
        local_extra, central_extra: the extra fields of the two headers.
        comment: of the member, in the directory.
        after: what stands behind the content.
    """

    name: bytes
    content: bytes
    local: Mapping[str, int] = field(default_factory=dict)
    central: Mapping[str, int] = field(default_factory=dict)
    local_name: bytes | None = None
    local_extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    after: bytes = b""

    def lying(self, **lies: int) -> Entry:
        """With lies in both headers."""
        return replace(self, local={**self.local, **lies}, central={**self.central, **lies})

    def _truth(self) -> dict[str, int]:
        flags = 0 if self.name.isascii() else 1 << 11
        size = len(self.content)
        return {"flags": flags, "crc": zlib.crc32(self.content), "packed": size, "size": size, "name": len(self.name)}

    def begin(self) -> bytes:
        """Its local header, its content and what stands behind it."""
        name = self.name if self.local_name is None else self.local_name
        values = {**self._truth(), "signature": 0x04034B50, "name": len(name), "extra": len(self.local_extra)}
        return header(LOCAL, values, self.local) + name + self.local_extra + self.content + self.after

    def listing(self, offset: int) -> bytes:
        """Its header in the directory."""
        values = {
            **self._truth(),
            "signature": 0x02014B50,
            "extra": len(self.central_extra),
            "comment": len(self.comment),
            "offset": offset,
        }
        return header(CENTRAL, values, self.central) + self.name + self.central_extra + self.comment


@dataclass(frozen=True)
class Packed:
    """A zip of these members.

    Args:
        entries: in the order of the file.
        listed: the places of the members in the order of the directory; None for that of the file.
        end: fields of the end record that lie.
        before, gap, between, after: bytes before the first member, the directory, the end record, the end of the file.
    """

    entries: tuple[Entry, ...]
    listed: tuple[int, ...] | None = None
    end: Mapping[str, int] = field(default_factory=dict)
    before: bytes = b""
    gap: bytes = b""
    between: bytes = b""
    after: bytes = b""

    def changed(self, index: int, change: Callable[[Entry], Entry]) -> Packed:
        """With another member in the place of one."""
        entries = list(self.entries)
        entries[index] = change(entries[index])
        return replace(self, entries=tuple(entries))

    def place(self, name: str) -> int:
        """Where a member stands."""
        return [entry.name for entry in self.entries].index(name.encode())

    def pack(self) -> bytes:
        """The bytes of the file."""
        body = bytearray(self.before)
        offsets = []
        for entry in self.entries:
            offsets.append(len(body))
            body += entry.begin()
        body += self.gap
        listed = range(len(self.entries)) if self.listed is None else self.listed
        directory = b"".join(self.entries[index].listing(offsets[index]) for index in listed)
        values = {
            "signature": 0x06054B50,
            "here": len(listed),
            "count": len(listed),
            "size": len(directory),
            "start": len(body),
        }
        return bytes(body) + directory + self.between + header(END, values, self.end) + self.after


def packed(members: Mapping[str, bytes]) -> Packed:
    """A sound zip of these members."""
    return Packed(tuple(Entry(name.encode("utf-8", "surrogatepass"), content) for name, content in members.items()))


def unpacked(content: bytes) -> dict[str, bytes]:
    """The members of a sound zip."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
