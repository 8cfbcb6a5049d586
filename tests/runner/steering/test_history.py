"""What happened when, told from what sessions left."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from runner.commands.start_afresh import start_afresh
from runner.layout import put_away_json
from runner.lineage import Phase, every_lineage
from runner.steering.documents import HistoryAnswer
from runner.steering.happened import tell_history
from runner.steering.history import show_history
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import INPUTS, JobOnDisk, job_json, write, write_jobs

if TYPE_CHECKING:
    from pathlib import Path

    from runner.layout import SessionFolder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project with two jobs."""
    write_jobs(tmp_path, cart=cart_pole(), pole=cart_pole())
    return Workspace(tmp_path)


def clock(folder: SessionFolder, began: str, ended: str) -> None:
    """Have a session say when it began and ended."""
    write(folder.artifacts / "training_metadata.json", {"started_at": began, "updated_at": ended})


def told(cart: JobOnDisk) -> list[tuple[str, str]]:
    """What happened to the job: kinds and sentences."""
    return [(each.kind, each.sentence) for _, each in tell_history(every_lineage(cart.runs, "cart"))]


def test_sessions_changes_and_endings_are_told_in_their_order(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=64, profile="quick", goal=64)
    parent = cart.checkpoint(1, 64)
    job = job_json(total_timesteps=512)
    crash: dict[str, Any] = {"outcome": {"interrupted_by": "RuntimeError", "error": "boom"}}
    cart.add(Phase.RESTORED, timesteps=128, parent=parent, job=job, **crash)
    cart.add(Phase.SUBMITTED, parent=cart.checkpoint(2, 128), job=job)
    cart.add(Phase.PLANNED)
    assert told(cart) == [
        ("begun", "begins at 0 of 64 timesteps (quick, local)"),
        ("ended", "reached 64 of 64 timesteps: goal met"),
        ("begun", "goes on from session 0001 at 64 of 512 timesteps (full, local)"),
        ("changed", "total_timesteps changed from 256 to 512"),
        ("ended", "reached 128 of 512 timesteps, crashed: boom"),
        ("begun", "goes on from session 0002 at 128 of 512 timesteps (full, local)"),
        ("running", "was submitted to local"),
    ]


def test_a_redo_and_a_fallback_are_told_apart(cart: JobOnDisk) -> None:
    first = cart.checkpoint(1, 64)
    cart.add(Phase.RESTORED, timesteps=64)
    cart.add(Phase.RESTORED, timesteps=128, parent=first, fallbacks=[first])
    cart.add(Phase.RESTORED, timesteps=256, parent=first, fallbacks=[first])
    other = msgspec.structs.replace(INPUTS.sources, meaning="0" * 64)
    cart.add(Phase.RESTORED, timesteps=256, sources=other)
    had = "and not from the 128 that session 0002 had reached"
    assert told(cart)[4] == ("fell back", f"goes on from session 0001 at 64 of 256 timesteps {had} (full, local)")
    assert told(cart)[6] == (
        "redone",
        "does session 0003 again, from the beginning, at 0 of 256 timesteps (full, local)",
    )


def test_what_was_refused_put_away_or_cannot_be_read_is_told_too(workspace: Workspace, cart: JobOnDisk) -> None:
    folder = cart.add(Phase.RESTORED, timesteps=64)
    restored = json.loads(folder.restored_json.read_text())
    restored["refused"] = ["checkpoints/x.zip: has another sha256"]
    restored["checkpoint"]["resume"] = {"exact": False, "reasons": ["gamma changed"]}
    write(folder.restored_json, restored)
    start_afresh(workspace, "cart")
    cart.add(Phase.RESTORED, timesteps=64).execution_json.write_text("{")
    kinds = [kind for kind, _ in told(cart)]
    assert kinds == ["begun", "ended", "refused", "approximate", "put away", "begun", "unreadable"]
    assert told(cart)[2][1] == "refused checkpoints/x.zip: has another sha256"
    assert told(cart)[4][1] == "lineage 1 was put away by `fresh`"


