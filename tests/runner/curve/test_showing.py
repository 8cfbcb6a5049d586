"""A curve as people look at it: a table for pandas, and one run for TensorBoard, by TensorBoard's own reader."""

from __future__ import annotations

import csv
import importlib.util
import math
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from runner.curve import event_files
from runner.curve.measurements import Curve, Measurement
from runner.curve.showing import bring_up_to_date, put_away, show
from runner.lineage import Phase
from tests.runner.conftest import JOB, JobOnDisk
from tests.runner.measured import REWARD, dump, leave
from tests.runner.measured import two_sessions as make_two_sessions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def two_sessions(tmp_path: Path) -> JobOnDisk:
    return make_two_sessions(tmp_path)


def scalars(folder: Path, key: str) -> list[tuple[int, float]]:
    read = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    read.Reload()
    return [(each.step, each.value) for each in read.Scalars(key)]


def test_the_table_has_a_line_for_each_timesteps_and_a_column_for_each_key(two_sessions: JobOnDisk) -> None:
    shown = show(two_sessions.runs, JOB)
    with shown.table.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert list(lines[0]) == [
        *("timesteps", "session", "unix_time"),
        *("eval/mean_reward", REWARD, "time/total_timesteps", "train/loss"),
    ]
    assert [(each["timesteps"], each["session"], each[REWARD]) for each in lines] == [
        ("32", "1", "1.0"),
        ("64", "1", "2.0"),
        ("96", "2", "30.0"),
        ("128", "2", "40.0"),
    ]
    assert [each["train/loss"] for each in lines] == ["", "", "0.5", ""]
    assert lines[-1]["eval/mean_reward"] == "50.0"


def test_tensorboard_reads_one_run(two_sessions: JobOnDisk) -> None:
    show(two_sessions.runs, JOB)
    folder = two_sessions.runs.tensorboard / JOB
    assert scalars(folder, REWARD) == [(32, 1), (64, 2), (96, 30), (128, 40)]
    assert scalars(folder, "eval/mean_reward") == [(128, 50)]
    read = EventAccumulator(str(folder))
    read.Reload()
    assert sorted(read.Tags()["scalars"]) == ["eval/mean_reward", REWARD, "train/loss"]


def test_a_tensorboard_that_runs_meanwhile_shows_no_point_twice(two_sessions: JobOnDisk) -> None:
    runs = two_sessions.runs
    show(runs, JOB)
    running = EventAccumulator(str(runs.tensorboard / JOB), size_guidance={"scalars": 0})
    running.Reload()
    assert len(running.Scalars(REWARD)) == 4
    # It is redone from the first session's checkpoint, and comes less far.
    parent = two_sessions.lineage.sessions[0].restored.checkpoint
    leave(two_sessions.add(Phase.RESTORED, timesteps=96, parent=parent), dump(96, -5))
    for _ in range(3):
        show(runs, JOB)
        running.Reload()
        assert [(each.step, each.value) for each in running.Scalars(REWARD)] == [(32, 1), (64, 2), (96, -5)]
    left = sorted((runs.tensorboard / JOB).iterdir())
    assert [each.stat().st_size > 0 for each in left] == [False, True]


def test_a_clock_that_was_set_back_makes_no_older_file(
    two_sessions: JobOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = show(two_sessions.runs, JOB).events
    monkeypatch.setattr(time, "time", lambda: 5.0)
    second = show(two_sessions.runs, JOB).events
    assert first is not None
    assert second is not None
    assert second.name > first.name


def test_more_points_than_are_worth_drawing_are_thinned_out_evenly(tmp_path: Path) -> None:
    count = 2 * event_files.MOST_POINTS + 1
    measured = tuple(Measurement(step, REWARD, math.sin(step), 1, float(step)) for step in range(1, count + 1))
    event_files.write_events(Curve(JOB, 1, measured, ()), tmp_path / JOB)
    steps = [step for step, _ in scalars(tmp_path / JOB, REWARD)]
    assert steps[-1] == count
    assert {later - earlier for earlier, later in pairwise(steps)} == {3}


def test_without_tensorboard_there_is_a_table(two_sessions: JobOnDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tensorboard" else find(name))
    shown = show(two_sessions.runs, JOB)
    assert shown.events is None
    assert shown.table.exists()
    assert not two_sessions.runs.tensorboard.exists()


def test_a_curve_is_kept_up_to_date_once_it_was_asked_for(
    two_sessions: JobOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = two_sessions.runs
    bring_up_to_date(runs, JOB)
    assert not runs.curve(JOB).exists()
    shown = show(runs, JOB)
    parent = two_sessions.lineage.sessions[1].restored.checkpoint
    leave(two_sessions.add(Phase.RESTORED, timesteps=160, parent=parent), dump(160, 60))
    bring_up_to_date(runs, JOB)
    assert shown.table.read_text(encoding="utf-8").splitlines()[-1].startswith("160,3,")
    assert scalars(runs.tensorboard / JOB, REWARD)[-1] == (160, 60)
    runs.session(JOB, 3).restored_json.write_text("{", encoding="utf-8")
    bring_up_to_date(runs, JOB)
    assert capsys.readouterr().out.startswith(f"the curve of {JOB} is as it was:")


def test_a_lineage_that_is_archived_stays_a_run_beside_the_one_to_come(two_sessions: JobOnDisk) -> None:
    runs = two_sessions.runs
    show(runs, JOB)
    archived = runs.archive(JOB, 1)
    archived.parent.mkdir()
    runs.job(JOB).rename(archived)
    put_away(runs, JOB, archived)
    assert (archived / "curve.csv").exists()
    assert scalars(runs.tensorboard / f"{JOB}-001", REWARD)[-1] == (128, 40)
    put_away(runs, JOB, archived)
    leave(two_sessions.add(Phase.RESTORED, timesteps=64), dump(64, 7))
    show(runs, JOB)
    assert scalars(runs.tensorboard / JOB, REWARD) == [(64, 7)]
