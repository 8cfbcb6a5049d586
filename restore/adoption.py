"""The restore stage: sound checkpoints become what the next session goes on from.

Nothing is copied: a checkpoint stays in the artifacts of the session that made it, and is adopted
by its digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainer import files
from trainer.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from restore.validation import Finding, Report

FORMAT = 1
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
}


@dataclass(frozen=True)
class Restoration:
    """What restoring a session came to.

    Args:
        document: the content of `restored.json`.
        lines: what to tell the user, in the words that users of the seeded system look for.
    """

    document: dict[str, Any]
    lines: tuple[str, ...]


def adopt(report: Report, *, session: str, artifacts_folder: str, inherited: Mapping[str, Any] | None) -> Restoration:
    """Choose the checkpoints that the next session may go on from.

    Args:
        report: the verdicts of validation.
        session: the session's number, as `0001`.
        artifacts_folder: where its artifacts lie, relative to the job's folder.
        inherited: the `restored.json` of the session that this one went on from; its checkpoints
            stay in place behind this session's own.
    """
    sound = [finding for finding in report.checkpoints if finding.verdict == "sound"]
    own = [_reference(finding, session, artifacts_folder) for finding in sound]
    earlier = [inherited["checkpoint"], *inherited["fallbacks"]] if inherited and inherited["checkpoint"] else []
    checkpoints = [*own, *earlier]
    best = report.best_model
    document = {
        "format": FORMAT,
        "session": session,
        "key": report.key,
        "rules": report.rules,
        "checkpoint": checkpoints[0] if checkpoints else None,
        "fallbacks": checkpoints[1 : 1 + KEPT_FALLBACKS],
        "best_model": _reference(best, session, artifacts_folder)
        if best is not None and best.verdict == "sound"
        else (inherited or {}).get("best_model"),
        "outcome": report.outcome,
        "refused": [f"{each.file}: {each.reason}" for each in report.checkpoints if each.verdict == "refused"],
    }
    return Restoration(document, tuple(_lines(report, sound, document)))


def _reference(finding: Finding, session: str, artifacts_folder: str) -> dict[str, Any]:
    if finding.record is None or finding.entry is None:
        raise CheckpointError(finding.file, "was not found sound, and cannot be restored")
    return {
        "session": session,
        "file": f"{artifacts_folder}/{finding.file}",
        "timesteps": finding.record.timesteps,
        "bytes": finding.entry.bytes,
        "sha256": finding.entry.sha256,
        **finding.record.model_dump(mode="json", include=_DESCRIBED),
    }


def _lines(report: Report, sound: list[Finding], document: Mapping[str, Any]) -> Iterator[str]:
    yield "====== CHECKPOINT RESTORATION ======"
    for finding in (*report.checkpoints, report.best_model, report.final_model):
        if finding is not None and finding.verdict == "refused":
            yield f"Refused {finding.file}: {finding.reason}"
    yield f"Found {len(sound)} checkpoint(s) to restore:"
    for finding in sound:
        yield f"  {finding.file.rsplit('/', 1)[-1]} ({files.human_bytes(finding.entry.bytes if finding.entry else 0)})"
    yield f"Successfully restored {len(sound)} file(s)"
    checkpoint = document["checkpoint"]
    if checkpoint is None:
        yield "Next training will start at 0 timesteps"
        return
    if not sound:
        standing = f"session {checkpoint['session']} at {checkpoint['timesteps']:,} timesteps"
        yield f"The checkpoint of {standing} stays in place"
    yield "Next training will automatically resume from latest checkpoint"


def first_intact(restored: Mapping[str, Any], job_folder: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """The newest adopted checkpoint whose file still has its digest, and why newer ones were passed over."""
    refused: list[str] = []
    candidates = [restored["checkpoint"], *restored["fallbacks"]] if restored["checkpoint"] else []
    for candidate in candidates:
        problem = problem_with(candidate, job_folder)
        if problem is None:
            return candidate, refused
        refused.append(f"{candidate['file']}: {problem}")
    return None, refused


def problem_with(reference: Mapping[str, Any], job_folder: Path) -> str | None:
    """What is wrong with an adopted file now, or None when it is as it was adopted."""
    path = job_folder / reference["file"]
    try:
        size = path.stat().st_size
        if size != reference["bytes"]:
            return f"has {size:,} bytes, expected {reference['bytes']:,}"
        if files.sha256_of_file(path) != reference["sha256"]:
            return "has another sha256 than when it was adopted"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return None
