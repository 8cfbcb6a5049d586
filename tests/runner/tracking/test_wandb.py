"""Weights & Biases for real, without a connection: what lies on this machine is what will be uploaded."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from runner.lineage import Phase
from runner.tracking.sending import Delivery, deliver
from runner.tracking.values import Place
from runner.tracking.weights_and_biases import AXIS, WeightsAndBiases
from tests.project import ROOT
from tests.runner.conftest import JOB, JobOnDisk
from tests.runner.measured import REWARD, dump, leave, two_sessions
from tests.runner.tracking.wandb_file import KeptRun, read_run
from tests.services import needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

needs("wandb")

pytestmark = pytest.mark.filterwarnings("ignore")  # what its libraries warn of is theirs


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    import wandb  # noqa: PLC0415 - may not be here

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    wandb.teardown()  # it reads its variables once in a process


def send(disk: JobOnDisk) -> Delivery:
    place = Place(disk.runs.tracking(JOB))
    return deliver(disk.runs, JOB, "lights", place, WeightsAndBiases(place))


def kept(disk: JobOnDisk) -> dict[str, KeptRun]:
    """Each run by its id: of each there is one folder."""
    folders = sorted((disk.runs.tracking(JOB) / "wandb").glob("offline-run-*"))
    found = {run.id: run for run in map(read_run, folders)}
    assert len(found) == len(folders)
    return found


def series(run: KeptRun, key: str) -> list[tuple[int, float]]:
    return [(row[AXIS], row[key]) for row in run.rows if key in row]


def test_sessions_are_one_run_and_a_redo_begins_another(tmp_path: Path) -> None:
    disk = two_sessions(tmp_path)
    first = send(disk)
    (run,) = kept(disk).values()
    assert (run.id, run.name, run.project, run.is_finished) == (first.run.id, JOB, "lights", True)
    assert series(run, REWARD) == [(32, 1), (64, 2), (96, 30), (128, 40)]
    assert [(row["_step"], row["_timestamp"]) for row in run.rows] == [(0, 1032), (1, 1064), (2, 1096), (3, 1128)]
    assert {"env.id": "CartPole-v1", "seed": "5", "kaggle_relay.resume": "exact"}.items() <= run.config.items()
    parent = disk.lineage.sessions[1].restored.checkpoint
    leave(disk.add(Phase.RESTORED, timesteps=160, parent=parent), dump(160, 60))
    again = send(disk)
    assert (again.points, again.run.id) == (1, first.run.id)
    (run,) = kept(disk).values()
    assert series(run, REWARD) == [(32, 1), (64, 2), (96, 30), (128, 40), (160, 60)]
    assert send(disk).points == 0
    parent = disk.lineage.sessions[0].restored.checkpoint
    leave(disk.add(Phase.RESTORED, timesteps=96, parent=parent), dump(96, -5))
    assert send(disk).why_anew == ("what was sent from 96 timesteps on is not what the training is now",)
    runs = kept(disk)
    assert series(runs[first.run.id], REWARD)[-1] == (160, 60)
    assert series(runs[f"{first.run.id}-2"], REWARD) == [(32, 1), (64, 2), (96, -5)]


KILLED_AT_THE_THIRD_ROW = """
import os, pathlib, signal, sys
sys.path[:] = {path!r}
import wandb
from runner.layout import RunsFolder
from runner.tracking.sending import deliver
from runner.tracking.values import Place
from runner.tracking.weights_and_biases import WeightsAndBiases
log, rows = wandb.Run.log, []
def logged(run, values, **others):
    log(run, values, **others)
    rows.append(values)
    if len(rows) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
wandb.Run.log = logged
runs = RunsFolder(pathlib.Path({root!r}))
place = Place(runs.tracking("cart"))
deliver(runs, "cart", "lights", place, WeightsAndBiases(place))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_send_that_is_killed_loses_and_doubles_nothing(tmp_path: Path) -> None:
    disk = two_sessions(tmp_path)
    code = KILLED_AT_THE_THIRD_ROW.format(path=[str(ROOT), *sys.path], root=str(tmp_path))
    alone = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}  # that of this process
    killed = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=alone)
    assert killed.returncode == -9, killed.stderr
    done = send(disk)
    assert (done.points, done.why_anew) == (0, ()), "all was in the outbox"
    (run,) = kept(disk).values()
    assert series(run, REWARD) == [(32, 1), (64, 2), (96, 30), (128, 40)]
    assert run.is_finished


def test_a_project_that_its_own_variable_names_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    disk = two_sessions(tmp_path)
    send(disk)
    (run,) = kept(disk).values()
    assert run.project == "mine"