def test_jobs_are_told_by_time_and_a_job_in_the_order_in_which_things_followed(
    workspace: Workspace, cart: JobOnDisk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pole = JobOnDisk(cart.runs.root, "pole")
    clock(cart.add(Phase.RESTORED, timesteps=64), "2026-01-01T10:00:00+00:00", "2026-01-01T12:00:00+00:00")
    # The clock of another machine goes wrong, and says nothing of what followed from what.
    second = cart.add(Phase.RESTORED, timesteps=256, parent=cart.checkpoint(1, 64))
    clock(second, "2026-01-01T09:00:00+00:00", "no time")
    os.utime(second.execution_json, (noon := dt.datetime(2026, 1, 1, 13, tzinfo=dt.UTC).timestamp(), noon))
    clock(pole.add(Phase.RESTORED, timesteps=256), "2026-01-01T11:00:00+00:00", "2026-01-01T14:00:00+00:00")
    monkeypatch.setattr("doit.doit_cmd._CMDLINE_VARS", {"json": "yes"})
    show_history(workspace, ["cart", "pole"])
    answer = msgspec.json.decode(capsys.readouterr().out, type=HistoryAnswer)
    assert [(each.job, each.session, each.kind, (each.at or "")[11:16]) for each in answer.happenings] == [
        ("cart", "0001", "begun", "10:00"),
        ("pole", "0001", "begun", "11:00"),
        ("cart", "0001", "ended", "12:00"),
        ("cart", "0002", "begun", "09:00"),
        ("cart", "0002", "ended", "13:00"),
        ("pole", "0001", "ended", "14:00"),
    ]
    monkeypatch.setattr("doit.doit_cmd._CMDLINE_VARS", {})
    start_afresh(workspace, "cart")
    cart.add(Phase.PACKAGED)
    capsys.readouterr()
    show_history(workspace, ["cart"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("cart 0001      begins at 0 of 256 timesteps (full, local)")
    assert lines[-1].split()[-3:] == ["0001", "is", "packaged"]
    assert "cart-002 0001" in lines[-1]
    show_history(workspace, ["pole-none"])
    assert capsys.readouterr().out == "pole-none: nothing has happened yet\n"


def test_fresh_stands_where_it_was_given_among_what_happened_to_other_jobs(
    workspace: Workspace, cart: JobOnDisk
) -> None:
    pole = JobOnDisk(cart.runs.root, "pole")
    clock(cart.add(Phase.RESTORED, timesteps=64), "2026-01-01T10:00:00+00:00", "2026-01-01T12:00:00+00:00")
    clock(pole.add(Phase.RESTORED, timesteps=64), "2026-02-01T10:00:00+00:00", "2026-02-01T12:00:00+00:00")
    start_afresh(workspace, "cart")
    (lineage, _) = every_lineage(cart.runs, "cart")
    assert lineage.put_away is not None
    happened = [each for job in ("cart", "pole") for each in tell_history(every_lineage(cart.runs, job))]
    *_, last = sorted(happened, key=lambda each: each[0])
    assert (last[1].kind, last[1].at) == ("put away", lineage.put_away.at)
    put_away_json(cart.runs.archive("cart", 1)).unlink()  # as lineages of earlier versions are
    assert told(cart)[-1] == ("put away", "lineage 1 was put away by `fresh`")


def test_a_session_that_went_on_from_one_that_is_gone_says_so_and_no_fallback(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=64)
    cart.add(Phase.RESTORED, timesteps=128, parent=cart.checkpoint(1, 64))
    cart.add(Phase.RESTORED, timesteps=256, parent=cart.checkpoint(2, 128))
    shutil.rmtree(cart.runs.session("cart", 2).path)
    assert told(cart)[2:] == [
        ("begun", "goes on from session 0002, which is gone, at 128 of 256 timesteps (full, local)"),
        ("ended", "reached 256 of 256 timesteps: goal met"),
    ]
