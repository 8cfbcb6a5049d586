"""Documents and lineage: jobs.yaml, each document of each session, parents unbroken, timesteps that only grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.errors import InputError
from runner.backends.registry import backend_entry
from runner.lineage import Phase, SessionState
from runner.lock import is_held
from runner.verifying.findings import Finding, Kind, Level
from runner.verifying.sessions import known_gaps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.layout import RunsFolder
    from runner.verifying.sessions import SessionDocuments
    from runner.workspace import Workspace

_KIND = Kind.LINEAGES
NOT_UTF8 = "not UTF-8"


def check_jobs_file(workspace: Workspace) -> Iterator[Finding]:
    """Whether jobs.yaml can be read; what is wrong with a single job is found with its backend."""
    try:
        jobs = workspace.jobs
    except InputError as error:
        is_encoding = error.problem.startswith(NOT_UTF8)
        command = "doit repair" if is_encoding else f"edit {error.subject}: {error.remedy or ''}, then doit verify"
        yield Finding(_KIND, Level.ISSUE, f"{error.subject}: {error.problem}", "no command can read the jobs", command)
    else:
        yield Finding(_KIND, Level.SUCCESS, f"jobs.yaml can be read: {len(jobs)} job(s)")


def check_lineage(runs: RunsFolder, job: str, sessions: Sequence[SessionDocuments]) -> Iterator[Finding]:
    """What is found of a job's sessions."""
    if not sessions:
        yield Finding(_KIND, Level.SKIPPED, f"{job}: lineage", "it has no session yet")
        return
    found = [*_misfits(job, sessions), *_gaps(runs, job, sessions), *_parents(job, sessions)]
    found += _unfinished(runs, job, sessions[-1])
    yield from found
    if any(each.level is Level.ISSUE for each in found):
        return
    gaps = sorted(known_gaps(runs, job))
    beside = f" ({', '.join(gaps)} known to be gone)" if gaps else ""
    tip = next((each.restored for each in reversed(sessions) if each.restored is not None), None)
    reached = tip.checkpoint.timesteps if tip is not None and tip.checkpoint is not None else 0
    what = f"{job}: {len(sessions)} session(s){beside}, an unbroken line from 0 to {reached:,} timesteps"
    yield Finding(_KIND, Level.SUCCESS, what)


def _misfits(job: str, sessions: Sequence[SessionDocuments]) -> Iterator[Finding]:
    for session in sessions:
        for misfit in session.misfits:
            what = f"{job}: {session.number}/{misfit.path.name}: {misfit.problem}"
            why = "commands that come to this session end there"
            yield Finding(_KIND, Level.ISSUE, what, why, f"doit repair:{job}")


def _gaps(runs: RunsFolder, job: str, sessions: Sequence[SessionDocuments]) -> Iterator[Finding]:
    """Sessions whose folders are gone."""
    there = {int(each.number) for each in sessions}
    for number in missing_numbers(runs, job, sessions):
        after = [each.number for each in sessions if (parent := _parent(each)) is not None and int(parent) == number]
        what = f"{job}: session {number:04d} is gone" + (f", from which session {after[0]} went on" if after else "")
        why = "what came after it is whole, and its own artifacts and log are lost here"
        level = Level.ISSUE if after or number < max(there) else Level.WARNING
        yield Finding(_KIND, level, what, why, _command_for_gap(job, sessions))


def missing_numbers(runs: RunsFolder, job: str, sessions: Sequence[SessionDocuments]) -> list[int]:
    """The numbers of sessions that a job has had and has no more, without those that are known to be gone."""
    there = {int(each.number) for each in sessions}
    parents = {int(parent) for each in sessions if (parent := _parent(each)) is not None}
    known = {int(each) for each in known_gaps(runs, job)}
    return sorted(({*range(1, max(there, default=0))} | parents) - there - known)


def _parent(session: SessionDocuments) -> str | None:
    return session.request.parent.session if session.request is not None and session.request.parent else None


def _command_for_gap(job: str, sessions: Sequence[SessionDocuments]) -> str:
    """A backend that holds sessions may bring them back; elsewhere it can only be noted that they are gone."""
    name = next((each.ledger.backend for each in reversed(sessions) if each.ledger is not None), "local")
    try:
        is_held = backend_entry(name).held is not None
    except InputError:
        is_held = False
    return f"doit recover:{job} backend={name}, else doit repair:{job}" if is_held else f"doit repair:{job}"


def _parents(job: str, sessions: Sequence[SessionDocuments]) -> Iterator[Finding]:
    by_number = {each.number: each for each in sessions}
    for session in sessions:
        parent = session.request.parent if session.request is not None else None
        if parent is None:
            continue
        what, command = f"{job}: session {session.number}", f"doit fresh:{job}"
        made_by = by_number.get(parent.session)
        if int(parent.session) >= int(session.number):
            why = "no session goes on from a later one: its request was changed by hand"
            yield Finding(_KIND, Level.ISSUE, f"{what} names session {parent.session} as its parent", why, command)
        elif made_by is not None and made_by.manifest is not None and made_by.restored is not None:
            known = {each.sha256 for each in made_by.manifest.files.values()}
            known |= {each.sha256 for each in made_by.restored.candidates}
            if parent.sha256 not in known:
                why = f"session {parent.session} has left no checkpoint with that digest"
                yield Finding(_KIND, Level.ISSUE, f"{what} went on from another checkpoint", why, command)
        own = (
            [each for each in session.restored.candidates if each.session == session.number] if session.restored else []
        )
        if any(each.timesteps < parent.timesteps for each in own):
            why = f"it began at {parent.timesteps:,} timesteps, and has a checkpoint before that"
            yield Finding(_KIND, Level.ISSUE, f"{what} went back in time", why, command)


def _unfinished(runs: RunsFolder, job: str, newest: SessionDocuments) -> list[Finding]:
    """A session that stopped between two stages."""
    phase = SessionState(newest.folder).phase
    if phase in (Phase.PLANNED, Phase.PACKAGED, Phase.RESTORED) or newest.misfits or is_held(runs, job):
        return []
    if phase is Phase.SUBMITTED:
        name = newest.ledger.backend if newest.ledger is not None else "local"
        what = f"{job}: session {newest.number} was submitted to the {name} backend"
        return [
            Finding(_KIND, Level.SKIPPED, what, f"whether it runs is known there; doit resume:{job} attaches to it")
        ]
    done = "its download was cut off" if newest.folder.arriving_artifacts.exists() else f"it is {phase.name.lower()}"
    what = f"{job}: session {newest.number} stopped between two stages: {done}"
    why = "what it left is not adopted yet"
    return [Finding(_KIND, Level.WARNING, what, why, f"doit restore:{job}:{newest.number}")]
