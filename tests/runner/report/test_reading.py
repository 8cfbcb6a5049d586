"""What stands on disk of a job, as its report tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from contract.storage.layout import Artifacts
from runner.curve.stitching import stitched
from runner.lineage import Phase
from runner.report.reading import LARGEST_EMBEDDED_PICTURE, read_job, read_picture
from runner.report.values import Change, End
from tests.runner.conftest import CODE, JOB, JobOnDisk, job_json, write

if TYPE_CHECKING:
    from pathlib import Path

    from runner.layout import SessionFolder
    from runner.report.values import JobReport, SessionRow

STOPPED_BY_LIMIT = {"timesteps": 64, "goal_met": False, "interrupted_by": "session limit", "steps_per_second": 910.0}
MET = {"timesteps": 256, "goal_met": True}


def report(cart: JobOnDisk) -> JobReport:
    return read_job(cart.runs, JOB, job_json(), "", stitched(cart.runs, JOB))


def parent(cart: JobOnDisk, number: int) -> Any:
    session = cart.lineage.session(number)
    assert session is not None
    return session.restored.checkpoint


def tell(folder: SessionFolder, started: str, updated: str) -> None:
    """Let a session have said when it ran."""
    metadata = {
        "format": 1,
        "job": {},
        "request": {
            "format": 1,
            "job": JOB,
            "lineage": 1,
            "session": folder.number,
            "profile": "full",
            "goal": 256,
            "parent": None,
        },
        "key": "0" * 64,
        "started_at": started,
        "updated_at": updated,
        "timesteps_at_start": 0,
        "timesteps": 64,
        "goal_met": False,
        "interrupted_by": None,
        "error": None,
        "resume": {"exact": True, "reasons": [], "changes": []},
        "resumed": None,
        "mean_reward": None,
        "best_mean_reward": None,
        "episodes": 0,
        "steps_per_second": None,
        "libraries": {},
    }
    write(Artifacts(folder.artifacts, JOB).metadata, metadata)


def ends(rows: tuple[SessionRow, ...]) -> list[tuple[int, int | None, int | None, End, str]]:
    return [(each.number, each.reached, each.kept_to, each.end, each.words) for each in rows]


def test_a_session_is_kept_as_far_as_the_next_one_went_on_from_it(cart: JobOnDisk) -> None:
    earlier = cart.checkpoint(1, 32)
    cart.add(Phase.RESTORED, timesteps=64, fallbacks=[earlier], outcome=STOPPED_BY_LIMIT)
    cart.add(Phase.RESTORED, timesteps=256, parent=earlier, outcome=MET)
    found = report(cart)
    assert ends(found.sessions) == [(1, 64, 32, End.CUT, "cut by its limit"), (2, 256, 256, End.MET, "goal met")]
    assert (found.sessions[1].parent, found.sessions[1].begins, found.reached) == (1, 32, 256)
    assert found.sessions[0].steps_per_second == 910


def test_of_a_session_that_was_done_again_nothing_is_kept(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=64, outcome=STOPPED_BY_LIMIT)
    cart.add(Phase.RESTORED, timesteps=256, parent=parent(cart, 1), outcome=MET)
    cart.add(Phase.RESTORED, timesteps=256, parent=parent(cart, 1), outcome=MET)
    assert [each.kept_to for each in report(cart).sessions] == [64, None, 256]


def test_a_session_that_runs_is_under_way_and_one_that_failed_says_why(cart: JobOnDisk) -> None:
    failed = {"state": "FAILED", "reason": "its container ran out of memory", "exit_code": 137}
    cart.add(Phase.RESTORED, timesteps=64, execution=failed)
    cart.add(Phase.SUBMITTED, parent=parent(cart, 1))
    first, second = report(cart).sessions
    assert (first.end, first.words, first.reason) == (End.FAILED, "out of memory", "its container ran out of memory")
    assert (second.end, second.words, second.reached) == (End.UNDER_WAY, "under way", None)


def test_the_checkpoints_are_named_with_their_digests_and_whether_they_still_are_there(cart: JobOnDisk) -> None:
    earlier = cart.checkpoint(1, 32)
    cart.add(Phase.RESTORED, timesteps=64, fallbacks=[earlier])
    (cart.runs.job(JOB) / earlier["file"]).unlink()
    latest, fallback = report(cart).checkpoints
    assert (latest.kind, latest.timesteps, latest.is_there) == ("latest", 64, True)
    assert (fallback.kind, fallback.sha256, fallback.is_there) == ("earlier", earlier["sha256"], False)


def test_what_changed_is_told_by_the_session_that_ran_with_it(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=64)
    other = msgspec.structs.replace(CODE, content="1" * 64, meaning="2" * 64)
    cart.add(Phase.RESTORED, timesteps=128, parent=parent(cart, 1), job=job_json(seed=6), code=other)
    assert report(cart).changes == (
        Change(2, 64, "seed changed from 5 to 6"),
        Change(2, 64, "kaggle-relay's own code changed"),
    )


def test_the_hours_of_a_gpu_are_those_of_sessions_on_kaggle_that_asked_for_one(cart: JobOnDisk) -> None:
    on_kaggle = job_json(backend="kaggle", kaggle={"accelerator": "NvidiaTeslaT4"})
    without = job_json(backend="kaggle")
    first = cart.add(Phase.RESTORED, timesteps=64, job=on_kaggle, execution={"backend": "kaggle"})
    tell(first, "2026-11-20T08:00:00+00:00", "2026-11-20T09:30:00+00:00")
    second = cart.add(
        Phase.RESTORED, timesteps=128, parent=parent(cart, 1), job=without, execution={"backend": "kaggle"}
    )
    tell(second, "2026-11-20T10:00:00+00:00", "2026-11-20T10:30:00+00:00")
    found = report(cart)
    assert (found.hours, found.gpu_hours) == (2.0, 1.5)
    assert [each.machine for each in found.sessions] == ["NvidiaTeslaT4", "CPU"]


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 9}'])
def test_metadata_that_cannot_be_read_leaves_the_hours_open(cart: JobOnDisk, content: str) -> None:
    folder = cart.add(Phase.RESTORED, timesteps=64)
    Artifacts(folder.artifacts, JOB).metadata.write_text(content, encoding="utf-8")
    (row,) = report(cart).sessions
    assert (row.hours, row.reached) == (None, 64)


def test_sessions_with_the_same_versions_are_told_together(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=64)
    cart.add(Phase.RESTORED, timesteps=128, parent=parent(cart, 1))
    (versions,) = report(cart).versions
    assert (versions.first, versions.last) == (1, 2)
    assert dict(versions.versions).keys() >= {"python", "torch"}


def test_a_job_that_never_ran_has_its_configuration_to_tell(cart: JobOnDisk) -> None:
    found = report(cart)
    settings = {each.key: each.value for each in found.settings}
    assert (found.sessions, found.reached, found.best) == ((), 0, None)
    assert settings["hyperparameters.n_steps"] == "32"
    assert not [key for key in settings if key.startswith("kaggle")]


def test_a_small_picture_is_read_and_a_large_one_only_named(tmp_path: Path) -> None:
    assert read_picture(tmp_path) is None
    (tmp_path / "best_agent.gif").write_bytes(b"GIF89a")
    small = read_picture(tmp_path)
    assert small is not None
    assert (small.kind, small.data) == ("image/gif", "R0lGODlh")
    (tmp_path / "best_agent.mp4").write_bytes(b"\0" * (LARGEST_EMBEDDED_PICTURE + 1))
    large = read_picture(tmp_path)
    assert large is not None
    assert (large.file, large.data) == ("best_agent.mp4", "")
