"""What one session measured: by its own file where that is here, else by the events that it printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.documents import metrics
from contract.documents.metrics import LONGEST_LINE, Row
from contract.errors import RelayError
from contract.events import MARK, split_event
from contract.storage.layout import Artifacts
from restore.metrics import MetricsReader
from restore.reading.spans import UnsoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contract.events import Event
    from runner.lineage import SessionState

MOST_LOG_BYTES = 1 << 30
_MARK = MARK.encode()


def read_rows(session: SessionState, job: str, begins: int, notes: list[str]) -> Iterator[Row]:
    """The rows of a session, in the order in which they were measured.

    Args:
        session: the session.
        job: the job's name.
        begins: the timesteps that it went on from.
        notes: where what cannot be read is told.
    """
    reader = MetricsReader(Artifacts(session.folder.artifacts, job).metrics)
    told = f"session {session.folder.number}: {reader.path.name}"
    try:
        key = session.package.key if session.folder.package_json.exists() else None
        for row in reader.rows():
            if row.key is not None and key is not None and row.key != key:
                notes.append(f"{told} has rows of another session, and is read up to these")
                return
            yield row
    except FileNotFoundError:  # it is still running, or an earlier version's
        yield from _printed(session.folder.log, begins, _about_when(session))
    except (OSError, UnsoundError, RelayError) as error:
        notes.append(f"{told} {error.problem if isinstance(error, UnsoundError) else error}")
        yield from _printed(session.folder.log, begins, _about_when(session))
    if reader.skipped:
        notes.append(f"{told} has {reader.skipped:,} lines that cannot be read")


def _about_when(session: SessionState) -> float:
    """When a session began, as far as the files here tell: its package is sealed just before that."""
    try:
        return session.folder.package_json.stat().st_mtime
    except OSError:
        return 0.0


def _printed(log: Path, begins: int, began_at: float) -> Iterator[Row]:
    """The rows that can be made of what a session printed; the times in them are about right."""
    seconds = 0.0
    for event in _events(log):
        values = event.values
        match event.name:
            case "progress":
                speed = values.get("steps_per_second") or 0.0
                seconds = (values["timesteps"] - begins) / speed if speed > 0 else seconds
                logged = {metrics.MEAN_REWARD: values.get("mean_reward"), "time/fps": speed or None}
                if numbers := metrics.finite_numbers(logged):
                    yield Row("log", values["timesteps"], began_at + seconds, numbers)
            case "evaluation":
                numbers = metrics.finite_numbers({metrics.EVALUATION_MEAN: values["mean_reward"]})
                yield Row("evaluation", values["timesteps"], began_at + seconds, numbers)


def _events(log: Path) -> Iterator[Event]:
    left = MOST_LOG_BYTES
    try:
        with log.open("rb") as stream:
            while left > 0 and (line := stream.readline(LONGEST_LINE)):
                left -= len(line)
                if _MARK not in line:
                    continue
                event = split_event(line.decode("utf-8", "replace").rstrip("\r\n"))[1]
                if event is not None:
                    yield event
    except OSError:
        return
