"""What a session hands on: its sound checkpoints, then those it went on from itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from contract.documents.runs import (
    CheckpointReference,
    Outcome,
    ReplayReference,
    Restored,
    ResumeVerdict,
    SegmentReference,
)
from contract.documents.session import CheckpointRecord, FileEntry
from contract.storage import files
from contract.storage.files import human_bytes
from contract.storage.layout import segment_name
from restore.adoption import KEPT_FALLBACKS, Restoration, adopt, first_intact, problem_with, segments
from restore.validation import Finding, Report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = "a" * 64
FOLDER = "0002/artifacts"


@pytest.fixture
def finding(members: dict[str, bytes], record_of: Callable[..., dict[str, Any]]) -> Callable[..., Finding]:
    """`finding(timesteps)`: a sound checkpoint; `finding(timesteps, "reason")`: a refused one."""

    def made(timesteps: int, why: str | None = None, name: str | None = None, **changes: Any) -> Finding:
        file = name or f"checkpoints/cartpole_checkpoint_{timesteps}_steps.zip"
        entry = FileEntry(bytes=timesteps * 1024, sha256=f"{timesteps:064d}")
        if why:
            return Finding(file=file, verdict="refused", reason=why, entry=entry)
        record = CheckpointRecord.model_validate(record_of(members, timesteps=timesteps, **changes))
        return Finding(file=file, verdict="sound", entry=entry, record=record)

    return made


def report(*checkpoints: Finding, best: Finding | None = None, final: Finding | None = None) -> Report:
    metadata = Finding(file="training_metadata.json", verdict="sound")
    return Report(
        key=KEY,
        rules={},
        checkpoints=list(checkpoints),
        best_model=best,
        final_model=final,
        metadata=metadata,
        outcome={"timesteps": 64, "goal_met": False},
    )


def restored(
    judged: Report, session: str = "0002", inherited: Restored | None = None, folder: str = FOLDER
) -> Restoration:
    return adopt(judged, session=session, artifacts_folder=folder, inherited=inherited)


def steps(document: Restored) -> list[tuple[str, int]]:
    return [(each.session, each.timesteps) for each in document.candidates]


def newest(document: Restored) -> CheckpointReference:
    assert document.checkpoint is not None
    return document.checkpoint


def test_the_lines_are_those_that_users_look_for(finding: Callable[..., Finding]) -> None:
    refused = finding(99, "is empty (0 bytes)")
    best = finding(40, "it is cut off", name="best_model/best_model.zip")
    restoration = restored(report(refused, finding(64), finding(1), best=best))
    assert restoration.lines == (
        "====== CHECKPOINT RESTORATION ======",
        "Refused checkpoints/cartpole_checkpoint_99_steps.zip: is empty (0 bytes)",
        "Refused best_model/best_model.zip: it is cut off",
        "Found 2 checkpoint(s) to restore:",
        "  cartpole_checkpoint_64_steps.zip (64.0 KiB)",
        "  cartpole_checkpoint_1_steps.zip (1.0 KiB)",
        "Successfully restored 2 file(s)",
        "Next training will automatically resume from latest checkpoint",
    )


def test_the_document_is_what_the_next_session_needs(finding: Callable[..., Finding]) -> None:
    best = finding(32, name="best_model/best_model.zip", kind="best")
    document = restored(report(finding(64, mean_reward=1.5), best=best)).document
    assert (document.format, document.session, document.key) == (1, "0002", KEY)
    assert document.outcome == Outcome(timesteps=64, goal_met=False)
    reference = newest(document).described()
    assert (
        reference.items()
        >= {
            "session": "0002",
            "file": "0002/artifacts/checkpoints/cartpole_checkpoint_64_steps.zip",
            "timesteps": 64,
            "bytes": 65536,
            "sha256": f"{64:064d}",
            "mean_reward": 1.5,
        }.items()
    )
    described = {"training", "libraries", "observation_space", "action_space", "parameters", "resume"}
    assert described < reference.keys()
    assert reference["training"] == {"algorithm": "PPO"}
    assert document.fallbacks == ()
    assert document.best_model is not None
    assert document.best_model.file == "0002/artifacts/best_model/best_model.zip"


REPLAY = {
    "kind": "ReplayBuffer",
    "capacity": 100,
    "fields": [{"name": "rewards", "dtype": "<f4", "shape": [1]}],
    "segments": [
        {"sha256": f"{number:064d}", "bytes": size, "first_row": row, "rows": 1, "compression": "zlib"}
        for row, (number, size) in enumerate([(1, 1024), (2, 512), (1, 1024)])
    ],
}


def test_a_reference_carries_the_segments_that_it_needs_each_once(finding: Callable[..., Finding]) -> None:
    best = finding(32, name="best_model/best_model.zip", kind="best")
    document = restored(report(finding(64, replay=REPLAY), finding(32), best=best)).document
    assert newest(document).replay == ReplayReference(
        folder="0002/artifacts/checkpoints/replay",
        bytes=1536,
        segments=(
            SegmentReference(sha256=f"{1:064d}", bytes=1024),
            SegmentReference(sha256=f"{2:064d}", bytes=512),
        ),
    )
    assert document.fallbacks[0].replay is None
    assert document.best_model is not None
    assert document.best_model.replay is None


def test_the_lines_name_the_size_of_a_replay_buffer(finding: Callable[..., Finding]) -> None:
    lines = restored(report(finding(64, replay=REPLAY), finding(32))).lines
    assert "  cartpole_checkpoint_64_steps.zip (64.0 KiB) with a replay buffer of 1.5 KiB" in lines
    assert "  cartpole_checkpoint_32_steps.zip (32.0 KiB)" in lines


def test_the_document_survives_json(finding: Callable[..., Finding], tmp_path: Path) -> None:
    document = restored(report(finding(64, replay=REPLAY), finding(32))).document
    document.write(tmp_path / "restored.json")
    assert Restored.read(tmp_path / "restored.json") == document


def test_inherited_checkpoints_stand_behind_the_sessions_own(finding: Callable[..., Finding]) -> None:
    first = restored(report(finding(32), finding(16)), "0001", folder="0001/artifacts").document
    second = restored(report(finding(64), finding(48)), inherited=first).document
    assert steps(second) == [("0002", 64), ("0002", 48), ("0001", 32), ("0001", 16)]
    third = restored(report(finding(96), finding(80)), "0003", second).document
    assert steps(third) == [("0003", 96), ("0003", 80), *steps(second)][: 1 + KEPT_FALLBACKS]


def test_a_session_without_a_good_checkpoint_leaves_the_inherited_in_place(finding: Callable[..., Finding]) -> None:
    first = restored(report(finding(1032), finding(16)), "0001").document
    restoration = restored(report(finding(2048, "is empty (0 bytes)")), inherited=first)
    assert steps(restoration.document) == steps(first)
    assert restoration.lines[-4:] == (
        "Refused checkpoints/cartpole_checkpoint_2048_steps.zip: is empty (0 bytes)",
        "Found no checkpoint to restore",
        "The checkpoint of session 0001 at 1,032 timesteps stays in place",
        "Next training will automatically resume from latest checkpoint",
    )


@pytest.mark.parametrize("inherits", [True, False])
def test_with_nothing_at_all_the_next_session_starts_at_zero(*, inherits: bool) -> None:
    nothing = restored(report(), "0001").document if inherits else None
    restoration = restored(report(), inherited=nothing)
    assert steps(restoration.document) == []
    assert restoration.document.best_model is None
    assert restoration.lines[-1] == "Next training will start at 0 timesteps"


def test_the_inherited_best_model_stays_until_there_is_a_sound_one(finding: Callable[..., Finding]) -> None:
    name = "best_model/best_model.zip"
    first = restored(report(finding(32), best=finding(16, name=name)), "0001", folder="0001/artifacts").document
    for best in (None, finding(48, "it is cut off", name=name)):
        document = restored(report(finding(64), best=best), inherited=first).document
        assert document.best_model == first.best_model
    document = restored(report(finding(64), best=finding(48, name=name)), inherited=first).document
    assert document.best_model is not None
    assert document.best_model.timesteps == 48


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (46_182, "45.1 KiB"),
        (5 << 20, "5.0 MiB"),
        (3 << 30, "3.0 GiB"),
        (5 << 40, "5120.0 GiB"),
    ],
)
def test_sizes_are_for_people(count: int, text: str) -> None:
    assert human_bytes(count) == text


# Going on: the newest that is still as it was adopted.


@pytest.fixture
def adopted(tmp_path: Path) -> Restored:
    """A `restored.json` with three checkpoints on disk below `tmp_path`."""
    references = []
    for timesteps in (96, 64, 32):
        content = f"checkpoint at {timesteps:3}".encode()
        path = tmp_path / FOLDER / f"{timesteps}.zip"
        files.write_bytes(path, content)
        digest = files.sha256_of_bytes(content)
        references.append(
            CheckpointReference(
                session="0002",
                file=f"{FOLDER}/{timesteps}.zip",
                timesteps=timesteps,
                bytes=len(content),
                sha256=digest,
                training={},
                libraries={},
                resume=ResumeVerdict(exact=True),
            )
        )
    return document(*references)


def document(*references: CheckpointReference) -> Restored:
    return Restored(
        session="0002",
        key=KEY,
        checkpoint=references[0] if references else None,
        fallbacks=references[1:],
        best_model=None,
        outcome=Outcome(),
    )


def test_the_latest_intact_checkpoint_is_gone_on_from(adopted: Restored, tmp_path: Path) -> None:
    assert first_intact(adopted, tmp_path) == (newest(adopted), [])


def test_damaged_ones_are_passed_over_with_a_reason_each(adopted: Restored, tmp_path: Path) -> None:
    (tmp_path / FOLDER / "96.zip").unlink()
    (tmp_path / FOLDER / "64.zip").write_bytes(b"checkpoint at  65")
    chosen, refused = first_intact(adopted, tmp_path)
    assert chosen == adopted.fallbacks[1]
    assert refused == [
        "0002/artifacts/96.zip: is missing",
        "0002/artifacts/64.zip: has another sha256 than when it was adopted",
    ]


def test_where_none_is_intact_each_is_named(adopted: Restored, tmp_path: Path) -> None:
    for timesteps in (96, 64, 32):
        (tmp_path / FOLDER / f"{timesteps}.zip").write_bytes(b"cut")
    chosen, refused = first_intact(adopted, tmp_path)
    assert chosen is None
    assert refused == [f"0002/artifacts/{each}.zip: has 3 bytes, expected 17" for each in (96, 64, 32)]


@pytest.fixture
def with_replay(adopted: Restored, tmp_path: Path) -> Restored:
    """The same, the first two with replay buffers that share a segment."""

    def replay(*contents: bytes) -> ReplayReference:
        entries = tuple(SegmentReference(sha256=files.sha256_of_bytes(each), bytes=len(each)) for each in contents)
        for entry, content in zip(entries, contents, strict=True):
            path = tmp_path / FOLDER / "checkpoints" / "replay" / segment_name(entry.sha256)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return ReplayReference(folder=f"{FOLDER}/checkpoints/replay", bytes=0, segments=entries)

    last, earlier, oldest = adopted.candidates
    return document(
        msgspec.structs.replace(last, replay=replay(b"shared", b"new")),
        msgspec.structs.replace(earlier, replay=replay(b"shared", b"old")),
        oldest,
    )


def segment_of(reference: CheckpointReference, index: int, tmp_path: Path) -> Path:
    return segments(reference, tmp_path)[index]


def test_a_checkpoint_is_intact_with_all_of_its_segments(with_replay: Restored, tmp_path: Path) -> None:
    assert first_intact(with_replay, tmp_path) == (newest(with_replay), [])
    found = [path.read_bytes() for path in segments(newest(with_replay), tmp_path)]
    assert found == [b"shared", b"new"]
    assert segments(with_replay.fallbacks[1], tmp_path) == ()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "is missing"),
        (b"ne", "has 2 bytes, expected 3"),
        (b"NEW", "has another sha256 than when it was adopted"),
    ],
)
def test_a_segment_that_is_damaged_has_the_one_before_gone_on_from(
    with_replay: Restored, tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = segment_of(newest(with_replay), 1, tmp_path)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    chosen, refused = first_intact(with_replay, tmp_path)
    assert chosen == with_replay.fallbacks[0]
    assert refused == [f"0002/artifacts/96.zip: its replay segment {path.name[:12]}… {why}"]


def test_a_shared_segment_that_is_damaged_passes_over_all_that_need_it_and_is_read_once(
    with_replay: Restored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = segment_of(newest(with_replay), 0, tmp_path)
    shared.write_bytes(b"SHARED")
    read: list[Path] = []
    plain = files.sha256_of_file

    def noting(path: Path) -> str:
        read.append(path)
        return plain(path)

    monkeypatch.setattr(files, "sha256_of_file", noting)
    chosen, refused = first_intact(with_replay, tmp_path)
    assert chosen == with_replay.fallbacks[1]
    assert len(refused) == 2
    assert read.count(shared) == 1


def test_a_reference_from_before_there_were_replay_buffers_needs_no_segment(adopted: Restored, tmp_path: Path) -> None:
    values = msgspec.to_builtins(newest(adopted))
    del values["replay"]
    assert msgspec.convert(values, CheckpointReference) == newest(adopted)
    assert segments(newest(adopted), tmp_path) == ()


def test_without_a_checkpoint_there_is_nothing_to_choose(tmp_path: Path) -> None:
    assert first_intact(document(), tmp_path) == (None, [])


def test_a_folder_in_the_place_of_a_checkpoint_cannot_be_read(adopted: Restored, tmp_path: Path) -> None:
    (tmp_path / FOLDER / "96.zip").unlink()
    (tmp_path / FOLDER / "96.zip").mkdir()
    size = (tmp_path / FOLDER / "96.zip").stat().st_size
    reference = msgspec.structs.replace(newest(adopted), bytes=size)
    assert (problem_with(reference, tmp_path) or "").startswith("cannot be read: ")
