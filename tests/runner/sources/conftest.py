"""A folder of sources, and how it is read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from runner.sources import SourceReader, Sources

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = '''"""What it does."""

import math


class Signal:
    """A signal."""

    def phase(self, time):
        """Its phase."""
        return math.floor(time) % 2


async def wait():
    """Wait."""
    return "a string that is no docstring"
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder of sources."""
    folder = tmp_path / "pkg"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "module.py").write_text(PROGRAM, encoding="utf-8")
    (folder / "inner" / "table.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    return folder


def read(*folders: Path) -> Sources:
    """Read them without a memory."""
    return SourceReader(folders[0].parent / "none.json").read(folders)


def later() -> int:
    """The time of a command that comes when all files have long been written."""
    return time.time_ns() + 10_000_000_000
