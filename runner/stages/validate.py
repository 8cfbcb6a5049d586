"""The validate stage: the artifacts are judged one by one, without running anything that is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from contract.documents.runs import Manifest, Rules
from contract.documents.session import FileEntry
from contract.storage import files
from contract.storage.layout import Artifacts
from restore.validation import Expectations
from restore.validation import validate as judge

if TYPE_CHECKING:
    from runner.layout import SessionFolder


def validate(folder: SessionFolder, *, job: str, rules: Rules, known_keys: frozenset[str]) -> None:
    """Write `report.json`: a verdict on every artifact.

    Args:
        folder: the session, downloaded.
        job: the job's name.
        rules: the job's `validation` section and the code that applies it.
        known_keys: keys of the lineage's sessions: a best model may stem from an earlier one.
    """
    manifest = Manifest.read(folder.manifest_json)
    expected = Expectations(
        key=manifest.key,
        known_keys=known_keys,
        listed={name: FileEntry(bytes=entry.bytes, sha256=entry.sha256) for name, entry in manifest.files.items()},
        max_checkpoint_bytes=rules.job["max_checkpoint_bytes"],
        max_replay_bytes=rules.job["max_replay_bytes"],
        max_artifact_files=rules.job["max_artifact_files"],
        rules=msgspec.to_builtins(rules),
    )
    report = judge(Artifacts(folder.artifacts, job), expected)
    files.ensure_json(folder.report_json, report.model_dump(mode="json"))
