"""What a job's sessions measured, as one curve: a table, TensorBoard's files, and a look at it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from contract.documents.metrics import EVALUATION_MEAN, MEAN_REWARD
from contract.events import say
from contract.plain_text import encodable, plain
from runner.curve.showing import show
from runner.display import duration_text
from runner.extras import install

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from runner.curve.measurements import Curve, Measurement
    from runner.workspace import Workspace

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60


def show_curve(workspace: Workspace, job: str) -> None:
    """Write the curve of `job`, and say where it is and how it looks.

    Raises:
        RelayError: a document of its sessions is damaged, or the disk is full.
    """
    runs = workspace.runs
    if not runs.sessions(job):
        say(f"{job}: no session has begun, so nothing was measured")
        return
    shown = show(runs, job)
    for line in _lines(shown.curve):
        say(plain(line))
    say(f"  table        {_relative(shown.table, runs.root)}")
    if shown.events is None:
        say(f"  TensorBoard is not installed here; {install('report')}")
    else:
        say(f"  TensorBoard  tensorboard --logdir {_relative(runs.tensorboard, runs.root)}")


def _lines(curve: Curve) -> list[str]:
    reached = curve.stretches[-1].ends if curve.stretches else 0
    count = len(curve.stretches)
    lines = [f"{curve.job}: {reached:,} timesteps in {count} session{'' if count == 1 else 's'}"]
    width = len(f"{reached:,}")
    for each in curve.stretches:
        took = duration_text(max(0.0, each.ended_at - each.started_at))
        why = f"; {each.ending}" if each.ending else ""
        lines.append(f"  session {each.session:04d}  {each.begins:>{width},} to {each.ends:>{width},} in {took}{why}")
    for key in (MEAN_REWARD, EVALUATION_MEAN):
        if series := curve.series(key):
            lines += _look(key, series)
    return [*lines, *(f"  note: {each}" for each in curve.notes)]


def _look(key: str, series: Sequence[Measurement]) -> list[str]:
    best = max(series, key=lambda each: each.value)
    figures = f"{series[0].value:,.2f} at first, {series[-1].value:,.2f} now, at most {best.value:,.2f}"
    lines = [f"  {key}: {figures} at {best.timesteps:,} timesteps"]
    if (drawn := sparkline(series)) == encodable(drawn, sys.stdout):
        lines.append(f"  {drawn}")
    return lines


def sparkline(series: Sequence[Measurement], width: int = _WIDTH) -> str:
    """A line of bars: in each the mean of a part of the timesteps; a blank where nothing was measured."""
    first, last = series[0].timesteps, series[-1].timesteps
    parts: list[list[float]] = [[] for _ in range(min(width, len(series)))]
    for each in series:
        place = (each.timesteps - first) * len(parts) // (last - first + 1)
        parts[place].append(each.value)
    means = [sum(part) / len(part) if part else None for part in parts]
    known = [each for each in means if each is not None]
    low, span = min(known), max(known) - min(known)
    top = len(_BARS) - 1
    return "".join(" " if each is None else _BARS[round(top * (each - low) / span) if span else 0] for each in means)


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
