"""One curve of what sessions left on disk: which parts of it count, and what is made of sessions that noted nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.documents.metrics import Row
from contract.storage.layout import Artifacts
from runner.curve.stitching import STILL_RUNNING, stitched
from runner.lineage import Phase
from tests.runner.conftest import JOB, JobOnDisk
from tests.runner.measured import REWARD, dump, leave

if TYPE_CHECKING:
    from pathlib import Path

    from runner.curve.measurements import Curve


def series(curve: Curve, key: str = REWARD) -> list[tuple[int, float, int]]:
    return [(each.timesteps, each.value, each.session) for each in curve.series(key)]


def curve_of(disk: JobOnDisk) -> Curve:
    return stitched(disk.runs, JOB)


def test_what_a_session_measured_beyond_its_checkpoint_gives_way_to_the_next_session(tmp_path: Path) -> None:
    disk = JobOnDisk(tmp_path)
    first = disk.add(Phase.RESTORED, timesteps=64)
    leave(first, dump(32, 1), dump(64, 2), dump(96, 3), torn=b'{"kind":"log","time')
    second = disk.add(Phase.RESTORED, timesteps=128, parent=disk.lineage.sessions[0].restored.checkpoint)
    leave(second, dump(96, 30), dump(128, 40), dump(160, 50))
    curve = curve_of(disk)
    assert series(curve) == [(32, 1, 1), (64, 2, 1), (96, 30, 2), (128, 40, 2)]
    assert [(each.session, each.begins, each.ends) for each in curve.stretches] == [(1, 0, 64), (2, 64, 128)]
    assert curve.notes == ()


def test_an_evaluation_that_the_next_session_does_again_counts_once(tmp_path: Path) -> None:
    disk = JobOnDisk(tmp_path)
    first = disk.add(Phase.RESTORED, timesteps=64)
    leave(first, Row("evaluation", 64, 1.0, {"eval/mean_reward": 5.0}, (4.0, 6.0), (4, 6)))
    second = disk.add(Phase.RESTORED, timesteps=128, parent=disk.lineage.sessions[0].restored.checkpoint)
    leave(second, Row("evaluation", 64, 2.0, {"eval/mean_reward": 5.0}, (4.0, 6.0), (4, 6)))
    curve = curve_of(disk)
    assert series(curve, "eval/mean_reward") == [(64, 5.0, 2)]
    assert [(each.timesteps, each.rewards, each.session) for each in curve.evaluations] == [(64, (4.0, 6.0), 2)]


def test_what_the_logger_held_back_at_a_border_stands_in_the_next_dump(tmp_path: Path) -> None:
    disk = JobOnDisk(tmp_path)
    loss = "train/loss"
    first = disk.add(Phase.RESTORED, timesteps=64)
    leave(first, dump(64, 2), Row("pending", 64, 1.0, {loss: 0.5}), dump(96, 3, **{loss: 0.5}))
    second = disk.add(Phase.RESTORED, timesteps=128, parent=disk.lineage.sessions[0].restored.checkpoint)
    leave(second, dump(96, 30), dump(128, 40, **{loss: 0.25}))
    assert series(curve_of(disk), loss) == [(96, 0.5, 2), (128, 0.25, 2)]


def test_sessions_that_were_redone_or_left_for_an_older_checkpoint_are_in_no_curve(tmp_path: Path) -> None:
    disk = JobOnDisk(tmp_path)
    leave(disk.add(Phase.RESTORED, timesteps=64), dump(64, 2))
    parent = disk.lineage.sessions[0].restored.checkpoint
    leave(disk.add(Phase.RESTORED, timesteps=128, parent=parent), dump(96, -1), dump(128, -1))
    leave(disk.add(Phase.RESTORED, timesteps=128, parent=parent), dump(96, 30), dump(128, 40))
    curve = curve_of(disk)
    assert series(curve) == [(64, 2, 1), (96, 30, 3), (128, 40, 3)]
    assert [each.session for each in curve.stretches] == [1, 3]


def test_a_session_that_left_no_checkpoint_is_in_no_curve(tmp_path: Path) -> None:
    disk = JobOnDisk(tmp_path)
    leave(disk.add(Phase.RESTORED, timesteps=64), dump(64, 2))
    leave(disk.add(Phase.RESTORED, parent=disk.lineage.sessions[0].restored.checkpoint), dump(96, 3))
    assert series(curve_of(disk)) == [(64, 2, 1)]


def test_a_session_that_still_runs_is_in_it_by_what_it_has_printed(tmp_path: Path) -> None:
    disk = JobOnDisk(tmp_path)
    leave(disk.add(Phase.RESTORED, timesteps=64), dump(64, 2))
    live = disk.add(Phase.SUBMITTED, parent=disk.lineage.sessions[0].restored.checkpoint)
    live.log.write_text(
        "a line of the environment's\n"
        '@relay progress {"timesteps": 64, "goal": 256, "steps_per_second": null, "mean_reward": null}\n'
        'unfinished @relay progress {"timesteps": 96, "goal": 256, "steps_per_second": 16.0, "mean_reward": 21.5}\n'
        '@relay progress {"timesteps": 128, "goal": 256, "steps_per_second": 16.0, "mean_reward": NaN}\n'
        '@relay evaluation {"timesteps": 128, "mean_reward": 30.0, "improved": true}\n'
        '@relay progress {"timesteps": 130, "goal": 2',
        encoding="utf-8",
    )
    curve = curve_of(disk)
    assert series(curve) == [(64, 2, 1), (96, 21.5, 2)]
    assert series(curve, "eval/mean_reward") == [(128, 30.0, 2)]
    began, *later = (each.at for each in curve.series("time/fps"))
    assert [each - began for each in later] == [2.0]
    live_stretch = curve.stretches[-1]
    assert (live_stretch.begins, live_stretch.ends, live_stretch.ending) == (64, 128, STILL_RUNNING)


def test_sessions_of_before_there_were_metrics_are_in_it_too(tmp_path: Path) -> None:
    disk = JobOnDisk(tmp_path)
    folder = disk.add(Phase.RESTORED, timesteps=64)
    progress = '@relay progress {"timesteps": %d, "goal": 256, "steps_per_second": 16.0, "mean_reward": 20.0}\n'
    folder.log.write_text("".join(progress % timesteps for timesteps in (0, 32, 64, 96)), encoding="utf-8")
    assert series(curve_of(disk)) == [(32, 20.0, 1), (64, 20.0, 1)]
    folder.log.unlink()
    curve = curve_of(disk)
    assert curve.measurements == ()
    assert [(each.begins, each.ends) for each in curve.stretches] == [(0, 64)]


def test_a_file_of_another_session_or_with_odd_lines_is_told_of(tmp_path: Path) -> None:
    disk = JobOnDisk(tmp_path)
    folder = disk.add(Phase.RESTORED, timesteps=64)
    leave(folder, Row("session", 0, 1.0, event="started", key="f" * 64), dump(64, 2))
    curve = curve_of(disk)
    assert curve.measurements == ()
    assert curve.notes == ("session 0001: training_metrics.jsonl has rows of another session, and is read up to these",)
    path = Artifacts(folder.artifacts, JOB).metrics
    path.write_bytes(b"odd\n" + dump(64, 2).line() + b"odd\n")
    curve = curve_of(disk)
    assert series(curve) == [(64, 2, 1)]
    assert curve.notes == ("session 0001: training_metrics.jsonl has 2 lines that cannot be read",)


def test_several_environments_that_end_their_episodes_at_once_count_by_their_mean(tmp_path: Path) -> None:
    disk = JobOnDisk(tmp_path)
    folder = disk.add(Phase.RESTORED, timesteps=64)
    leave(folder, Row("episodes", 48, 1.0, rewards=(1.0, 2.0), lengths=(10, 30)))
    curve = curve_of(disk)
    assert series(curve, "episode/reward") == [(48, 1.5, 1)]
    assert series(curve, "episode/length") == [(48, 20.0, 1)]


def test_a_lineage_whose_first_session_is_gone_begins_where_the_rest_does(tmp_path: Path) -> None:
    disk = JobOnDisk(tmp_path)
    disk.add(Phase.RESTORED, timesteps=64)
    second = disk.add(Phase.RESTORED, timesteps=128, parent=disk.lineage.sessions[0].restored.checkpoint)
    leave(second, dump(96, 30))
    disk.runs.session(JOB, 1).path.rename(tmp_path / "elsewhere")
    curve = curve_of(disk)
    assert [(each.begins, each.ends) for each in curve.stretches] == [(64, 128)]
    assert curve.notes == ("session 0001 is gone, and with it what was measured from 0 to 64 timesteps",)


def test_a_curve_goes_on_behind_a_session_that_is_gone_and_says_what_is_missing(tmp_path: Path) -> None:
    disk = JobOnDisk(tmp_path)
    leave(disk.add(Phase.RESTORED, timesteps=64), dump(64, 2))
    for timesteps in (96, 160):
        parent = disk.lineage.sessions[-1].restored.checkpoint
        leave(disk.add(Phase.RESTORED, timesteps=timesteps, parent=parent), dump(timesteps, timesteps))
    disk.runs.session(JOB, 2).path.rename(tmp_path / "elsewhere")
    curve = curve_of(disk)
    assert series(curve) == [(64, 2, 1), (160, 160, 3)]
    assert [(each.session, each.begins, each.ends) for each in curve.stretches] == [(1, 0, 64), (3, 96, 160)]
    assert curve.notes == ("session 0002 is gone, and with it what was measured from 64 to 96 timesteps",)


def test_rows_that_go_backwards_are_left_out(tmp_path: Path) -> None:
    disk = JobOnDisk(tmp_path)
    leave(disk.add(Phase.RESTORED, timesteps=64), dump(32, 1), dump(16, -1), dump(32, 5), dump(64, 2))
    assert series(curve_of(disk)) == [(32, 5, 1), (64, 2, 1)]
