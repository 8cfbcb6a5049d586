"""What the doctor finds."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from runner.backends.kaggle.health import checks, client_version, clock
from tests.runner.backends.kaggle.conftest import SETTINGS, Kaggle, own_kaggle
from tests.runner.backends.kaggle.test_backend import spend_it_all

if TYPE_CHECKING:
    from pathlib import Path


def findings() -> dict[str, tuple[bool, str]]:
    """What was found, by what was looked at."""
    return {check.about: (check.is_well, check.finding) for check in checks(SETTINGS)}


def test_an_account_that_works_is_well_and_nothing_is_spent(kaggle: Kaggle) -> None:
    found = findings()
    assert [about for about, (is_well, _) in found.items() if not is_well] == []
    assert list(found) == ["packages to send", "credentials", "Kaggle", "GPU quota", "client", "clock", "not looked at"]
    assert "is given a GPU (its phone number must be verified)" in found["not looked at"][1]
    assert found["credentials"][1] == "found in KAGGLE_USERNAME and KAGGLE_KEY"
    assert kaggle.calls("SaveKernel") == kaggle.calls("StartBlobUpload") == kaggle.calls("CreateDataset") == 0


def test_wrong_credentials_are_found(kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "wrong")
    is_well, finding = findings()["Kaggle"]
    assert not is_well
    assert "are not accepted (401); set KAGGLE_API_TOKEN" in finding
    assert kaggle.calls("GetAcceleratorQuotaStatistics") == 1


def test_a_kaggle_out_of_reach_is_found_quickly(kaggle: Kaggle) -> None:
    kaggle.fault("unavailable", "*")
    is_well, finding = findings()["Kaggle"]
    assert not is_well
    assert "gave no answer (503)" in finding


def test_a_used_up_quota_is_found_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_kaggle(tmp_path, monkeypatch, gpu_quota_seconds=7200) as own:
        spend_it_all(own, "spender", tmp_path / "end")
        is_well, finding = findings()["GPU quota"]
    assert not is_well
    assert finding.startswith("0s of 2h00m of GPU quota left, renewed on ")
    assert finding.endswith("; set `kaggle: {accelerator: none}` for sessions without a GPU")


def test_a_newer_client_is_named_and_does_no_harm() -> None:
    check = client_version("2.2.5", {"x-kaggle-apiversion": "2.10.0"})
    assert check.is_well
    assert check.finding == "kaggle 2.2.5, while 2.10.0 is out: update it if anything fails"
    for theirs in ("2.2.5", "2.2.4", "", "odd"):
        assert client_version("2.2.5", {"x-kaggle-apiversion": theirs}).finding == "kaggle 2.2.5"


@pytest.mark.parametrize(("off", "is_well"), [(0, True), (299, True), (-299, True), (3600, False), (-3600, False)])
def test_a_clock_that_is_off_is_found(off: int, is_well: bool) -> None:
    now = 1_800_000_000
    check = clock({"date": formatdate(now + off, usegmt=True)}, now)
    assert check.is_well is is_well
    if not is_well:
        assert check.finding == "is 3,600 s off: set this machine's clock"


def test_a_server_without_a_clock_is_no_fault() -> None:
    assert clock({}, 0).is_well
    assert clock({"date": "yesterday"}, 0).is_well
