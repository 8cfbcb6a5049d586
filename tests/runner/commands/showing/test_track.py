"""`doit track`: what it says, and what it refuses."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest
from doit import doit_cmd

from contract.errors import InputError
from runner.commands.showing import track
from runner.tracking.libraries import unreachable
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import JOB, write_jobs
from tests.runner.measured import two_sessions
from tests.runner.tracking.memory import InMemory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    write_jobs(tmp_path, **{JOB: cart_pole()})
    return Workspace(tmp_path)


def ask(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    monkeypatch.setattr(doit_cmd, "_CMDLINE_VARS", variables)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "doit track:cart: needs the tracker to send to; write `doit track:cart to=mlflow` or `to=wandb`"),
        (
            {"to": "neptune"},
            "doit track:cart: knows no tracker 'neptune'; write `doit track:cart to=mlflow` or `to=wandb`",
        ),
        (
            {"to": "wandb"},
            'doit track to=wandb: needs wandb, which is not installed here; run `pip install "kaggle-relay[wandb]"`',
        ),
        (
            {"to": "mlflow"},
            'doit track to=mlflow: needs mlflow, which is not installed here; run `pip install "kaggle-relay[mlflow]"`',
        ),
    ],
)
def test_what_cannot_be_sent_to_is_one_sentence(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in track.TRACKERS else find(name))
    ask(monkeypatch, **variables)
    with pytest.raises(InputError) as refused:
        track.track(workspace, JOB)
    assert str(refused.value) == sentence


def test_it_says_how_much_was_sent_where_and_up_to_what(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tracker = InMemory()
    monkeypatch.setattr(track, "_tracker", lambda *_: tracker)
    ask(monkeypatch, to="mlflow")
    track.track(workspace, JOB)
    assert capsys.readouterr().out == "cart: no session has begun, so there is nothing to send\n"
    assert not (tmp_path / "runs" / JOB).exists()
    two_sessions(tmp_path)
    track.track(workspace, JOB)
    assert capsys.readouterr().out.splitlines() == [
        "cart: 6 new measurements up to 128 timesteps, the newest checkpoint, sent to memory, run cart",
        "  in memory: cart",
    ]


def test_what_a_tracker_says_is_told_without_who_asked() -> None:
    error = unreachable("MLflow", OSError("no answer of https://me:hunter2@lab/api\nat all."), "try")
    assert str(error) == (
        "MLflow: took nothing, or not all: no answer of https://lab/api at all; "
        "nothing is lost: try, and the same command again"
    )
