"""What the download stage left of a session, to be damaged and judged as the runner judges it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from contract.documents.session import FileEntry
from contract.storage import files, layout
from restore.validation import Expectations, Finding, Report, validate
from tests.restore.conftest import JOB, TIMESTEPS
from tests.restore.fuzz.guard import NAME, checked
from tests.restore.fuzz.json_damage import Rules
from tests.restore.fuzz.signing import PARENT

if TYPE_CHECKING:
    from tests.restore.fuzz.guard import Guard

KEY = "0" * 64
CHECKPOINT = f"checkpoints/{NAME}"
OR_NONE, OR_NUMBER = frozenset({"null"}), frozenset({"null", "integer", "boolean"})
PROMISED = f"checkpoints/{layout.checkpoint_name(JOB, 64)}"
MANIFEST: dict[str, Any] = {
    "format": 1,
    "key": KEY,
    "complete": True,
    "files": {PROMISED: {"bytes": 100, "sha256": "1" * 64}},
}
MANIFEST_RULES = Rules(
    also={("format",): frozenset({"boolean"})}, optional=frozenset({("format",)}), names=frozenset({("files",)})
)
METADATA: dict[str, Any] = {
    "format": 1,
    "job": {"name": JOB, "hyperparameters": {"n_steps": 8}},
    "request": {
        "format": 1,
        "job": JOB,
        "lineage": 1,
        "session": "0002",
        "profile": "full",
        "goal": 90,
        "parent": PARENT,
        "sources_changed": False,
    },
    "key": KEY,
    "started_at": "2026-01-01T00:00:00+00:00",
    "updated_at": "2026-01-01T00:00:01+00:00",
    "timesteps_at_start": 16,
    "timesteps": TIMESTEPS,
    "goal_met": False,
    "interrupted_by": "RuntimeError",
    "error": "RuntimeError: the road is closed",
    "resume": {"exact": False, "reasons": ["the environment gives no state"], "changes": []},
    "resumed": {"parent": PARENT, "mean_reward": 1.5, "first_rollout_mean_reward": 2.5},
    "mean_reward": 1.5,
    "best_mean_reward": 3.5,
    "episodes": 7,
    "steps_per_second": 99.5,
    "libraries": {"python": "3.12"},
}
METADATA_RULES = Rules(
    anything=frozenset({"job"}),
    also={
        ("format",): frozenset({"boolean"}),
        ("request", "format"): frozenset({"boolean"}),
        **dict.fromkeys([("interrupted_by",), ("error",), ("resumed",), ("request", "parent")], OR_NONE),
        **dict.fromkeys([("mean_reward",), ("best_mean_reward",), ("steps_per_second",)], OR_NUMBER),
        **dict.fromkeys([("resumed", "mean_reward"), ("resumed", "first_rollout_mean_reward")], OR_NUMBER),
    },
    optional=frozenset(
        {("format",), ("resumed",), ("resume", "reasons"), ("resume", "changes"), ("libraries", "*")}
        | {("request", "format"), ("request", "sources_changed"), ("resumed", "first_rollout_mean_reward")}
    ),
    names=frozenset({("libraries",)}),
)


def findings(report: Report) -> list[Finding]:
    every = (*report.checkpoints, report.best_model, report.final_model, report.metadata)
    return [finding for finding in every if finding is not None]


class Download:
    """What the download stage left, in the folder of a guard."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.artifacts = layout.Artifacts(guard.artifacts, JOB)
        self.listed: dict[str, FileEntry] = {}

    def put(self, name: str, content: bytes) -> None:
        """A file that is listed as it is."""
        path = self.artifacts.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.listed[name] = FileEntry(bytes=len(content), sha256=files.sha256_of_bytes(content))

    def judge(self, memory: int | None = None) -> Report:
        """The report, which the next stages can read; the download is gone afterwards."""
        expected = Expectations(
            key=KEY,
            known_keys=frozenset(),
            listed=self.listed,
            max_checkpoint_bytes=1 << 24,
            max_replay_bytes=1 << 24,
            max_artifact_files=100,
        )
        try:
            with self.guard.watching(memory=memory):
                report = validate(self.artifacts, expected)
        finally:
            shutil.rmtree(self.artifacts.root)
            self.artifacts.root.mkdir()
        written = json.dumps(report.model_dump(mode="json"), ensure_ascii=False, allow_nan=False).encode()
        assert Report.model_validate_json(written) == report
        for finding in findings(report):
            assert finding.verdict == "sound" or checked(finding.reason or "")
        for told in report.outcome.values():
            assert not isinstance(told, str) or checked(told)
        return report


def judge_metadata(guard: Guard, content: bytes, memory: int | None = None) -> Report:
    download = Download(guard)
    download.put(layout.METADATA_FILE, content)
    report = download.judge(memory)
    if report.metadata.verdict == "refused":
        assert report.outcome == {}
        guard.count(content)
    return report


def promised_by(guard: Guard, content: bytes, memory: int | None = None) -> list[str]:
    """The checkpoints that a manifest promises and that are not there."""
    download = Download(guard)
    download.put(layout.MANIFEST_FILE, content)
    download.artifacts.checkpoints.mkdir()
    report = download.judge(memory)
    if not report.checkpoints:
        guard.count(content)
    return [finding.file for finding in report.checkpoints]
