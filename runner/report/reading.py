"""What is on disk of a job, as the values of its report."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contract.documents.runs import Submission
from contract.documents.session import TrainingMetadata
from contract.identity import training_inputs
from contract.libraries import GPU
from contract.storage import files
from contract.storage.layout import Artifacts
from restore.documents import read_document
from restore.reading.spans import UnsoundError
from runner.backends.registry import backend_entry, is_known, known_backends
from runner.lineage import Phase, read_lineage
from runner.planning.changes import changes_between
from runner.planning.endings import Ending, why_ended
from runner.report.values import Change, CheckpointRow, End, JobReport, Picture, SessionRow, Setting, Versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contract.documents.runs import CheckpointReference
    from runner.curve.measurements import Curve
    from runner.layout import RunsFolder
    from runner.lineage import Lineage, SessionState

LARGEST_EMBEDDED_PICTURE = 2_500_000
"""Bytes; a larger one is a file beside the page."""
MAX_METADATA_BYTES = 16 << 20

_PICTURES = {".mp4": "video/mp4", ".gif": "image/gif"}
_SECONDS_OF_AN_HOUR = 3600
_CUT = frozenset({Ending.LIMIT, Ending.STOPPED, Ending.QUOTA, Ending.PREEMPTED})
_WORDS = {
    Ending.LIMIT: "cut by its limit",
    Ending.STOPPED: "stopped as asked",
    Ending.QUOTA: "cut by the quota",
    Ending.PREEMPTED: "cut off",
    Ending.HUNG: "hung",
    Ending.CRASHED: "crashed",
    Ending.LOST: "lost",
    Ending.MISTAKE: "ended by a mistake in the job",
    Ending.DIVERGED: "diverged",
    Ending.OUT_OF_MEMORY: "out of memory",
}


def read_job(runs: RunsFolder, job: str, configured: dict[str, Any], group: str, curve: Curve) -> JobReport:
    """The report of a job.

    Args:
        runs: where its sessions lie.
        job: its name.
        configured: the job as jobs.yaml has it now.
        group: what it is compared within, or nothing.
        curve: what its sessions measured.
    """
    lineage = read_lineage(runs, job)
    newest = next((each for each in reversed(lineage.sessions) if each.phase >= Phase.PACKAGED), None)
    told: dict[str, Any] = newest.package.job if newest else configured
    return JobReport(
        job=job,
        lineage=lineage.generation,
        group=group,
        environment=str(told["env"]["id"]),
        algorithm=str(told["algorithm"]),
        seed=int(told["seed"]),
        kind=_kind(told),
        goal=int(configured["total_timesteps"]),
        curve=curve,
        sessions=tuple(_session_rows(lineage, curve)),
        checkpoints=tuple(_checkpoint_rows(lineage, runs.job(job))),
        changes=tuple(_changes(lineage)),
        settings=tuple(_settings(_without_silent(told))),
        versions=tuple(_versions(lineage)),
        notes=curve.notes,
        picture=read_picture(runs.job(job)),
    )


def _kind(job: dict[str, Any]) -> str:
    inputs = {name: value for name, value in training_inputs(job).items() if name != "seed"}
    return files.canonical_json(inputs).decode()


def read_picture(folder: Path) -> Picture | None:
    """The video or image of the best agent in a job's folder, if there is one."""
    for suffix, kind in _PICTURES.items():
        path = folder / f"best_agent{suffix}"
        if path.is_file():
            is_small = path.stat().st_size <= LARGEST_EMBEDDED_PICTURE
            return Picture(path.name, kind, base64.b64encode(path.read_bytes() if is_small else b"").decode())
    return None


def _session_rows(lineage: Lineage, curve: Curve) -> Iterator[SessionRow]:
    kept = {each.session: each.ends for each in curve.stretches}
    for session in lineage.sessions:
        if not session.folder.request.exists():
            continue
        request = session.request
        end, words, reason = _end(session)
        is_restored = session.phase is Phase.RESTORED
        checkpoint = session.restored.checkpoint if is_restored else None
        own = checkpoint if checkpoint and int(checkpoint.session) == session.number else None
        metadata = _metadata(session, lineage.job)
        machine, has_gpu = _machine(session, own)
        yield SessionRow(
            number=session.number,
            profile=request.profile,
            parent=int(request.parent.session) if request.parent else None,
            begins=request.parent.timesteps if request.parent else 0,
            reached=own.timesteps if own else None,
            kept_to=kept.get(session.number),
            goal=request.goal,
            backend=_backend(session),
            end=end,
            words=words,
            reason=reason,
            started_at=metadata.started_at if metadata else "",
            hours=_hours(metadata) if metadata else None,
            machine=machine,
            has_gpu=has_gpu,
            steps_per_second=session.restored.outcome.steps_per_second if is_restored else None,
            resume=("exact" if own.resume.exact else f"approximate: {'; '.join(own.resume.reasons)}") if own else "",
            refused=session.restored.refused if is_restored else (),
        )


