"""What all sessions of a training measured, as one curve.

Every session wrote down what it measured, also on the way beyond its last checkpoint. What counts is what the training
went through: of each session the part between the checkpoint that it went on from and the one that was gone on from.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contract.documents import metrics
from contract.plain_text import one_line
from runner.curve.chain import links
from runner.curve.measurements import Curve, Evaluation, Measurement, Stretch
from runner.curve.session_rows import read_rows
from runner.lineage import Phase, read_lineage
from runner.planning.endings import why_ended

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from contract.documents.metrics import Row
    from runner.curve.chain import Link
    from runner.layout import RunsFolder
    from runner.lineage import SessionState

STILL_RUNNING = "still running"
MOST_KEYS = metrics.MOST_KEYS
"""Of a curve: what sessions measure beyond that many things is left out."""


def stitched(runs: RunsFolder, job: str) -> Curve:
    """The curve of `job`: no key twice at the same timesteps, and no timesteps that the training left again.

    A session that still runs is in it as far as what it measured is here. What cannot be read is noted in the curve.

    Raises:
        RelayError: a document of the job's sessions is damaged.
    """
    lineage = read_lineage(runs, job)
    seam = _Seam()
    chain = links(lineage)
    stretches = [seam.add(link, job) for link in chain]
    seam.notes += _holes(chain)
    return Curve(
        job=job,
        lineage=lineage.generation,
        measurements=tuple(sorted(itertools.chain.from_iterable(seam.series.values()))),
        stretches=tuple(stretches),
        evaluations=tuple(seam.evaluations[each] for each in sorted(seam.evaluations)),
        notes=tuple(seam.notes),
    )


@dataclass
class _Seam:
    """Puts session after session behind each other.

    Args:
        series: what was measured so far of each key, by timesteps.
        evaluations: so far, by timesteps.
        held_back: what the logger had when the latest session was left, and the next one's has not seen.
        notes: what could not be read.
    """

    series: dict[str, list[Measurement]] = field(default_factory=dict)
    evaluations: dict[int, Evaluation] = field(default_factory=dict)
    held_back: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, link: Link, job: str) -> Stretch:
        """Take in what belongs to the training of one more session."""
        number, begins, reached = link.session.number, link.begins, link.begins
        held_back: dict[str, float] = {}
        times: list[float] = []
        for row in read_rows(link.session, job, begins, self.notes):
            if row.kind == "session":
                times.append(row.at)
            if row.timesteps < begins or (link.ends is not None and row.timesteps > link.ends):
                continue
            times.append(row.at)
            reached = max(reached, row.timesteps)
            if row.kind == "evaluation":  # one that was due where the session went on from is its first act
                self._note(row, number, row.values)
                if row.rewards:
                    found = Evaluation(row.timesteps, row.rewards, row.lengths, number, row.at)
                    self.evaluations[row.timesteps] = found
            elif row.kind == "pending":
                held_back = dict(row.values) if row.timesteps == link.ends else {}
            elif row.timesteps > begins and row.kind == "log":
                self._note(row, number, {**self.held_back, **row.values})
                self.held_back = {}
            elif row.timesteps > begins and row.kind == "episodes":
                self._note(row, number, _means(row))
        self.held_back = {**self.held_back, **held_back}
        ends = reached if link.ends is None else link.ends
        started_at, ended_at = (min(times), max(times)) if times else _times_on_disk(link.session)
        return Stretch(number, begins, ends, started_at, ended_at, _ending(link.session))

    def _note(self, row: Row, session: int, values: Mapping[str, float]) -> None:
        for key, value in values.items():
            series = self.series.get(key)
            if series is None:
                if len(self.series) >= MOST_KEYS:
                    continue
                series = self.series[key] = []
            latest = series[-1] if series else None
            if latest is not None and row.timesteps < latest.timesteps:
                continue  # no session goes backwards: its file was tampered with
            measured = Measurement(row.timesteps, key, value, session, row.at)
            if latest is not None and row.timesteps == latest.timesteps:
                series[-1] = measured
            else:
                series.append(measured)


def _holes(chain: Sequence[Link]) -> Iterator[str]:
    """What is missing, since a session is gone from which another one went on."""
    reached = 0
    for link in chain:
        parent = link.session.request.parent if link.session.folder.request.exists() else None
        if parent is not None and link.begins > reached and not link.session.is_adopted:
            missing = f"{reached:,} to {link.begins:,} timesteps"
            yield f"session {parent.session} is gone, and with it what was measured from {missing}"
        reached = link.begins if link.ends is None else link.ends


def _means(row: Row) -> dict[str, float]:
    """Of the episodes that ended in one step, of which there are several where several environments act at once."""
    if not row.rewards:
        return {}
    count = len(row.rewards)
    return {metrics.EPISODE_REWARD: sum(row.rewards) / count, metrics.EPISODE_LENGTH: sum(row.lengths) / count}


def _ending(session: SessionState) -> str:
    """Why a session ended, in its own words or those of where it ran; empty where it met its goal."""
    if session.phase is not Phase.RESTORED:
        return STILL_RUNNING if session.phase < Phase.EXECUTED else ""
    if session.is_adopted or not session.folder.execution_json.exists():
        return ""
    ending = why_ended(session)
    if ending is None:
        return ""
    return one_line(session.restored.outcome.interrupted_by or session.execution.reason or str(ending))


def _times_on_disk(session: SessionState) -> tuple[float, float]:
    """When a session of which nothing tells began and ended, as far as its files here tell."""
    times = [
        path.stat().st_mtime for path in (session.folder.package_json, session.folder.execution_json) if path.exists()
    ]
    return (min(times), max(times)) if times else (0.0, 0.0)
