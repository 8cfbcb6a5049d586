"""Writes a job's curve to where people look for it, and brings it up to date where they have."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from contract.errors import RelayError, shown
from contract.events import say

if TYPE_CHECKING:
    from pathlib import Path

    from runner.curve.measurements import Curve
    from runner.layout import RunsFolder


class Shown(NamedTuple):
    """Where a curve was written: the table, and TensorBoard's file where its package is here."""

    curve: Curve
    table: Path
    events: Path | None


def show(runs: RunsFolder, job: str) -> Shown:
    """Write what was measured of `job` so far.

    Raises:
        RelayError: a document of its sessions is damaged, or the disk does not take it.
    """
    from runner.curve.event_files import can_be_written, write_events  # noqa: PLC0415 - most commands show no curve
    from runner.curve.stitching import stitched  # noqa: PLC0415 - likewise
    from runner.curve.table import write_table  # noqa: PLC0415 - likewise

    curve = stitched(runs, job)
    try:
        write_table(curve, runs.curve(job))
        events = write_events(curve, runs.tensorboard / job) if can_be_written() else None
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        raise RelayError(str(error.filename or runs.curve(job)), problem, "see that there is space for it") from error
    return Shown(curve, runs.curve(job), events)


def put_away(runs: RunsFolder, job: str, archived: Path) -> None:
    """Let TensorBoard show a lineage that was archived under its archive's name, beside the one to come."""
    with contextlib.suppress(OSError):  # there is none, or on Windows one that a TensorBoard reads
        (runs.tensorboard / job).rename(runs.tensorboard / archived.name)


def bring_up_to_date(runs: RunsFolder, job: str) -> None:
    """Write the curve of `job` again, if it has been asked for before; nothing is worth failing for."""
    if not (runs.curve(job).exists() or (runs.tensorboard / job).exists()):
        return
    try:
        show(runs, job)
    except (RelayError, OSError, ValueError) as error:
        say(f"the curve of {job} is as it was: {shown(str(error))}")
