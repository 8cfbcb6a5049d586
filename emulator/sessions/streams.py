"""The two streams of a script, which Kaggle's records keep apart and an executor's log does not."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "\x1e"
"""Before what was written to the standard error, up to the end of the line; no log of a training has one."""
STDOUT, STDERR = "stdout", "stderr"


def apart(source: str) -> str:
    """A script that runs `source`, and marks what it writes to `sys.stderr`; what its children write there is not."""
    return _APART.replace("SOURCE = ''", f"SOURCE = {source!r}", 1)


def split_streams(text: str) -> Iterator[tuple[str, str]]:
    """Which stream got what of a log, in order; whatever lies side by side in one stream comes together."""
    pieces: list[tuple[str, str]] = []
    for line in re.split(r"(?<=\n)", text):
        before, _, after = line.partition(MARK)
        pieces += ((STDOUT, before), (STDERR, after.replace(MARK, "")))
    for stream, group in itertools.groupby((each for each in pieces if each[1]), key=lambda each: each[0]):
        yield stream, "".join(piece for _, piece in group)


_APART = r"""
import linecache
import re
import sys

SOURCE = ''


class Apart:
    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        self._stream.write("".join("\x1e" + piece for piece in re.split("(?<=\n)", text) if piece))
        self._stream.flush()
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def __getattr__(self, name):
        return getattr(self._stream, name)


sys.stderr = Apart(sys.stderr)
linecache.cache[__file__] = (len(SOURCE), None, SOURCE.splitlines(keepends=True), __file__)
exec(compile(SOURCE, __file__, "exec"), globals())
"""
