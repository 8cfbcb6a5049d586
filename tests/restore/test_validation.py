"""Each downloaded artifact is judged by itself: what is sound may be restored, whatever became of the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.session import FileEntry, ResumeVerdict, TrainingMetadata
from contract.storage import files, layout
from contract.storage.layout import Artifacts
from restore.validation import Expectations, Finding, Report, validate

if TYPE_CHECKING:
    from collections.abc import Callable

JOB = "cartpole"
KEY, PARENT_KEY, FOREIGN_KEY = "a" * 64, "b" * 64, "c" * 64
NESTED = b"[" * 200_000
ROW_BYTES = 8


class Download:
    """Artifacts as the download stage leaves them, in a folder of their own."""

    def __init__(self, folder: Path, members: dict[str, bytes], pack: Callable[..., bytes]) -> None:
        self.artifacts = Artifacts(folder, JOB)
        self.listed: dict[str, FileEntry] = {}
        self._members = members
        self._pack = pack

    def put(self, path: Path, content: bytes) -> str:
        files.write_bytes(path, content)
        name = path.relative_to(self.artifacts.root).as_posix()
        self.listed[name] = FileEntry(bytes=len(content), sha256=files.sha256_of_bytes(content))
        return name

    def content(self, timesteps: int, **changes: Any) -> bytes:
        data = json.loads(self._members["data"]) | {"num_timesteps": timesteps}
        members = {**self._members, "data": json.dumps(data).encode()}
        return self._pack(members, timesteps=timesteps, **{"key": KEY, **changes})

    def checkpoint(self, timesteps: int, **changes: Any) -> str:
        return self.put(self.artifacts.checkpoint(timesteps), self.content(timesteps, **changes))

    def best(self, timesteps: int, **changes: Any) -> str:
        return self.put(self.artifacts.best_model, self.content(timesteps, kind="best", **changes))

    def final(self, timesteps: int, **changes: Any) -> str:
        return self.put(self.artifacts.final_model, self.content(timesteps, kind="final", **changes))

    def metadata(self, **changes: Any) -> None:
        values: dict[str, Any] = {
            "job": {"name": JOB},
            "request": {"job": JOB, "lineage": 1, "session": "0002", "profile": "full", "goal": 9, "parent": None},
            "key": KEY,
            "started_at": "2026-01-01T00:00:00+00:00",
            "updated_at": "2026-01-01T00:00:01+00:00",
            "timesteps_at_start": 0,
            "timesteps": 32,
            "goal_met": False,
            "interrupted_by": "RuntimeError",
            "error": "RuntimeError: the road is closed",
            "resume": ResumeVerdict(exact=True),
            "mean_reward": 1.5,
            "best_mean_reward": None,
            "episodes": 7,
            "steps_per_second": 99.5,
            "libraries": {},
        }
        document = TrainingMetadata(**values).model_dump(mode="json") | changes
        self.put(self.artifacts.metadata, json.dumps(document).encode())

    def manifest(self, *, complete: bool = True, key: str = KEY, **more: FileEntry) -> None:
        """What the session itself said it left, as things stand."""
        entries = {name: entry.model_dump() for name, entry in {**self.listed, **more}.items()}
        document = {"format": 1, "key": key, "complete": complete, "files": entries}
        self.put(self.artifacts.manifest, json.dumps(document).encode())

    def replay(self, *values: int, **changes: Any) -> dict[str, Any]:
        """A replay buffer as a record names it, of two rows in each segment; its files are there and listed."""
        segments: list[dict[str, Any]] = []
        for value in values:
            raw = bytes([value]) * 2 * ROW_BYTES
            name = self.put(self.artifacts.segment(files.sha256_of_bytes(raw)), raw)
            rows = {"first_row": 2 * len(segments), "rows": 2, "compression": "none"}
            segments.append(self.listed[name].model_dump() | rows)
        fields = [{"name": "rewards", "dtype": "<f4", "shape": [2]}]
        return {"kind": "ReplayBuffer", "capacity": 100, "fields": fields, "segments": segments} | changes

    def report(self, **changes: Any) -> Report:
        values = {
            "key": KEY,
            "known_keys": frozenset({PARENT_KEY}),
            "listed": self.listed,
            "max_checkpoint_bytes": 1 << 20,
            "max_replay_bytes": 1 << 20,
            "max_artifact_files": 100,
            "rules": {"max_artifact_files": 100},
            **changes,
        }
        report = validate(self.artifacts, Expectations(**values))
        assert Report.model_validate_json(report.model_dump_json()) == report
        assert report.rules == {"max_artifact_files": 100}
        return report


@pytest.fixture
def download(tmp_path: Path, members: dict[str, bytes], pack: Callable[..., bytes]) -> Download:
    return Download(tmp_path / "artifacts", members, pack)


def told(findings: list[Finding]) -> dict[str, str]:
    """Verdict, or reason of refusal, by the number in the name."""
    return {finding.file.rsplit("_", 2)[-2]: finding.reason or finding.verdict for finding in findings}


def reason(report: Report) -> str:
    assert [finding.verdict for finding in report.checkpoints] == ["refused"]
    return report.checkpoints[0].reason or ""


def test_a_complete_session_is_sound_throughout_newest_first(download: Download) -> None:
    for timesteps in (99, 1000):
        download.checkpoint(timesteps)
    download.best(99)
    download.final(1000)
    download.metadata()
    download.manifest()
    report = download.report()
    assert list(told(report.checkpoints).items()) == [("1000", "sound"), ("99", "sound")]
    newest = report.checkpoints[0]
    assert newest.record is not None
    assert newest.record.timesteps == 1000
    assert newest.entry == download.listed[newest.file]
    assert report.best_model is not None
    assert report.final_model is not None
    assert {report.best_model.verdict, report.final_model.verdict, report.metadata.verdict} == {"sound"}
    assert report.outcome == {
        "timesteps": 32,
        "goal_met": False,
        "interrupted_by": "RuntimeError",
        "error": "RuntimeError: the road is closed",
        "episodes": 7,
        "steps_per_second": 99.5,
    }


def test_a_session_that_failed_is_worth_its_one_good_checkpoint(download: Download) -> None:
    download.checkpoint(32)
    report = download.report()
    assert told(report.checkpoints) == {"32": "sound"}
    assert report.metadata.verdict == "refused"
    assert report.metadata.reason == "missing: the session ended before it wrote any"
    assert (report.best_model, report.final_model, report.outcome) == (None, None, {})


def test_no_artifacts_are_no_error(download: Download) -> None:
    assert download.report().checkpoints == []


def test_damage_is_refused_and_the_rest_stays_sound(download: Download) -> None:
    good, content = download.checkpoint(32), download.content(64)
    download.put(download.artifacts.checkpoint(64), content[: len(content) // 2])
    download.put(download.artifacts.checkpoint(96), content[:200] + bytes([content[200] ^ 1]) + content[201:])
    download.put(download.artifacts.checkpoint(128), b"")
    download.put(download.artifacts.checkpoint(160), content)
    report = download.report()
    assert [finding.file for finding in report.checkpoints if finding.verdict == "sound"] == [good]
    refused = told(report.checkpoints)
    assert refused["128"] == "is empty (0 bytes)"
    assert "holds the checkpoint at 64 timesteps" in refused["160"]
    assert set(refused) == {"160", "128", "96", "64", "32"}


def test_what_changed_since_the_download_is_refused(download: Download) -> None:
    download.checkpoint(32)
    path = download.artifacts.checkpoint(32)
    path.write_bytes(path.read_bytes()[:-1])
    assert "it is cut off" in reason(download.report())
    path.unlink()
    assert reason(download.report()) == "missing: it was downloaded, and is gone"


def test_what_was_added_since_the_download_is_refused(download: Download) -> None:
    name = download.checkpoint(32)
    del download.listed[name]
    assert reason(download.report()) == "not in the download's manifest: it was added afterwards"


@pytest.mark.parametrize("model", ["best", "final"])
def test_models_that_are_gone_or_were_added_are_refused(download: Download, model: str) -> None:
    name = getattr(download, model)(32)
    path = download.artifacts.root / name
    path.rename(path.with_suffix(".bak"))
    finding = getattr(download.report(), f"{model}_model")
    assert finding.reason == "missing: it was downloaded, and is gone"
    path.with_suffix(".bak").rename(path)
    del download.listed[name]
    finding = getattr(download.report(), f"{model}_model")
    assert finding.reason == "not in the download's manifest: it was added afterwards"


# What the session itself says of its artifacts.


def test_what_a_complete_manifest_lists_must_be_there(download: Download) -> None:
    for timesteps in (32, 64):
        download.checkpoint(timesteps)
    download.best(32)
    download.manifest()
    for name in (f"checkpoints/{layout.checkpoint_name(JOB, 64)}", layout.BEST_MODEL):
        del download.listed[name]
        (download.artifacts.root / name).unlink()
    report = download.report()
    assert list(told(report.checkpoints).items()) == [
        ("64", "missing: the session's manifest lists it"),
        ("32", "sound"),
    ]
    assert report.best_model is not None
    assert report.best_model.reason == "missing: the session's manifest lists it"


@pytest.mark.parametrize(
    ("manifest", "believed"),
    [({"complete": True}, True), ({"complete": False}, False), ({"key": FOREIGN_KEY}, False)],
)
def test_only_a_complete_manifest_of_this_session_is_held_against_it(
    download: Download, manifest: dict[str, Any], *, believed: bool
) -> None:
    # Until a session ends, an artifact may be newer than its entry in the manifest.
    name = download.checkpoint(32)
    entry = download.listed[name]
    other = FileEntry(bytes=entry.bytes, sha256="0" * 64)
    download.listed[name] = other
    download.manifest(**manifest)
    download.listed[name] = entry
    report = download.report()
    assert [finding.verdict for finding in report.checkpoints] == ["refused" if believed else "sound"]
    if believed:
        assert "instead of 000000000000" in reason(report)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 2}', b"\xff", NESTED])
def test_an_unreadable_manifest_promises_nothing(download: Download, content: bytes) -> None:
    download.checkpoint(32)
    download.put(download.artifacts.manifest, content)
    assert told(download.report().checkpoints) == {"32": "sound"}


# Where an artifact comes from.


@pytest.mark.parametrize("key", [PARENT_KEY, FOREIGN_KEY])
def test_a_checkpoint_of_another_session_is_refused(download: Download, key: str) -> None:
    download.checkpoint(32, key=key)
    assert reason(download.report()) == f"was made by another session (key {key[:12]})"


def test_a_checkpoint_of_another_job_is_refused(download: Download) -> None:
    download.checkpoint(32, job="walker")
    assert reason(download.report()) == "belongs to job walker, expected cartpole"


def test_a_best_model_may_stem_from_an_earlier_session_of_the_lineage(download: Download) -> None:
    download.best(32, key=PARENT_KEY)
    best = download.report().best_model
    assert best is not None
    assert best.verdict == "sound"
    download.best(32, key=FOREIGN_KEY)
    best = download.report().best_model
    assert best is not None
    assert best.reason == f"was made by another session (key {FOREIGN_KEY[:12]})"


def test_a_final_model_may_not(download: Download) -> None:
    download.final(32, key=PARENT_KEY)
    final = download.report().final_model
    assert final is not None
    assert final.verdict == "refused"


# Replay buffers.


def segment(replay: dict[str, Any], index: int) -> str:
    """By what words a segment is called."""
    return f"its replay segment {index + 1} of {len(replay['segments'])} ({replay['segments'][index]['sha256'][:12]}…)"


def test_checkpoints_with_their_replay_buffers_are_sound_and_keep_what_they_say(download: Download) -> None:
    earlier, later = download.replay(1, 2), download.replay(1, 3, 4)
    download.checkpoint(32, replay=earlier)
    download.checkpoint(64, replay=later)
    download.put(download.artifacts.segment("0" * 64), b"left by a checkpoint that is gone")
    report = download.report()
    assert told(report.checkpoints) == {"64": "sound", "32": "sound"}
    for finding, replay in zip(report.checkpoints, (later, earlier), strict=True):
        assert finding.record is not None
        assert finding.record.replay is not None
        assert finding.record.replay.model_dump(mode="json") == replay


def test_a_checkpoint_without_all_of_its_replay_buffer_is_refused_by_name_and_the_other_stays(
    download: Download,
) -> None:
    earlier, later = download.replay(1, 2), download.replay(1, 3)
    download.checkpoint(32, replay=earlier)
    download.checkpoint(64, replay=later)
    lost = download.artifacts.segment(later["segments"][1]["sha256"])
    lost.unlink()
    problem = f"{segment(later, 1)} is missing: it was downloaded, and is gone"
    assert told(download.report().checkpoints) == {"64": problem, "32": "sound"}
    del download.listed[f"checkpoints/replay/{lost.name}"]
    assert told(download.report().checkpoints) == {"64": f"{segment(later, 1)} is missing", "32": "sound"}


def test_a_shared_segment_that_is_damaged_refuses_every_checkpoint_that_names_it(download: Download) -> None:
    earlier, later = download.replay(1, 2), download.replay(1, 3)
    download.checkpoint(32, replay=earlier)
    download.checkpoint(64, replay=later)
    download.artifacts.segment(earlier["segments"][0]["sha256"]).write_bytes(bytes(2 * ROW_BYTES))
    refused = told(download.report().checkpoints)
    assert refused["64"] == refused["32"]
    assert refused["32"].startswith(f"{segment(earlier, 0)} has the sha256 ")


def test_segments_are_looked_for_where_the_checkpoint_lies(download: Download) -> None:
    replay = download.replay(1)
    path = download.artifacts.segment(replay["segments"][0]["sha256"])
    content = path.read_bytes()
    path.unlink()
    del download.listed[f"checkpoints/replay/{path.name}"]
    for elsewhere in (f"replay/{path.name}", f"checkpoints/{path.name}"):
        download.put(download.artifacts.root / elsewhere, content)
    download.checkpoint(32, replay=replay)
    assert reason(download.report()) == f"{segment(replay, 0)} is missing"


def test_a_segment_is_read_once_however_many_checkpoints_share_it(
    download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = download.replay(1, 2)
    for timesteps in (32, 64):
        download.checkpoint(timesteps, replay=replay)
    opened: list[str] = []
    plain_open = Path.open

    def noting(path: Path, *arguments: Any, **more: Any) -> Any:
        opened.append(path.name)
        return plain_open(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", noting)
    assert told(download.report().checkpoints) == {"64": "sound", "32": "sound"}
    segments = [name for name in opened if name.endswith(".segment")]
    assert sorted(segments) == sorted(layout.segment_name(each["sha256"]) for each in replay["segments"])


@pytest.mark.parametrize("kind", ["best", "final"])
def test_a_model_that_names_a_replay_buffer_is_refused(download: Download, kind: str) -> None:
    getattr(download, kind)(32, replay=download.replay(1))
    finding = getattr(download.report(), f"{kind}_model")
    assert finding.reason == f"names a replay buffer, which no {kind} model has"


def test_a_checkpoint_that_cannot_go_on_without_a_replay_buffer_names_one(download: Download) -> None:
    # Its optimizer has the name of PPO's, so that the members of PPO will do.
    download.checkpoint(32, training={"algorithm": "DQN"})
    assert reason(download.report()) == "names no replay buffer, without which DQN cannot go on"
    download.checkpoint(32, training={"algorithm": "DQN"}, replay=download.replay(1))
    download.best(32, training={"algorithm": "DQN"})
    report = download.report()
    assert told(report.checkpoints) == {"32": "sound"}
    assert report.best_model is not None
    assert report.best_model.verdict == "sound"


def test_a_replay_buffer_beyond_the_limit_of_the_job_is_refused(download: Download) -> None:
    download.checkpoint(32, replay=download.replay(1, 2))
    assert told(download.report(max_replay_bytes=4 * ROW_BYTES).checkpoints) == {"32": "sound"}
    assert reason(download.report(max_replay_bytes=4 * ROW_BYTES - 1)) == (
        "its replay buffer holds 32 bytes, more than the 31 allowed by validation.max_replay_bytes"
    )


# The job's own rules.


def test_a_checkpoint_beyond_the_limit_is_refused(download: Download) -> None:
    download.checkpoint(32)
    assert "more than the 1,000 allowed" in reason(download.report(max_checkpoint_bytes=1000))


def test_too_many_files_are_not_even_looked_at(download: Download) -> None:
    for timesteps in (32, 64):
        download.checkpoint(timesteps)
    download.best(32)
    report = download.report(max_artifact_files=2)
    assert report.checkpoints[0].file == "."
    assert reason(report) == "3 files, more than validation.max_artifact_files allows"
    assert (report.best_model, report.final_model) == (None, None)
    assert len(download.report(max_artifact_files=3).checkpoints) == 2


def test_an_environments_own_files_do_not_count_as_artifacts(download: Download) -> None:
    download.checkpoint(32)
    for number in range(5):
        download.put(download.artifacts.root / "videos" / f"{number}.mp4", b"a video")
    assert told(download.report(max_artifact_files=1).checkpoints) == told(download.report().checkpoints)


# Metadata.


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "unreadable: "),
        (b"{", "unreadable: "),
        (b"\xff", "unreadable: "),
        (b"{}", "unreadable: job: Field required"),
        (NESTED, "unreadable: "),
    ],
)
def test_unreadable_metadata_costs_no_checkpoint(download: Download, content: bytes, why: str) -> None:
    download.checkpoint(32)
    download.put(download.artifacts.metadata, content)
    report = download.report()
    assert (report.metadata.reason or "").startswith(why)
    assert report.metadata.verdict == "refused"
    assert report.outcome == {}
    assert told(report.checkpoints) == {"32": "sound"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"key": FOREIGN_KEY}, "belongs to another session"),
        ({"format": 2}, "unreadable: format: Input should be 1"),
        ({"mood": "good"}, "unreadable: mood: Extra inputs are not permitted"),
        ({"timesteps": "32"}, "unreadable: timesteps: Input should be a valid integer"),
    ],
)
def test_metadata_that_is_not_ours_says_nothing(download: Download, changes: dict[str, Any], why: str) -> None:
    download.metadata(**changes)
    report = download.report()
    assert (report.metadata.verdict, report.metadata.reason, report.outcome) == ("refused", why, {})


def test_two_spellings_of_one_number_do_not_hide_a_checkpoint(download: Download) -> None:
    name = download.checkpoint(32)
    for spelling in ("032", "٣٢", "0032"):
        path = download.artifacts.checkpoints / f"{JOB}_checkpoint_{spelling}_steps.zip"
        download.put(path, b"not a checkpoint")
    assert [finding.file for finding in download.report().checkpoints] == [name]
    assert told(download.report().checkpoints) == {"32": "sound"}


def test_odd_metrics_keep_no_checkpoint_from_being_adopted(download: Download) -> None:
    download.checkpoint(32)
    download.metadata()
    assert download.report().metrics is None
    row = b'{"kind":"log","timesteps":32,"at":1.0,"values":{"train/loss":0.5}}\n'
    for content, verdict, reason in (
        (row, "sound", None),
        (row + b"odd\n" + row, "sound", "1 of its lines are not rows, and are passed over"),
        (b"odd\nodd\n", "refused", "2 of its lines are not rows, and are passed over"),
        (row + row[:20], "sound", None),
        (b"", "sound", None),
    ):
        download.put(download.artifacts.metrics, content)
        report = download.report()
        assert report.metrics is not None
        assert (report.metrics.verdict, report.metrics.reason) == (verdict, reason)
        assert [each.verdict for each in report.checkpoints] == ["sound"]
    download.artifacts.metrics.unlink()
    download.artifacts.metrics.symlink_to(download.artifacts.metadata)
    refused = download.report().metrics
    assert refused is not None
    assert refused.reason == "is not a plain file (a link, a folder or a device)"
