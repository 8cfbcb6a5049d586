"""How many trials are made of jobs that differ in little, by a look at them and before their sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from runner.commands.plan import show_plan
from runner.preflight.trials import MOST_FOR_A_LOOK
from runner.preflight.verdict import judge
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import write_jobs

if TYPE_CHECKING:
    from pathlib import Path


def a_search(root: Path, **matrix: list[Any]) -> Workspace:
    """A project whose one entry stands for many jobs."""
    job = cart_pole(hyperparameters={"n_steps": 32, "batch_size": 32})
    write_jobs(root, search={**job, "matrix": {key.replace("__", "."): each for key, each in matrix.items()}})
    return Workspace(root)


def look(workspace: Workspace) -> None:
    """Plan every job."""
    for job in workspace.jobs:
        show_plan(workspace, job)


def test_jobs_that_differ_in_rates_and_seeds_share_a_trial_in_a_look(tmp_path: Path, tried: list[str]) -> None:
    rates = {"hyperparameters__learning_rate": [1e-4, 3e-4, 1], "hyperparameters__gamma": [0.9, 0.99]}
    look(a_search(tmp_path, seed=[0, 1, 2], **rates))
    assert len(tried) == 1
    look(Workspace(tmp_path))
    assert len(tried) == 1


def test_each_of_them_is_tried_by_itself_before_its_session(tmp_path: Path, tried: list[str]) -> None:
    workspace = a_search(tmp_path, hyperparameters__learning_rate=[1e-4, 3e-4])
    look(workspace)
    for job in workspace.jobs:
        judge(workspace, workspace.plan(job, "full"))
    assert tried == [workspace.jobs[0], workspace.jobs[1]]


@pytest.mark.parametrize("key", ["env__n_envs", "hyperparameters__n_epochs", "policy"])
def test_jobs_that_differ_in_what_decides_shapes_or_memory_share_none(
    tmp_path: Path, tried: list[str], key: str
) -> None:
    look(a_search(tmp_path, **{key: ["MlpPolicy", "CnnPolicy"] if key == "policy" else [2, 4]}))
    assert len(tried) == 2


def test_a_look_at_a_wide_search_tries_a_few_says_so_and_goes_on_the_next_time(
    tmp_path: Path, tried: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    epochs = list(range(1, MOST_FOR_A_LOOK + 3))
    look(a_search(tmp_path, hyperparameters__n_epochs=epochs))
    assert len(tried) == MOST_FOR_A_LOOK
    untried = [line for line in capsys.readouterr().out.splitlines() if "tried" in line]
    not_yet = "has not been tried yet, and is before its session is packaged"
    assert untried == [f"search-n_epochs{each}: {not_yet}" for each in epochs[MOST_FOR_A_LOOK:]]
    look(Workspace(tmp_path))
    assert len(tried) == len(set(tried)) == len(epochs)
