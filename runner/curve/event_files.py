"""A curve as TensorBoard reads it: one file that takes the place of the one before, so that it stays one run.

A TensorBoard that runs meanwhile comes to the new file by its name, which is behind the old one's, and drops what it
has shown so far where the file says that a run begins at step 0. The old one is emptied, and goes the next time.
"""

from __future__ import annotations

import contextlib
import importlib.util
import time
from itertools import groupby
from typing import TYPE_CHECKING

from contract.storage import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tensorboard.compat.proto.event_pb2 import Event

    from runner.curve.measurements import Curve, Measurement

MOST_POINTS = 5_000
"""Of a key: TensorBoard itself shows 1,000 unless it is asked for more, and the table has all of them."""
_PREFIX, _SUFFIX = "events.out.tfevents.", ".relay"
REPEATS_THE_AXIS = frozenset({"time/total_timesteps", "time/iterations", "time/time_elapsed", "train/n_updates"})
"""What stable-baselines3 keeps out of TensorBoard too."""


def can_be_written() -> bool:
    """Whether the package is here that knows the form of these files."""
    return importlib.util.find_spec("tensorboard") is not None


def write_events(curve: Curve, folder: Path) -> Path:
    """Let `folder` hold the curve and nothing before it; return the file.

    Args:
        curve: the curve.
        folder: of one job; its name is the run's.
    """
    from tensorboard.summary.writer.record_writer import RecordWriter  # noqa: PLC0415 - takes half a second

    before = sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}"))
    target = folder / f"{_PREFIX}{_next_number(before):012d}{_SUFFIX}"
    with files.replacing(target) as temporary, temporary.open("wb") as stream:
        writer = RecordWriter(stream)
        for event in _events(curve):
            writer.write(event.SerializeToString())
    with contextlib.suppress(OSError):  # on Windows those that a TensorBoard reads stay; it drops what is in them
        for each in before[-1:]:  # a TensorBoard that has read it finds no further file once this one is not there
            files.write_bytes(each, b"")
        for each in before[:-1]:
            each.unlink()
    return target


def _next_number(before: Iterable[Path]) -> int:
    """The time, or one more than the number of any file before, where the clock was set back."""
    numbers = [int(number) for each in before if (number := _file_number(each)).isdecimal()]
    return max(int(time.time()), *(number + 1 for number in numbers), 0)


def _file_number(path: Path) -> str:
    return path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)


def _events(curve: Curve) -> Iterator[Event]:
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # noqa: PLC0415 - takes half a second
    from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415 - likewise

    began = curve.measurements[0].at if curve.measurements else 0.0
    yield Event(wall_time=began, file_version="brain.Event:2")
    yield Event(wall_time=began, step=0, session_log=SessionLog(status=SessionLog.START))
    shown = sorted(each for key in curve.keys if key not in REPEATS_THE_AXIS for each in _spread(curve.series(key)))
    for timesteps, measured in groupby(shown, key=lambda each: each.timesteps):
        together = list(measured)
        values = [Summary.Value(tag=each.key, simple_value=each.value) for each in together]
        yield Event(wall_time=together[-1].at, step=timesteps, summary=Summary(value=values))


def _spread(series: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
    """As many points as are worth drawing, evenly, the last one among them."""
    every = -(-len(series) // MOST_POINTS)
    return series if every <= 1 else series[::-1][::every][::-1]
