"""A session's own documents are judged like all else that comes back: what is wrong with them is said, or ignored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.storage import layout
from tests.restore.conftest import JOB
from tests.restore.fuzz.download import (
    CHECKPOINT,
    MANIFEST,
    MANIFEST_RULES,
    METADATA,
    METADATA_RULES,
    PROMISED,
    Download,
    judge_metadata,
    promised_by,
)
from tests.restore.fuzz.guard import fuzz
from tests.restore.fuzz.json_damage import Flaw, flaws, nasty_values, other_text, places
from tests.restore.fuzz.signing import Sound, signed

if TYPE_CHECKING:
    from tests.restore.fuzz.guard import Guard


def test_what_is_damaged_here_is_sound(guard: Guard) -> None:
    assert judge_metadata(guard, json.dumps(METADATA).encode()).metadata.verdict == "sound"
    assert promised_by(guard, json.dumps(MANIFEST).encode()) == [PROMISED]


def test_metadata_with_a_field_of_another_kind(guard: Guard) -> None:
    every = flaws(METADATA, METADATA_RULES)
    assert len(every) > 300

    @fuzz(200)
    @given(flaw=st.sampled_from(every))
    def refused(flaw: Flaw) -> None:
        report = judge_metadata(guard, json.dumps(flaw.of(METADATA)).encode())
        assert report.metadata.verdict == "refused"

    refused()
    guard.enough()


def test_metadata_of_other_text(guard: Guard) -> None:
    @fuzz(100)
    @given(data=st.data())
    def refused(data: st.DataObject) -> None:
        report = judge_metadata(guard, other_text(data.draw, METADATA))
        assert report.metadata.verdict == "refused"

    refused()
    guard.enough()


def test_damage_anywhere_in_metadata(guard: Guard) -> None:
    """It may be sound; what it says is then fit to be written down and shown."""

    @fuzz(80)
    @given(place=st.sampled_from([place for place in places(METADATA) if place]), value=nasty_values())
    def judged(place: tuple[str | int, ...], value: object) -> None:
        judge_metadata(guard, json.dumps(Flaw(place, value).of(METADATA)).encode())

    judged()


@pytest.mark.parametrize("text", ["\ud800", "x\n" * 1000, "\x1b[2J", "y" * 100_000, "\u202e"])
@pytest.mark.parametrize("field", ["error", "interrupted_by"])
def test_what_metadata_says_is_fit_to_be_shown(guard: Guard, field: str, text: str) -> None:
    judge_metadata(guard, json.dumps({**METADATA, field: text}).encode())


@pytest.mark.parametrize("field", ["steps_per_second", "mean_reward", "best_mean_reward"])
def test_a_number_of_metadata_is_one(guard: Guard, field: str) -> None:
    for number in ("NaN", "Infinity", "1e999", "9" * 400):
        text = json.dumps({**METADATA, field: 0.123}).replace("0.123", number)
        assert judge_metadata(guard, text.encode()).metadata.verdict == "refused"


def test_a_manifest_with_a_field_of_another_kind(guard: Guard) -> None:
    every = flaws(MANIFEST, MANIFEST_RULES)

    @fuzz(120)
    @given(flaw=st.sampled_from(every))
    def promises_nothing(flaw: Flaw) -> None:
        assert promised_by(guard, json.dumps(flaw.of(MANIFEST)).encode()) == []

    promises_nothing()
    guard.enough()


def test_a_manifest_of_other_text(guard: Guard) -> None:
    @fuzz(80)
    @given(data=st.data())
    def promises_nothing(data: st.DataObject) -> None:
        assert promised_by(guard, other_text(data.draw, MANIFEST)) == []

    promises_nothing()
    guard.enough()


@pytest.mark.parametrize("before", ["../", "/", "checkpoints/../../", "C:\\", "checkpoints/../checkpoints/", "", "x/"])
def test_a_manifest_promises_nothing_elsewhere(guard: Guard, before: str) -> None:
    names = [f"{before}{layout.checkpoint_name(job, 64)}" for job in (JOB, f"../{JOB}", "x")]
    listed = {name: {"bytes": 1, "sha256": "1" * 64} for name in (*names, f"{before}etc/passwd", f"{before}\0")}
    assert promised_by(guard, json.dumps({**MANIFEST, "files": listed}).encode()) == []


@pytest.mark.parametrize("digits", [19, 100, 200, 255, 4_299, 4_301, 100_000])
def test_a_manifest_promises_no_checkpoint_of_endless_timesteps(guard: Guard, digits: int) -> None:
    name = f"checkpoints/{JOB}_checkpoint_{'9' * digits}_steps.zip"
    promised_by(guard, json.dumps({**MANIFEST, "files": {name: {"bytes": 1, "sha256": "1" * 64}}}).encode())


def test_an_entry_that_no_file_can_have_is_said_in_a_sentence(guard: Guard, sound: dict[str, Sound]) -> None:
    download = Download(guard)
    download.put(CHECKPOINT, signed(sound["PPO"], replay=None).pack())
    listed = {CHECKPOINT: {"bytes": 10**290, "sha256": "1" * 64}}
    download.put(layout.MANIFEST_FILE, json.dumps({**MANIFEST, "files": listed}).encode())
    assert [finding.verdict for finding in download.judge().checkpoints] == ["refused"]


@pytest.mark.parametrize("job", ["x\n" * 1000, "\x1b[2J", "y" * 100_000])
def test_a_checkpoint_of_another_job_is_refused_in_a_sentence(guard: Guard, sound: dict[str, Sound], job: str) -> None:
    download = Download(guard)
    download.put(CHECKPOINT, signed(sound["PPO"], job=job, replay=None).pack())
    assert [finding.verdict for finding in download.judge().checkpoints] == ["refused"]
