"""The validate stage: downloaded artifacts are judged one by one; what is sound may be restored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ValidationError

from restore.integrity import inspect_checkpoint
from trainer import files
from trainer.errors import CheckpointError
from trainer.layout import timesteps_in_name
from trainer.records import CheckpointRecord, FileEntry, Manifest, TrainingMetadata

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.layout import Artifacts

FORMAT: Literal[1] = 1
MAX_DOCUMENT_BYTES = 16 << 20
"""Of metadata and manifest, which hold some hundred bytes for each artifact."""
_NEVER_DOWNLOADED = "missing: the session's manifest lists it"


class Finding(BaseModel):
    """The verdict on one artifact.

    Args:
        file: its path inside the artifacts, with forward slashes.
        verdict: `sound` or `refused`.
        reason: why it was refused.
        entry: its size and sha256, where it exists.
        record: what it says of itself, where it is sound.
    """

    file: str
    verdict: Literal["sound", "refused"]
    reason: str | None = None
    entry: FileEntry | None = None
    record: CheckpointRecord | None = None


class Report(BaseModel):
    """The verdicts on a session's artifacts (`report.json`), and the rules they follow; checkpoints newest first."""

    format: Literal[1] = FORMAT
    key: str
    rules: dict[str, Any]
    checkpoints: list[Finding]
    best_model: Finding | None
    final_model: Finding | None
    metadata: Finding
    outcome: dict[str, Any]


@dataclass(frozen=True)
class Expectations:
    """What the artifacts of a session are held against.

    Args:
        key: the session's.
        known_keys: keys of the lineage's earlier sessions: a best model may stem from one of them.
        listed: size and sha256 of every downloaded file.
        max_checkpoint_bytes, max_artifact_files: the job's validation rules.
        rules: these and the code that applies them, to be kept with the verdicts.
    """

    key: str
    known_keys: frozenset[str]
    listed: dict[str, FileEntry]
    max_checkpoint_bytes: int
    max_artifact_files: int
    rules: dict[str, Any] = field(default_factory=dict)


def validate(artifacts: Artifacts, expected: Expectations) -> Report:
    """Judge the artifacts of a session. Reads JSON and tensors only; unpickles and executes nothing."""
    metadata, outcome = _judge_metadata(artifacts, expected)
    if len(expected.listed) > expected.max_artifact_files:
        problem = f"{len(expected.listed):,} files, more than validation.max_artifact_files allows"
        refused = Finding(file=".", verdict="refused", reason=problem)
        return Report(
            key=expected.key,
            rules=expected.rules,
            checkpoints=[refused],
            best_model=None,
            final_model=None,
            metadata=metadata,
            outcome=outcome,
        )
    promised = _promised(artifacts, expected.key)
    present = {_name(artifacts, path) for path in artifacts.checkpoints_by_timesteps().values()}
    by_timesteps = {
        timesteps: name
        for name in present | promised.keys() | expected.listed.keys()
        if (timesteps := _timesteps(artifacts, name)) is not None
    }
    return Report(
        key=expected.key,
        rules=expected.rules,
        checkpoints=[
            _judge(artifacts, by_timesteps[each], expected, promised) for each in sorted(by_timesteps, reverse=True)
        ],
        best_model=_judge_if_there(artifacts, artifacts.best_model, expected, promised),
        final_model=_judge_if_there(artifacts, artifacts.final_model, expected, promised),
        metadata=metadata,
        outcome=outcome,
    )


def _timesteps(artifacts: Artifacts, name: str) -> int | None:
    folder, _, file = name.rpartition("/")
    return timesteps_in_name(file, artifacts.scenario) if folder == artifacts.checkpoints.name else None


def _judge_if_there(
    artifacts: Artifacts, path: Path, expected: Expectations, promised: dict[str, FileEntry]
) -> Finding | None:
    name = _name(artifacts, path)
    there = path.exists() or name in promised or name in expected.listed
    return _judge(artifacts, name, expected, promised) if there else None


def _judge(artifacts: Artifacts, name: str, expected: Expectations, promised: dict[str, FileEntry]) -> Finding:
    path = artifacts.root / name
    entry = expected.listed.get(name)
    if entry is None:
        added = path.exists()
        reason = "not in the download's manifest: it was added afterwards" if added else _NEVER_DOWNLOADED
        return Finding(file=name, verdict="refused", reason=reason)
    if not path.is_file():
        return Finding(file=name, verdict="refused", reason="missing: it was downloaded, and is gone", entry=entry)
    try:
        record = inspect_checkpoint(
            path,
            scenario=artifacts.scenario,
            expected=promised.get(name, entry),
            max_bytes=expected.max_checkpoint_bytes,
        )
        _check_origin(path, record, artifacts, expected)
    except CheckpointError as error:
        return Finding(file=name, verdict="refused", reason=error.problem, entry=entry)
    return Finding(file=name, verdict="sound", entry=entry, record=record)


def _check_origin(path: Path, record: CheckpointRecord, artifacts: Artifacts, expected: Expectations) -> None:
    allowed = {expected.key} | (expected.known_keys if path == artifacts.best_model else set())
    if record.job != artifacts.scenario:
        raise CheckpointError(path.name, f"belongs to job {record.job}, expected {artifacts.scenario}")
    if record.key not in allowed:
        raise CheckpointError(path.name, f"was made by another session (key {record.key[:12]})")


def _promised(artifacts: Artifacts, key: str) -> dict[str, FileEntry]:
    """What the session itself says of its artifacts, if it ended in good order and is ours."""
    try:
        manifest = Manifest.model_validate(_read_bounded(artifacts.manifest))
    except (OSError, ValueError, RecursionError):
        return {}
    return manifest.files if manifest.complete and manifest.key == key else {}


def _judge_metadata(artifacts: Artifacts, expected: Expectations) -> tuple[Finding, dict[str, Any]]:
    name = _name(artifacts, artifacts.metadata)
    try:
        metadata = TrainingMetadata.model_validate(_read_bounded(artifacts.metadata))
    except FileNotFoundError:
        return Finding(file=name, verdict="refused", reason="missing: the session ended before it wrote any"), {}
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = f"unreadable: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        return Finding(file=name, verdict="refused", reason=reason), {}
    except (OSError, ValueError, RecursionError) as error:
        return Finding(file=name, verdict="refused", reason=f"unreadable: {error}"), {}
    if metadata.key != expected.key:
        return Finding(file=name, verdict="refused", reason="belongs to another session"), {}
    fields = {"timesteps", "goal_met", "interrupted_by", "error", "episodes", "steps_per_second"}
    return Finding(file=name, verdict="sound"), metadata.model_dump(mode="json", include=fields)


def _read_bounded(path: Path) -> Any:
    if (size := path.stat().st_size) > MAX_DOCUMENT_BYTES:
        raise ValueError(f"{size:,} bytes, more than {MAX_DOCUMENT_BYTES:,}")
    return files.read_json(path)


def _name(artifacts: Artifacts, path: Path) -> str:
    return path.relative_to(artifacts.root).as_posix()
