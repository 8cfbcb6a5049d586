"""A session on a GPU ends before the week's quota does, or waits for the next week."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import Package
from contract.errors import BackendBusyError
from contract.storage import files
from emulator.settings import BeyondQuota
from emulator.store.quota import WEEK
from emulator.store.values import KernelState
from runner.backends.kaggle.api.quota import Quota
from runner.backends.kaggle.gpu import spending
from runner.backends.kaggle.gpu.spending import Needs, allowed, limited, needs
from runner.backends.kaggle.kernels.metadata import SESSION_MARGIN_SECONDS
from runner.stages import wiring
from runner.workspace import LiveSession, Workspace
from tests.emulated import USER
from tests.project import cart_pole
from tests.runner.backends.kaggle.conftest import Kaggle, own_kaggle
from tests.runner.conftest import write_jobs

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.store.values import Version

HOUR = 3600.0
MARGIN = float(SESSION_MARGIN_SECONDS)


def quota(left: float, reserved: float = 0.0) -> Quota:
    """A week's, in seconds."""
    renewal = datetime(2026, 1, 10, tzinfo=UTC)
    return Quota(timedelta(seconds=left), timedelta(hours=30), renewal, timedelta(seconds=reserved))


def test_a_session_lasts_as_its_job_says_where_the_quota_lasts_longer() -> None:
    assert allowed(Needs(2 * HOUR, 600), quota(30 * HOUR)) == 2 * HOUR
    assert allowed(Needs(2 * HOUR, 600), quota(2 * HOUR + MARGIN)) == 2 * HOUR


def test_else_it_ends_so_long_before_the_quota_that_kaggle_ends_it_within_too() -> None:
    assert allowed(Needs(8 * HOUR, 600), quota(2 * HOUR)) == 2 * HOUR - MARGIN
    assert allowed(Needs(8 * HOUR, 600), quota(3 * HOUR, reserved=HOUR)) == 2 * HOUR - MARGIN


@pytest.mark.parametrize("left", [0.0, MARGIN, MARGIN + 599])
def test_it_waits_where_it_would_gain_nothing(left: float) -> None:
    assert allowed(Needs(8 * HOUR, 600), quota(left)) is None


def test_what_it_needs_is_its_setup_two_rollouts_as_fast_as_before_and_a_save() -> None:
    around = spending.SETUP_SECONDS + spending.SAVE_AND_UPLOAD_SECONDS
    assert needs(8 * HOUR, 2048, 4.0) == Needs(8 * HOUR, around + 1024.0)
    assert needs(8 * HOUR, 2048, None) == Needs(8 * HOUR, around + spending.TWO_ROLLOUTS_SECONDS)
    assert needs(60.0, 2048, 4.0) == Needs(60.0, 60.0), "who asks for a minute needs no more"


def test_the_quota_says_what_is_reserved() -> None:
    said = str(quota(3 * HOUR, reserved=HOUR))
    assert said.startswith(
        "3h00m of 30h00m of GPU quota left, 1h00m of it for sessions that run, renewed on 2026-01-10"
    )


def test_a_script_of_before_there_was_such_a_limit_has_none() -> None:
    assert limited('KEY = ""\n', 60.0) is None


def versions(own: Kaggle, slug: str) -> list[Version]:
    """The sessions of a kernel, oldest first."""
    kernels = own.emulator.running.emulator.kernels
    kernel = kernels.find(USER, slug)
    assert kernel is not None
    found = sorted(kernels.list_versions(kernel.id), key=lambda version: version.number)
    return [version for version in found if version.state is not KernelState.NEW_SCRIPT]


def test_what_is_left_cuts_a_session_and_changes_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_kaggle(tmp_path, monkeypatch, gpu_quota_seconds=2 * HOUR) as own:
        end = tmp_path / "end"
        folder, key = own.package("cut", until=str(end))
        package = folder.package_json.read_bytes()
        own.backend().submit(folder, key)
        (cut,) = versions(own, "relay-cut")
        source = own.emulator.running.emulator.kernels.source(cut.id)
        (seconds,) = map(float, re.findall(r"^LIMIT_SECONDS = (\S+)$", source, re.MULTILINE))
        assert seconds == pytest.approx(2 * HOUR - MARGIN, abs=1)
        assert cut.limit_seconds == pytest.approx(2 * HOUR, abs=1)
        assert f'KEY = "{key}"' in source
        assert package == folder.package_json.read_bytes()
        assert own.backend().find(key) is not None
        other, other_key = own.package("other")
        with pytest.raises(BackendBusyError) as caught:  # the first one has reserved it all
            own.backend().prepare(other, other_key)
        said = str(caught.value)
        assert said.startswith("Kaggle: has too little GPU time left, where a session needs 20m00s: ")
        assert "of 2h00m of GPU quota left, " in said
        assert "of it for sessions that run, renewed on 2026-01-10 at 00:00 UTC" in said
        end.touch()


def next_session(root: Path) -> LiveSession:
    """The session to come of a project's one job."""
    workspace = Workspace(root)
    (live,) = workspace.live_sessions(workspace.plan("cart", "full"))
    return live


def run(root: Path, live: LiveSession) -> None:
    """All stages of a session."""
    for stage in (wiring.package, wiring.execute, wiring.download, wiring.validate, wiring.restore):
        stage(Workspace(root), live)


def test_a_session_that_would_outlast_the_quota_ends_with_a_checkpoint_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "SETUP_SECONDS", 0.0)
    monkeypatch.setattr(spending, "TWO_ROLLOUTS_SECONDS", 0.0)
    monkeypatch.setattr(spending, "SAVE_AND_UPLOAD_SECONDS", 1.0)
    rules: dict[str, Any] = {"gpu_quota_seconds": MARGIN + 3, "beyond_quota": BeyondQuota.STOPPED}
    with own_kaggle(tmp_path, monkeypatch, **rules) as own:
        monkeypatch.setenv("RELAY_KAGGLE_POLL_SECONDS", "0.1")
        root = tmp_path / "project"
        write_jobs(
            root, cart=cart_pole(backend="kaggle", kaggle={"accelerator": "NvidiaTeslaT4"}, total_timesteps=10**9)
        )
        live = next_session(root)
        run(root, live)
        restored = files.read_json(live.folder.restored_json)
        assert restored["outcome"]["interrupted_by"] == "session limit"
        assert restored["checkpoint"]["timesteps"] > 0
        assert restored["checkpoint"]["resume"]["exact"]
        emulator = own.emulator.running.emulator
        assert 0 < emulator.gpu_time.used(USER, emulator.clock.now()) < rules["gpu_quota_seconds"]
        (ended,) = versions(own, "relay-cart")
        assert ended.state is KernelState.COMPLETE
        assert Package.read(live.folder.package_json).job["session_limit"] == 8 * HOUR + 45 * 60
        # The session is what it would have been with more time: it is neither stale nor submitted again.
        following = next_session(root)
        assert (following.folder.number, following.parent) == ("0002", live.folder)
        wiring.package(Workspace(root), following)
        with pytest.raises(BackendBusyError, match="has too little GPU time left"):
            own.backend().prepare(following.folder, Package.read(following.folder.package_json).key)
        own.emulator.let_time_pass(WEEK)
        own.backend().prepare(following.folder, Package.read(following.folder.package_json).key)
