"""A curve as CSV: a line for each timesteps at which something was measured, a column for each key.

So that it is one call to draw any of it: `pandas.read_csv(path, index_col="timesteps")["eval/mean_reward"].dropna()`.
"""

from __future__ import annotations

import csv
import io
from itertools import groupby
from typing import TYPE_CHECKING

from contract.storage import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from runner.curve.measurements import Curve

TIMESTEPS = "timesteps"
SESSION = "session"
WHEN = "unix_time"


def write_table(curve: Curve, path: Path) -> None:
    """Replace the table at `path`, durably."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows(_lines(curve))
    files.write_bytes(path, written.getvalue().encode())


def _lines(curve: Curve) -> Iterator[list[str]]:
    keys = curve.keys
    columns = {key: index for index, key in enumerate(keys, start=3)}
    yield [TIMESTEPS, SESSION, WHEN, *keys]
    for timesteps, measured in groupby(curve.measurements, key=lambda each: each.timesteps):
        line = [str(timesteps), *[""] * (2 + len(keys))]
        for each in measured:
            line[1], line[2] = str(each.session), f"{each.at:.3f}"
            line[columns[each.key]] = repr(each.value)
        yield line
