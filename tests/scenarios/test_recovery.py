"""`doit recover` after `rm -rf runs/` in each stage of each session: the run goes on exactly, and nothing runs twice.

`test_unattended.py` has a share of it.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.scenarios.weeks import ROLLOUT, check_one_lineage, job, lose_everything, reached, uninterrupted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.emulated import EmulatedKaggle
    from tests.project import Project

BEFORE = ("package   cart:{}", "execute   cart:{}")
TRAINING = "cart {}  training"
AFTER = ("download  cart:{}", "validate  cart:{}", "restore   cart:{}")


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedKaggle]:
    """An emulator that this test's commands reach."""
    with reached(tmp_path / "kaggle", monkeypatch) as server:
        yield server


def relay(project: Project, kaggle: EmulatedKaggle, number: int, aside: Path) -> None:
    """A session, in each stage of which the machine is lost that was at it."""
    operations = number - 1
    for moment in BEFORE:
        project.kill_at(moment.format(f"{number:04d}"), "run_full", operations=operations)
        lose_everything(project, kaggle)
    project.kill_at(TRAINING.format(f"{number:04d}"), "run_full")
    shutil.copytree(project.runs.path, aside)
    lose_everything(project, kaggle)
    for moment in AFTER:
        shutil.rmtree(project.runs.path)  # another machine, which knows that the session was submitted
        shutil.copytree(aside, project.runs.path)
        project.kill_at(moment.format(f"{number:04d}"), "run_full", operations=operations)
        lose_everything(project, kaggle)
        assert project.adopted("cart", number).timesteps == number * ROLLOUT


@pytest.mark.long("takes minutes: --long runs it")
def test_a_machine_that_is_lost_in_each_stage_of_each_session_costs_nothing(
    project: Project, kaggle: EmulatedKaggle, tmp_path: Path
) -> None:
    project.write_jobs(cart=job(total_timesteps=3 * ROLLOUT))
    for number in (1, 2, 3):
        relay(project, kaggle, number, tmp_path / f"runs {number}")
    check_one_lineage(project, kaggle, 3 * ROLLOUT)
    assert project.digest("cart", 3) == uninterrupted(tmp_path / "local", 3 * ROLLOUT)
