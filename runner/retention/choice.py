"""Which files of a lineage stay, and why: a pure function of its documents and of what is in use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contract.storage import layout
from runner.retention.found import own_best_model, own_checkpoints, restored_sessions, segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from contract.documents.runs import CheckpointReference
    from runner.lineage import Lineage, SessionState
    from runner.retention.found import Candidate
    from runner.retention.values import Keep


@dataclass(frozen=True)
class InUse:
    """What somebody goes on from, or would.

    Args:
        parents: digests of checkpoints that the newest session, and sessions under way, were given.
        origins: numbers of the sessions that a run, or a redo, would begin from now.
        fallbacks: the checkpoints found sound just now: where the next session begins, and the next behind it.
    """

    parents: frozenset[str] = frozenset()
    origins: frozenset[int] = frozenset()
    fallbacks: tuple[CheckpointReference, ...] = ()


@dataclass(frozen=True)
class _Kept:
    """What stays, and why, by the path from the lineage's folder."""

    files: dict[str, str] = field(default_factory=dict)

    def add(self, file: str, why: str) -> None:
        """Have one stay; the first reason stands."""
        self.files.setdefault(file, why)


def stays(lineage: Lineage, keep: Keep, in_use: InUse, there: Sequence[Candidate]) -> dict[str, str]:
    """What stays of the files that may go, by their paths, each with the reason.

    Args:
        lineage: the sessions.
        keep: what jobs.yaml says.
        in_use: what somebody goes on from.
        there: the files that may go.
    """
    kept, sessions = _Kept(), restored_sessions(lineage)
    is_there = {each.file for each in there}
    references = {each.file: each for session in sessions for each in session.restored.candidates}
    _keep_used(kept, sessions, in_use, references)
    line = _line(lineage)
    counted = sorted((each for session in line for each in own_checkpoints(session)), key=lambda each: each.timesteps)
    left = [each for each in counted if each.file in is_there]
    for each in left[-keep.latest :]:
        kept.add(each.file, f"one of the latest {keep.latest}")
    for each in counted[keep.every - 1 :: keep.every] if keep.every else ():
        kept.add(each.file, f"number {keep.every}, {2 * keep.every}, … of all")
    measured = [each for each in left if each.mean_reward is not None]
    for each in sorted(measured, key=lambda each: (each.mean_reward, each.timesteps))[-keep.best :]:
        kept.add(each.file, f"one of the best {keep.best}")
    _keep_best_models(kept, lineage, line, keep.best, is_there)
    for reference in (each for file, each in references.items() if file in kept.files):
        for segment in segments(reference):
            kept.add(segment.file, "of a replay buffer that stays")
    _keep_sources(kept, sessions)
    return {file: why for file, why in kept.files.items() if file in is_there}


def _keep_used(
    kept: _Kept, sessions: Sequence[SessionState], in_use: InUse, references: dict[str, CheckpointReference]
) -> None:
    if sessions:
        for each in own_checkpoints(sessions[-1]):
            kept.add(each.file, "of the newest session")
    for each in references.values():
        if each.sha256 in in_use.parents:
            kept.add(each.file, "the newest session went on from it")
    for session in (each for each in sessions if each.number in in_use.origins):
        if (checkpoint := session.restored.checkpoint) is not None:
            kept.add(checkpoint.file, "the next session goes on from it, or a redo")
        if (best := session.restored.best_model) is not None:
            kept.add(best.file, "the best model that is handed on")
    for each in in_use.fallbacks:
        kept.add(each.file, "the newest sound ones")


def _line(lineage: Lineage) -> list[SessionState]:
    """The sessions that the lineage's state stems from, oldest first; those that were done again are not."""
    found: list[SessionState] = []
    session = lineage.tip
    while session is not None and session not in found:
        found.append(session)
        session = lineage.before(session)
    restored = restored_sessions(lineage)
    return [each for each in reversed(found) if each in restored]


def _keep_best_models(
    kept: _Kept, lineage: Lineage, line: Iterable[SessionState], count: int, is_there: set[str]
) -> None:
    """The best model of wherever a training ended, and the best of those that came before."""
    sessions = restored_sessions(lineage)
    went_on = {int(each.request.parent.session) for each in sessions if each.request.parent is not None}
    for session in sessions:
        best = session.restored.best_model
        if session.number not in went_on and best is not None:
            kept.add(best.file, "the best model")
    models = {
        best.sha256: best
        for session in line
        if (best := own_best_model(session)) is not None and best.file in is_there and best.best_mean_reward is not None
    }
    ranked = sorted(models.values(), key=lambda each: (each.best_mean_reward or 0.0, each.timesteps))
    for each in ranked[-count:]:
        kept.add(each.file, f"one of the best {count} models")


def _keep_sources(kept: _Kept, sessions: Sequence[SessionState]) -> None:
    """Once whatever program a session ran: in the newest that ran it."""
    newest: dict[str, str] = {}
    for session in sessions:
        entry = session.package.files.get(layout.SOURCES_BUNDLE)
        if entry is not None:
            payload = session.folder.payload.relative_to(session.folder.path.parent).as_posix()
            newest[entry.sha256] = f"{payload}/{layout.SOURCES_BUNDLE}"
    for file in newest.values():
        kept.add(file, "the program that sessions ran, once")
