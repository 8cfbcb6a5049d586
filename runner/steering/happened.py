"""What happened to a job, from what its sessions left: nothing is kept for this, and nothing has to be."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from contract.differences import differences
from contract.errors import RelayError
from contract.storage import files, layout
from runner.lineage import Phase
from runner.planning.outcome import outcome_sentence
from runner.steering.documents import Happening
from runner.steering.ended import ended

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from contract.documents.runs import Parent
    from runner.lineage import Lineage, SessionState

_BEFORE_ALL = dt.datetime.min.replace(tzinfo=dt.UTC)


class _Times(NamedTuple):
    """When a session began and ended, where anything tells."""

    began: dt.datetime | None
    ended: dt.datetime | None


def tell_history(lineages: Sequence[Lineage]) -> list[tuple[dt.datetime, Happening]]:
    """What happened to one job, each with the time by which it stands among what happened to others.

    Within a job one thing stands after the other that it followed from, whatever the clocks of two machines say.

    Args:
        lineages: of the job, oldest first.
    """
    found: list[tuple[dt.datetime, Happening]] = []
    latest = _BEFORE_ALL
    for lineage in lineages:
        is_put_away = lineage is not lineages[-1]
        for at, happening in _lineage(lineage, is_put_away=is_put_away):
            latest = max(latest, at or latest)
            found.append((latest, happening))
        found += _removals(lineage)
    return found


def _lineage(lineage: Lineage, *, is_put_away: bool) -> Iterator[tuple[dt.datetime | None, Happening]]:
    before: SessionState | None = None
    was_exact = True
    for session in lineage.sessions:
        number = session.folder.number
        times = _times(session, lineage.job)
        try:
            for at, kind, sentence in _session(session, before, times, was_exact=was_exact):
                was_exact = was_exact and kind != "approximate"
                yield at, _happening(lineage, number, at, kind, sentence)
            if session.phase is Phase.RESTORED:
                before = session
        except RelayError as error:
            yield None, _happening(lineage, number, None, "unreadable", str(error))
    if is_put_away and lineage.sessions:
        at = _stamp(lineage.put_away.at) if lineage.put_away is not None else None
        yield at, _happening(lineage, None, at, "put away", f"lineage {lineage.generation} was put away by `fresh`")


def _removals(lineage: Lineage) -> Iterator[tuple[dt.datetime, Happening]]:
    """What `doit gc` removed, once for each time."""
    by_time: dict[str, list[int]] = {}
    for session in lineage.sessions:
        with contextlib.suppress(RelayError):
            for removed in session.removed.files.values():
                by_time.setdefault(removed.at, []).append(removed.bytes)
    for text, sizes in by_time.items():
        if (at := _stamp(text)) is not None:
            sentence = f"`doit gc` removed {len(sizes)} file(s), {files.human_bytes(sum(sizes))}"
            yield at, _happening(lineage, None, at, "removed", sentence)


def _happening(lineage: Lineage, session: str | None, at: dt.datetime | None, kind: str, sentence: str) -> Happening:
    stamp = None if at is None else at.astimezone(dt.UTC).isoformat(timespec="seconds")
    return Happening(
        at=stamp, job=lineage.job, lineage=lineage.generation, session=session, kind=kind, sentence=sentence
    )


_Told = tuple["dt.datetime | None", str, str]


def _session(session: SessionState, before: SessionState | None, times: _Times, *, was_exact: bool) -> Iterator[_Told]:
    """What happened to a session; `before` is the one that was the newest adopted when it began."""
    if session.phase is Phase.PLANNED:
        return
    kind, sentence = _beginning(session, before)
    yield times.began, kind, sentence
    for change in _changes(session, before):
        yield times.began, "changed", change
    if session.phase < Phase.EXECUTED:
        doing = "is packaged" if session.phase is Phase.PACKAGED else f"was submitted to {session.ledger.backend}"
        yield None, "running", doing
        return
    yield times.ended, "ended", _end(session)
    if session.phase is not Phase.RESTORED:
        return
    for refused in session.restored.refused:
        yield times.ended, "refused", f"refused {refused}"
    checkpoint = session.restored.checkpoint
    if checkpoint is not None and was_exact and not checkpoint.resume.exact:
        yield times.ended, "approximate", f"approximate from here on: {'; '.join(checkpoint.resume.reasons)}"


def _beginning(session: SessionState, before: SessionState | None) -> tuple[str, str]:
    request, backend = session.request, session.package.job["backend"]
    where = f"({request.profile}, {backend})"
    if session.is_adopted:
        return "begun", "takes in a checkpoint that was saved elsewhere"
    parent = request.parent
    begins = f"at {parent.timesteps if parent else 0:,} of {request.goal:,} timesteps"
    newest = before.restored.checkpoint if before is not None else None
    if before is None or newest is None or (parent is not None and parent.sha256 == newest.sha256):
        return "begun", f"begins {begins} {where}" if parent is None else f"{_from(parent)} {begins} {where}"
    again = f"from session {parent.session}" if parent else "from the beginning"
    if newest.timesteps >= request.goal or session.package.inputs != before.package.inputs:
        return "redone", f"does session {before.folder.number} again, {again}, {begins} {where}"
    if parent is not None and int(parent.session) > before.number:
        return "begun", f"{_from(parent)}, which is gone, {begins} {where}"
    had = f"and not from the {newest.timesteps:,} that session {newest.session} had reached"
    return "fell back", f"{_from(parent) if parent else 'begins'} {begins} {had} {where}"


def _from(parent: Parent) -> str:
    return f"goes on from session {parent.session}"


def _changes(session: SessionState, before: SessionState | None) -> Iterator[str]:
    """What the session before had otherwise, and what was recorded of it."""
    if before is not None:
        yield from map(str, differences(before.package.job, session.package.job))
    if session.request.sources_changed:
        yield "its sources changed"
    yield from session.request.changes


def _end(session: SessionState) -> str:
    """How it ended, in the words of `status` where that says more."""
    if session.phase is not Phase.RESTORED:
        why = ended(session)
        return f"ended ({why.words or 'its log tells how'}), and is {session.phase.name.lower()}"
    sentence = outcome_sentence(session)[0].removeprefix(f"session {session.folder.number} ")
    why = ended(session)
    reached, divides, _ = sentence.partition(" and ended: ")
    if not divides or why.words is None:
        return sentence
    return f"{reached}, {why.words}" + (f": {why.reason}" if why.reason else "")


def _times(session: SessionState, job: str) -> _Times:
    """By what the session says, or else by when the documents about it were written."""
    folder = session.folder
    try:
        told = files.read_json(layout.Artifacts(folder.artifacts, job).metadata)
    except (OSError, ValueError, RecursionError):
        told = {}
    told = told if isinstance(told, dict) else {}
    return _Times(
        _stamp(told.get("started_at")) or _written(folder.package_json),
        _stamp(told.get("updated_at")) or _written(folder.execution_json),
    )


def _stamp(value: object) -> dt.datetime | None:
    """A time that a session tells, if it is one."""
    try:
        found = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=dt.UTC) if found is not None and found.tzinfo is None else found


def _written(path: Path) -> dt.datetime | None:
    try:
        return dt.datetime.fromtimestamp(path.stat().st_mtime, tz=dt.UTC)
    except OSError:
        return None
