"""`doit recover` after `rm -rf runs/`: whatever a command was at, the run goes on exactly, and nothing runs twice."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from emulator.faults.rules import Kind, Rule
from tests.scenarios.weeks import ROLLOUT, check_one_lineage, job, reached, uninterrupted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.emulated import EmulatedKaggle
    from tests.project import Project

MOMENTS = ("package   cart:{}", "execute   cart:{}", "cart {}  training", "download  cart:{}", "validate  cart:{}")
LAST = "restore   cart:{}"
DOCUMENTS = ("request", "package", "ledger", "execution", "manifest", "report", "restored")


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedKaggle]:
    """An emulator that this test's commands reach."""
    with reached(tmp_path / "kaggle", monkeypatch) as server:
        yield server


def whole_sessions(project: Project) -> dict[str, bytes]:
    """The documents of each session that was restored, by their places."""
    return {
        f"{folder.number}/{name}": (folder.path / f"{name}.json").read_bytes()
        for folder in project.sessions("cart")
        if folder.restored_json.exists()
        for name in DOCUMENTS
    }


def lose_everything(project: Project, kaggle: EmulatedKaggle) -> str:
    """Remove `runs/`, and recover; return what was said."""
    before = whole_sessions(project)
    pushed = calls(kaggle)
    shutil.rmtree(project.runs.path)
    said = project.doit("recover")
    after = whole_sessions(project)
    assert {place: after.get(place) for place in before} == before
    assert calls(kaggle) == pushed
    return said


def calls(kaggle: EmulatedKaggle) -> dict[str, int]:
    """How often what changes anything was asked for."""
    every: dict[str, int] = kaggle.running.faults.as_json()["calls"]
    return {name: count for name, count in every.items() if "Save" in name or "Create" in name or "Delete" in name}


def relay(project: Project, kaggle: EmulatedKaggle, moments: tuple[tuple[str, ...], ...]) -> None:
    """A session for each of `moments`, in which the machine is lost in each of its stages."""
    for number, killed_at in enumerate(moments, start=1):
        for moment in killed_at:
            operations = 0 if "training" in moment else number - 1
            project.kill_at(moment.format(f"{number:04d}"), "run_full", operations=operations)
            lose_everything(project, kaggle)
        project.doit("run_full")
        assert project.adopted("cart", number).timesteps == number * ROLLOUT
    check_one_lineage(project, kaggle, len(moments) * ROLLOUT)


def test_a_machine_that_is_lost_costs_nothing(project: Project, kaggle: EmulatedKaggle, tmp_path: Path) -> None:
    goal = 2 * ROLLOUT
    project.write_jobs(cart=job(total_timesteps=goal))
    project.kill_at("cart 0001  training", "run_full")
    still_runs = {"status": "RUNNING"}
    rule = Rule(kind=Kind("answer"), call="GetKernelSessionStatus", fields=still_runs, first=1)
    kaggle.running.faults.add([rule])
    assert "cart: 1 session(s) recovered from the kaggle backend, and session 0001 goes on there" in (
        lose_everything(project, kaggle)
    )
    project.doit("run_full")
    project.kill_at("download  cart:0002", "run_full", operations=1)
    said = lose_everything(project, kaggle)
    assert "recover   cart:0001  session 0001 reached 64 of 128 timesteps" in said
    assert "recover   cart:0002  session 0002 reached 128 of 128 timesteps: goal met" in said
    assert "cart: nothing to do: 128 of 128 timesteps" in project.doit("resume")
    assert "cart: the kaggle backend holds no session that is not here" in project.doit("recover")
    check_one_lineage(project, kaggle, goal)
    assert project.digest("cart", 2) == uninterrupted(tmp_path / "local", goal)


def test_a_machine_that_is_lost_in_each_stage_of_each_session_costs_nothing(
    project: Project, kaggle: EmulatedKaggle, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--long"):
        pytest.skip("takes minutes: --long runs it")
    project.write_jobs(cart=job(total_timesteps=3 * ROLLOUT))
    relay(project, kaggle, ((*MOMENTS, LAST),) * 3)
    lose_everything(project, kaggle)
    assert project.digest("cart", 3) == uninterrupted(tmp_path / "local", 3 * ROLLOUT)
