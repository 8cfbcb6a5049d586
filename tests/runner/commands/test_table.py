"""Tables of any number of rows."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from runner.commands.table import print_table

HEAD = ("job", "session", "resume")
ROWS = [
    ("cart", "0001", "exact"),
    ("a-much-longer-name", "-", "approximate: the environment (\u6f22\u5b57) has no state that it gives back"),
    ("pole", "", ""),
]


@pytest.mark.parametrize("width", [50, 80, 160])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_table_looks_as_richs_does(width: int, encoding: str) -> None:
    ours, theirs = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace", newline="") for _ in range(2))
    table = Table(*HEAD)
    for row in ROWS:
        table.add_row(*map(Text, row))
    Console(file=theirs, width=width).print(table)
    print_table(Console(file=ours, width=width), HEAD, ROWS)
    for each in (ours, theirs):
        each.flush()
    assert ours.buffer.getvalue() == theirs.buffer.getvalue()


def test_a_table_that_has_no_room_loses_letters_and_no_cell() -> None:
    stream = io.StringIO()
    print_table(Console(file=stream, width=12), HEAD, ROWS)
    assert {len(line) for line in stream.getvalue().splitlines()} == {13}  # a letter for each cell
