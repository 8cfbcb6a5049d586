"""A table as rich draws it, of any number of rows: rich takes a millisecond for each, and ten seconds for 10,000."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

_HEAD = operator.attrgetter("head_left", "head_vertical", "head_right")
_BODY = operator.attrgetter("mid_left", "mid_vertical", "mid_right")
_PADDING = 2
"""Of a cell, on both sides together."""


def print_table(console: Console, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table with lines around its cells; what is too long for the console is wrapped within its column."""
    widths = _widths([head, *rows], console.width)
    padded = [width + _PADDING for width in widths]
    drawn = box.HEAVY_HEAD.substitute(console.options)
    top = [_joined(line, *_HEAD(drawn)) for line in _lines(console, head, widths)]
    console.print(Text("\n".join([drawn.get_top(padded), *top]), style="bold"), soft_wrap=True)
    body = [_joined(line, *_BODY(drawn)) for row in rows for line in _lines(console, row, widths)]
    console.file.write("\n".join([drawn.get_row(padded, "head"), *body, drawn.get_bottom(padded), ""]))


def _widths(rows: Sequence[Sequence[str]], most: int) -> list[int]:
    """The width of each column: of its longest cell, where all of them have room; else the widest give way."""
    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    room = max(most - (_PADDING + 1) * len(widths) - 1, len(widths))
    while sum(widths) > room:
        widths[widths.index(max(widths))] -= 1
    return widths


def _lines(console: Console, row: Sequence[str], widths: Sequence[int]) -> Iterator[list[str]]:
    """The lines of a row, each with the whole width of every cell."""
    if all(cell_len(cell) <= width for cell, width in zip(row, widths, strict=True)):
        yield [set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True)]
        return
    wrapped = [
        [line.plain for line in Text(cell).wrap(console, width, overflow="ellipsis")]
        for cell, width in zip(row, widths, strict=True)
    ]
    for number in range(max(map(len, wrapped))):
        yield [
            set_cell_size(lines[number] if number < len(lines) else "", width)
            for lines, width in zip(wrapped, widths, strict=True)
        ]


def _joined(cells: Sequence[str], left: str, between: str, right: str) -> str:
    return f"{left} {f' {between} '.join(cells)} {right}"