def _end(session: SessionState) -> tuple[End, str, str]:
    """How a session stands, how that is said, and what is said of it by itself or its backend."""
    if session.phase is Phase.SUBMITTED and session.ledger.entry is not Submission.ENDED:
        return End.UNDER_WAY, "under way", ""
    if session.phase < Phase.EXECUTED:
        return End.UNDER_WAY, "not begun", ""
    if session.phase < Phase.RESTORED:
        return End.UNDER_WAY, "ended, and not brought back yet", session.execution.reason or ""
    outcome = session.restored.outcome
    ending = why_ended(session)
    reason = outcome.error or session.execution.reason or ""
    if ending is None:
        words = "goal met" if outcome.goal_met else "adopted" if session.is_adopted else "ended"
        return End.MET, words, reason
    words = _WORDS[ending]
    if ending in (Ending.PREEMPTED, Ending.CRASHED) and outcome.interrupted_by:
        words = f"{words} ({outcome.interrupted_by})"
    return End.CUT if ending in _CUT else End.FAILED, words, reason


def _backend(session: SessionState) -> str:
    if session.phase >= Phase.EXECUTED:
        return session.execution.backend
    return str(session.package.job["backend"]) if session.phase >= Phase.PACKAGED else ""


def _machine(session: SessionState, checkpoint: CheckpointReference | None) -> tuple[str, bool]:
    """What a session computed on, and whether that is known to be a GPU."""
    if session.phase < Phase.PACKAGED:
        return "", False
    if checkpoint is not None and (gpu := checkpoint.libraries.get(GPU)):
        return gpu, True
    job = session.package.job
    if is_known(_backend(session)) and (given := backend_entry(_backend(session)).machine(session.package)):
        return given
    has_cpu_build = checkpoint is not None and checkpoint.libraries.get("torch", "").endswith("+cpu")
    if job["device"] == "cpu" or has_cpu_build:
        return "CPU", False
    return ("GPU", True) if job["device"] == "cuda" else ("", False)


def _metadata(session: SessionState, job: str) -> TrainingMetadata | None:
    """What a session told of itself, where it did."""
    try:
        return read_document(Artifacts(session.folder.artifacts, job).metadata, TrainingMetadata, MAX_METADATA_BYTES)
    except (OSError, UnsoundError):
        return None


def _hours(metadata: TrainingMetadata) -> float | None:
    try:
        took = datetime.fromisoformat(metadata.updated_at) - datetime.fromisoformat(metadata.started_at)
    except (ValueError, TypeError):
        return None
    return max(0.0, took.total_seconds() / _SECONDS_OF_AN_HOUR)


def _checkpoint_rows(lineage: Lineage, folder: Path) -> Iterator[CheckpointRow]:
    """Every checkpoint that was adopted from the session that made it, and each best model, newest first."""
    seen: set[str] = set()
    for session in reversed(lineage.sessions):
        if session.phase is not Phase.RESTORED:
            continue
        restored = session.restored
        named = [("latest" if index == 0 else "earlier", each) for index, each in enumerate(restored.candidates)]
        for kind, each in [*named, *([("best", restored.best_model)] if restored.best_model else [])]:
            if int(each.session) == session.number and each.file not in seen:
                seen.add(each.file)
                yield CheckpointRow(
                    session=session.number,
                    kind=kind,
                    timesteps=each.timesteps,
                    bytes=each.bytes + (each.replay.bytes if each.replay else 0),
                    sha256=each.sha256,
                    file=each.file,
                    mean_reward=each.mean_reward,
                    best_mean_reward=each.best_mean_reward,
                    is_there=(folder / each.file).is_file(),
                )


def _changes(lineage: Lineage) -> Iterator[Change]:
    for session in lineage.sessions:
        parent = session.request.parent if session.folder.request.exists() else None
        before = lineage.session(int(parent.session)) if parent else None
        if parent is None or before is None or min(session.phase, before.phase) < Phase.PACKAGED:
            continue
        for what in changes_between(before, session):
            yield Change(session.number, parent.timesteps, what)


def _without_silent(job: dict[str, Any]) -> dict[str, Any]:
    """A job without its name and without what other backends than its own would read."""
    silent = {"name", *known_backends()} - {job["backend"]}
    return {name: value for name, value in job.items() if name not in silent}


def _settings(value: Any, key: str = "") -> Iterator[Setting]:
    """Every leaf of a configuration, in the order in which it stands."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _settings(each, f"{key}.{name}" if key else str(name))
    else:
        yield Setting(key, _text(value))


def _text(value: Any) -> str:
    if value is None or value in ({}, []):
        return "none"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _versions(lineage: Lineage) -> list[Versions]:
    """Which versions sessions computed with; those that follow one another with the same are one."""
    found: list[Versions] = []
    for session in lineage.sessions:
        if session.phase is not Phase.RESTORED:
            continue
        own = [each for each in session.restored.candidates if int(each.session) == session.number]
        if not own:
            continue
        versions = tuple(sorted(own[0].libraries.items()))
        if found and found[-1].versions == versions:
            found[-1] = found[-1]._replace(last=session.number)
        else:
            found.append(Versions(session.number, session.number, versions))
    return found
