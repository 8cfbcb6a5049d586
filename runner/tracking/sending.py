"""Brings a job's run in a tracker up to date: nothing twice and nothing left out, whatever ended the command before."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from filelock import FileLock, Timeout

from contract.errors import HeldElsewhereError
from runner.curve.chain import links
from runner.curve.stitching import stitched
from runner.lineage import read_lineage
from runner.tracking import described, plan
from runner.tracking.values import Run, Tracked, UnknownRowsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.curve.measurements import Curve
    from runner.layout import RunsFolder
    from runner.lineage import Lineage
    from runner.tracking.plan import Settled
    from runner.tracking.values import Place, Tracker


class Delivery(NamedTuple):
    """What came of it.

    Args:
        run: the run that the job is now.
        where: it is to be seen; empty where nothing was ever sent.
        points: how many measurements were sent.
        known: up to where the training is settled.
        why_anew: why each further part was begun, in words.
        notes: what could not be read of what sessions measured.
    """

    run: Run
    where: str
    points: int
    known: Settled
    why_anew: tuple[str, ...]
    notes: tuple[str, ...]


def deliver(runs: RunsFolder, job: str, group: str, place: Place, tracker: Tracker) -> Delivery:
    """Send what `tracker` lacks of the curve of `job`, up to its newest checkpoint.

    Args:
        runs: where the job's sessions lie.
        job: its name.
        group: what it is compared within, or nothing.
        place: where what was sent is noted.
        tracker: where to.

    Raises:
        RelayError: a document is damaged, the tracker gives no answer, or another command is at it.
    """
    with _alone(place, tracker.name, job):
        lineage = read_lineage(runs, job)
        chain = links(lineage)
        curve, known = _called_as_by(tracker, stitched(runs, job)), plan.settled(chain)
        record = Tracked.read_if_there(place.record(tracker.name))
        if record is None:
            record = Tracked(identity=described.identity(lineage), part=1, project=group or described.PROJECT)
        parameters, why_anew = described.parameters(chain), list[str]()
        while True:
            run = _run(record, lineage, parameters, described.tags(lineage, chain, record.part))
            if known.timesteps == 0:
                return Delivery(run, "", 0, known, (), curve.notes)
            decided = plan.what_to_send(curve, known, tracker.held(run))
            if isinstance(decided, plan.ToSend):
                record.write(place.record(tracker.name))
                try:
                    sent = tracker.send(run, decided.points)
                except UnknownRowsError as error:
                    why_anew.append(error.problem)
                else:
                    msgspec.structs.replace(record, delivered=sent.delivered).write(place.record(tracker.name))
                    return Delivery(run, sent.where, len(decided.points), known, tuple(why_anew), curve.notes)
            else:
                since = f"{decided.timesteps:,} timesteps on"
                why_anew.append(f"what was sent from {since} is not what the training is now")
            record = Tracked(identity=record.identity, part=record.part + 1, project=record.project)


def _run(record: Tracked, lineage: Lineage, parameters: dict[str, str], tags: dict[str, str]) -> Run:
    return Run(record.identity, record.part, lineage.job, record.project, parameters, tags, record.delivered)


def _called_as_by(tracker: Tracker, curve: Curve) -> Curve:
    names = {key: tracker.called(key) for key in curve.keys}
    renamed = tuple(each._replace(key=names[each.key]) for each in curve.measurements)
    return replace(curve, measurements=renamed)


@contextlib.contextmanager
def _alone(place: Place, tracker: str, job: str) -> Iterator[None]:
    """Two commands that send the same at once would double it."""
    place.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place.lock(tracker))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        problem = f"is being sent to {tracker} by another command"
        raise HeldElsewhereError(f"job {job}", problem, "wait until it has ended") from None
    try:
        yield
    finally:
        lock.release()
