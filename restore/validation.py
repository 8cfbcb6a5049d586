"""The validate stage: downloaded artifacts are judged one by one; what is sound may be restored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from contract.documents.session import FORMAT, CheckpointRecord, FileEntry, Manifest, TrainingMetadata
from contract.errors import CheckpointError
from contract.storage.coming_back import is_own
from contract.storage.files import short
from contract.storage.layout import timesteps_in_name
from job.algorithms.registry import ALGORITHMS
from restore.documents import read_document, sentence
from restore.integrity import inspect_checkpoint
from restore.metrics import MetricsReader
from restore.reading.spans import UnsoundError
from restore.replay import check_replay

if TYPE_CHECKING:
    from pathlib import Path

    from contract.storage.layout import Artifacts
    from restore.replay import Judged

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
    metrics: Finding | None = None


@dataclass(frozen=True)
class Expectations:
    """What the artifacts of a session are held against.

    Args:
        key: the session's.
        known_keys: keys of the lineage's earlier sessions: a best model may stem from one of them.
        listed: size and sha256 of every downloaded file.
        max_checkpoint_bytes, max_replay_bytes, max_artifact_files: the job's validation rules.
        rules: these and the code that applies them, to be kept with the verdicts.
    """

    key: str
    known_keys: frozenset[str]
    listed: dict[str, FileEntry]
    max_checkpoint_bytes: int
    max_replay_bytes: int
    max_artifact_files: int
    rules: dict[str, Any] = field(default_factory=dict)


def validate(artifacts: Artifacts, expected: Expectations) -> Report:
    """Judge the artifacts of a session. Reads JSON and tensors only; unpickles and executes nothing."""
    metadata, outcome = _judge_metadata(artifacts, expected)
    own = sum(map(is_own, expected.listed))
    if own > expected.max_artifact_files:
        problem = f"{own:,} files, more than validation.max_artifact_files allows"
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
    judge = _Judge(artifacts, expected)
    return Report(
        key=expected.key,
        rules=expected.rules,
        checkpoints=[judge.judge(name) for name in judge.checkpoints()],
        best_model=judge.judge_if_there(artifacts.best_model),
        final_model=judge.judge_if_there(artifacts.final_model),
        metadata=metadata,
        outcome=outcome,
        metrics=_judge_metrics(artifacts.metrics, expected.listed.get(_name(artifacts, artifacts.metrics))),
    )


class _Judge:
    """Judges artifacts of one session; what several of them share is read once."""

    def __init__(self, artifacts: Artifacts, expected: Expectations) -> None:
        self._artifacts = artifacts
        self._expected = expected
        self._promised = _promised(artifacts, expected.key)
        replay = f"{_name(artifacts, artifacts.replay)}/"
        self._segments = {
            name.removeprefix(replay): entry for name, entry in expected.listed.items() if name.startswith(replay)
        }
        self._judged: Judged = {}

    def checkpoints(self) -> list[str]:
        """Every checkpoint that is there or was promised, newest first."""
        present = {_name(self._artifacts, path) for path in self._artifacts.checkpoints_by_timesteps().values()}
        by_timesteps = {
            timesteps: name
            for name in present | self._promised.keys() | self._expected.listed.keys()
            if (timesteps := self._timesteps(name)) is not None
        }
        return [by_timesteps[each] for each in sorted(by_timesteps, reverse=True)]

    def judge_if_there(self, path: Path) -> Finding | None:
        """The verdict on a model that not every session leaves."""
        name = _name(self._artifacts, path)
        there = path.exists() or name in self._promised or name in self._expected.listed
        return self.judge(name) if there else None

    def judge(self, name: str) -> Finding:
        """The verdict on a file of the artifacts."""
        path = self._artifacts.root / name
        entry = self._expected.listed.get(name)
        if entry is None:
            added = path.exists()
            reason = "not in the download's manifest: it was added afterwards" if added else _NEVER_DOWNLOADED
            return Finding(file=name, verdict="refused", reason=reason)
        if not path.is_file():
            return Finding(file=name, verdict="refused", reason="missing: it was downloaded, and is gone", entry=entry)
        try:
            record = inspect_checkpoint(
                path,
                job=self._artifacts.job,
                expected=self._promised.get(name, entry),
                max_bytes=self._expected.max_checkpoint_bytes,
            )
            self._check_origin(path, record)
            self._check_replay(record)
        except (CheckpointError, UnsoundError) as error:
            return Finding(file=name, verdict="refused", reason=error.problem, entry=entry)
        return Finding(file=name, verdict="sound", entry=entry, record=record)

    def _timesteps(self, name: str) -> int | None:
        folder, _, file = name.rpartition("/")
        in_place = folder == self._artifacts.checkpoints.name
        return timesteps_in_name(file, self._artifacts.job) if in_place else None

    def _check_origin(self, path: Path, record: CheckpointRecord) -> None:
        earlier = self._expected.known_keys if path == self._artifacts.best_model else frozenset()
        if record.job != self._artifacts.job:
            problem = f"belongs to job {sentence(record.job)}, expected {self._artifacts.job}"
            raise CheckpointError(path.name, problem)
        if record.key not in {self._expected.key} | earlier:
            raise CheckpointError(path.name, f"was made by another session (key {short(record.key)})")

    def _check_replay(self, record: CheckpointRecord) -> None:
        if record.replay is None:
            if record.kind == "checkpoint" and _keeps_replay(record.training.get("algorithm")):
                raise UnsoundError(f"names no replay buffer, without which {record.training['algorithm']} cannot go on")
            return
        if record.kind != "checkpoint":
            raise UnsoundError(f"names a replay buffer, which no {record.kind} model has")
        check_replay(
            record.replay,
            self._artifacts.replay,
            listed=self._segments,
            max_bytes=self._expected.max_replay_bytes,
            judged=self._judged,
        )


def _keeps_replay(algorithm: object) -> bool:
    known = ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    return known is not None and "buffer_size" in known.hyperparameters.model_fields


def _promised(artifacts: Artifacts, key: str) -> dict[str, FileEntry]:
    """What the session itself says of its artifacts, if it ended in good order and is ours."""
    try:
        manifest = read_document(artifacts.manifest, Manifest, MAX_DOCUMENT_BYTES)
    except (OSError, UnsoundError):
        return {}
    return manifest.files if manifest.complete and manifest.key == key else {}


def _judge_metadata(artifacts: Artifacts, expected: Expectations) -> tuple[Finding, dict[str, Any]]:
    name = _name(artifacts, artifacts.metadata)
    try:
        metadata = read_document(artifacts.metadata, TrainingMetadata, MAX_DOCUMENT_BYTES)
    except FileNotFoundError:
        return Finding(file=name, verdict="refused", reason="missing: the session ended before it wrote any"), {}
    except (OSError, UnsoundError) as error:
        reason = f"unreadable: {error.problem if isinstance(error, UnsoundError) else error.strerror or error}"
        return Finding(file=name, verdict="refused", reason=reason), {}
    if metadata.key != expected.key:
        return Finding(file=name, verdict="refused", reason="belongs to another session"), {}
    fields = {"timesteps", "goal_met", "interrupted_by", "error", "episodes", "steps_per_second"}
    outcome = metadata.model_dump(mode="json", include=fields)
    shown_later = {each: sentence(outcome[each]) for each in ("interrupted_by", "error") if outcome[each] is not None}
    return Finding(file=name, verdict="sound"), outcome | shown_later


def _judge_metrics(path: Path, entry: FileEntry | None) -> Finding | None:
    """The verdict on what a session measured, on which nothing but a picture depends; None where it left none.

    Args:
        path: the file.
        entry: what the download listed of it.
    """
    reader, count = MetricsReader(path), 0
    try:
        for _ in reader.rows():
            count += 1
    except FileNotFoundError:
        return None
    except (OSError, UnsoundError) as error:
        reason = error.problem if isinstance(error, UnsoundError) else f"unreadable: {error.strerror or error}"
        return Finding(file=path.name, verdict="refused", reason=reason, entry=entry)
    if reader.skipped:
        return Finding(
            file=path.name,
            verdict="sound" if count else "refused",
            reason=f"{reader.skipped:,} of its lines are not rows, and are passed over",
            entry=entry,
        )
    return Finding(file=path.name, verdict="sound", entry=entry)


def _name(artifacts: Artifacts, path: Path) -> str:
    return path.relative_to(artifacts.root).as_posix()
