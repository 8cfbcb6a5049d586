"""The picture of the stages: what is done, stale, running and to come."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from runner.lineage import Phase
from runner.steering.drawing import MOST_ROWS, draw
from runner.steering.graph import draw_graph
from runner.steering.stages import Look, Picture, Row, picture_stages
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import JobOnDisk, as_wanted, write_jobs

if TYPE_CHECKING:
    from pathlib import Path

DONE = ("done",) * 5
TO_COME = ("next", "later", "later", "later", "later")
STALE = ("stale",) * 5


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project with one job, of which nothing has run."""
    write_jobs(tmp_path, cart=cart_pole())
    return Workspace(tmp_path)


def looks(workspace: Workspace) -> list[tuple[str, ...]]:
    """How the stages of each session stand."""
    return [row.looks for row in picture_stages(workspace, "cart").rows]


def test_the_next_session_stands_behind_those_that_are_done(workspace: Workspace, cart: JobOnDisk) -> None:
    assert looks(workspace) == [TO_COME]
    cart.add(Phase.RESTORED, timesteps=64, **as_wanted(workspace))
    picture = picture_stages(workspace, "cart")
    assert [row.looks for row in picture.rows] == [DONE, TO_COME]
    assert [(row.number, row.parent) for row in picture.rows] == [("0001", None), ("0002", "0001")]
    assert picture.rows[1].words == "to come: from 64 to 256"


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (Phase.PACKAGED, ("done", "next", "later", "later", "later")),
        (Phase.SUBMITTED, ("done", "running", "later", "later", "later")),
        (Phase.EXECUTED, ("done", "done", "next", "later", "later")),
        (Phase.VALIDATED, ("done", "done", "done", "done", "next")),
    ],
)
def test_a_session_that_has_not_come_to_its_end(
    workspace: Workspace, cart: JobOnDisk, phase: Phase, expected: tuple[str, ...]
) -> None:
    cart.add(phase, **as_wanted(workspace))
    assert looks(workspace) == [expected]


def test_what_is_to_be_done_again_is_stale(workspace: Workspace, cart: JobOnDisk) -> None:
    own = as_wanted(workspace)
    cart.add(Phase.RESTORED, timesteps=64, goal=64, **{**own, "profile": "quick"})
    cart.add(Phase.RESTORED, timesteps=128, parent=cart.checkpoint(1, 64), **own)
    cart.add(Phase.RESTORED, timesteps=256, parent=cart.checkpoint(2, 128), **own)
    assert looks(workspace) == [DONE, DONE, DONE]
    write_jobs(workspace.runs.root, cart=cart_pole(hyperparameters={**cart_pole()["hyperparameters"], "n_epochs": 3}))
    picture = picture_stages(workspace.reopened(), "cart")
    assert [row.looks for row in picture.rows] == [DONE, STALE, STALE, TO_COME]
    assert "its inputs changed: hyperparameters.n_epochs" in picture.sentence
    write_jobs(workspace.runs.root, cart=cart_pole(validation={"max_artifact_files": 99}))
    assert looks(workspace.reopened())[-1] == ("done", "done", "done", "stale", "stale")


def test_what_failed_and_what_is_refused_is_marked(workspace: Workspace, cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=64, execution={"state": "FAILED"}, **as_wanted(workspace))
    assert looks(workspace)[0] == ("done", "failed", "done", "done", "done")
    write_jobs(workspace.runs.root, cart=cart_pole(algorithm="A2C", hyperparameters={}))
    refused = picture_stages(workspace.reopened(), "cart")
    assert refused.is_refused
    write_jobs(workspace.runs.root, cart=cart_pole(sources=["gone"]))
    odd = picture_stages(workspace.reopened(), "cart")
    assert odd.is_refused
    assert len(odd.rows) == 1


def test_the_picture_is_one_file_that_needs_nothing_else(
    workspace: Workspace, cart: JobOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    cart.add(Phase.RESTORED, timesteps=64, **as_wanted(workspace))
    draw_graph(workspace, ["cart"])
    assert capsys.readouterr().out == "runs/graph.svg: 1 job(s), no stage(s) stale; open it in a browser\n"
    text = (workspace.runs.path / "graph.svg").read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own
    words = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"cart", "0001", "0002", "✓ package", "○ package"} <= {*words}
    assert "prefers-color-scheme: dark" in text
    assert re.findall(r"(?:href|src|url)\W", text) == []


def test_strange_words_stay_words_and_many_sessions_are_counted() -> None:
    rows = tuple(Row(f"{number:04d}", None, "<&\x1b", (Look.DONE,) * 5) for number in range(1, MOST_ROWS + 3))
    text = draw([Picture("cart", 'a "quoted" <script>' * 40, is_refused=True, rows=rows)], "cart")
    words = "".join(ET.fromstring(text).itertext())  # noqa: S314 - our own
    assert "… 2 earlier sessions" in words
    assert "0001" not in words
    assert "<script>" in words
    assert "<script>" not in text
