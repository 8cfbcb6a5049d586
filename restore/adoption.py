"""The restore stage: sound checkpoints become what the next session goes on from.

Nothing is copied: a checkpoint stays in the artifacts of the session that made it, and is adopted
by its digest. So do the segments of its replay buffer, without which it is worth nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from contract.documents.runs import (
    CheckpointReference,
    Outcome,
    ReplayReference,
    Restored,
    Rules,
    SegmentReference,
)
from contract.errors import CheckpointError
from contract.storage import files
from contract.storage.layout import CHECKPOINTS_FOLDER, REPLAY_FOLDER, segment_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contract.documents.session import Replay
    from restore.validation import Finding, Report

KEPT_FALLBACKS = 4
_DESCRIBED = {
    "training",
    "libraries",
    "observation_space",
    "action_space",
    "parameters",
    "resume",
    "mean_reward",
    "best_mean_reward",
    "stopped_by",
}


@dataclass(frozen=True)
class Restoration:
    """What restoring a session came to.

    Args:
        document: what `restored.json` is to say.
        lines: what to tell the user, in the words that users of the seeded system look for.
    """

    document: Restored
    lines: tuple[str, ...]


def adopt(report: Report, *, session: str, artifacts_folder: str, inherited: Restored | None) -> Restoration:
    """Choose the checkpoints that the next session may go on from.

    Args:
        report: the verdicts of validation.
        session: the session's number, as `0001`.
        artifacts_folder: where its artifacts lie, relative to the job's folder.
        inherited: what was adopted from the session that this one went on from; its checkpoints
            stay in place behind this session's own.
    """
    own = [_reference(each, session, artifacts_folder) for each in report.checkpoints if each.verdict == "sound"]
    checkpoints = [*own, *(inherited.candidates if inherited else ())]
    best = report.best_model
    inherited_best = inherited.best_model if inherited else None
    document = Restored(
        session=session,
        key=report.key,
        rules=msgspec.convert(report.rules, Rules),
        checkpoint=checkpoints[0] if checkpoints else None,
        fallbacks=tuple(checkpoints[1 : 1 + KEPT_FALLBACKS]),
        best_model=_reference(best, session, artifacts_folder)
        if best is not None and best.verdict == "sound"
        else inherited_best,
        outcome=msgspec.convert(report.outcome, Outcome),
        refused=tuple(f"{each.file}: {each.reason}" for each in report.checkpoints if each.verdict == "refused"),
    )
    return Restoration(document, tuple(_lines(report, own, document)))


def _reference(finding: Finding, session: str, artifacts_folder: str) -> CheckpointReference:
    if finding.record is None or finding.entry is None:
        raise CheckpointError(finding.file, "was not found sound, and cannot be restored")
    described: dict[str, Any] = finding.record.model_dump(mode="json", include=_DESCRIBED)
    return msgspec.convert(
        {
            "session": session,
            "file": f"{artifacts_folder}/{finding.file}",
            "timesteps": finding.record.timesteps,
            "bytes": finding.entry.bytes,
            "sha256": finding.entry.sha256,
            "replay": _replay_reference(finding.record.replay, artifacts_folder),
            **described,
        },
        CheckpointReference,
    )


def _replay_reference(replay: Replay | None, artifacts_folder: str) -> ReplayReference | None:
    """The files that a checkpoint's replay buffer lies in; rows of equal content share one."""
    if replay is None:
        return None
    sizes = {segment.sha256: segment.bytes for segment in replay.segments}
    return ReplayReference(
        folder=f"{artifacts_folder}/{CHECKPOINTS_FOLDER}/{REPLAY_FOLDER}",
        bytes=sum(sizes.values()),
        segments=tuple(SegmentReference(sha256=sha256, bytes=size) for sha256, size in sizes.items()),
    )


def _lines(report: Report, own: list[CheckpointReference], document: Restored) -> Iterator[str]:
    yield "====== CHECKPOINT RESTORATION ======"
    for finding in (*report.checkpoints, report.best_model, report.final_model, report.metrics):
        if finding is not None and finding.verdict == "refused":
            yield f"Refused {finding.file}: {finding.reason}"
    if own:
        yield f"Found {len(own)} checkpoint(s) to restore:"
        yield from map(_line, own)
        yield f"Successfully restored {len(own)} file(s)"
    else:
        yield "Found no checkpoint to restore"
    checkpoint = document.checkpoint
    if checkpoint is None:
        yield "Next training will start at 0 timesteps"
        return
    if not own:
        standing = f"session {checkpoint.session} at {checkpoint.timesteps:,} timesteps"
        yield f"The checkpoint of {standing} stays in place"
    yield "Next training will automatically resume from latest checkpoint"


def _line(reference: CheckpointReference) -> str:
    line = f"  {reference.file.rsplit('/', 1)[-1]} ({files.human_bytes(reference.bytes)})"
    replay = reference.replay
    return f"{line} with a replay buffer of {files.human_bytes(replay.bytes)}" if replay else line


def first_intact(restored: Restored, job_folder: Path) -> tuple[CheckpointReference | None, list[str]]:
    """The newest adopted checkpoint whose file still has its digest, and why newer ones were passed over."""
    refused: list[str] = []
    judged: dict[Path, str | None] = {}
    for candidate in restored.candidates:
        problem = problem_with(candidate, job_folder, judged)
        if problem is None:
            return candidate, refused
        refused.append(f"{candidate.file}: {problem}")
    return None, refused


def problem_with(
    reference: CheckpointReference, job_folder: Path, judged: dict[Path, str | None] | None = None
) -> str | None:
    """What is wrong with an adopted file or its replay buffer now, or None when all is as it was adopted.

    Args:
        reference: the file, as `restored.json` has it.
        job_folder: where the paths in `reference` begin.
        judged: the verdicts on segments so far: one that several checkpoints share is read once.
    """
    problem = _problem_with_file(job_folder / reference.file, reference)
    if problem is not None or reference.replay is None:
        return problem
    judged = {} if judged is None else judged
    for path, segment in zip(segments(reference, job_folder), reference.replay.segments, strict=True):
        if path not in judged:
            judged[path] = _problem_with_file(path, segment)
        if (problem := judged[path]) is not None:
            return f"its replay segment {files.short(path.name)}… {problem}"
    return None


def segments(reference: CheckpointReference, job_folder: Path) -> tuple[Path, ...]:
    """The replay segments that an adopted checkpoint needs."""
    replay = reference.replay
    if replay is None:
        return ()
    return tuple(job_folder / replay.folder / segment_name(each.sha256) for each in replay.segments)


def _problem_with_file(path: Path, entry: CheckpointReference | SegmentReference) -> str | None:
    try:
        size = path.stat().st_size
        if size != entry.bytes:
            return f"has {size:,} bytes, expected {entry.bytes:,}"
        if files.sha256_of_file(path) != entry.sha256:
            return "has another sha256 than when it was adopted"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return None
