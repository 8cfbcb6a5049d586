"""`doit gc` is killed at its file operations: what is left goes on exactly, and nothing is done again for its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.removed import Removed
from restore.adoption import problem_with
from runner.lineage import read_lineage
from runner.planning.decide import Nothing
from runner.workspace import Workspace
from tests.project import Kept, Project, cart_pole, tensors_digest

if TYPE_CHECKING:
    from pathlib import Path

JOB = "cart"
GOALS = (96, 160)
THEN = 224
GOES = "gc  cart"


def buffered(goal: int, **changes: Any) -> dict[str, Any]:
    """A job with a replay buffer, whose segments checkpoints share."""
    network = {"policy_kwargs": {"net_arch": [8]}}
    return cart_pole(
        algorithm="DQN",
        hyperparameters={"buffer_size": 500, "learning_starts": 16, "batch_size": 8, "train_freq": 4, **network},
        total_timesteps=goal,
        save_freq=32,
        keep={"latest": 1},
        **changes,
    )


@pytest.fixture(scope="module")
def trained(shared_project: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Kept, str]:
    """Two sessions, and the tensors that a third comes to where nothing was tidied."""
    for goal in GOALS:
        shared_project.write_jobs(**{JOB: buffered(goal)})
        shared_project.doit("run_full")
    kept = Kept(shared_project, tmp_path_factory.mktemp("kept") / "project")
    shared_project.write_jobs(**{JOB: buffered(THEN)})
    shared_project.doit("run_full")
    return kept, shared_project.digest(JOB, len(GOALS) + 1)


def check(project: Project) -> None:
    """Everything that a run may go on from is there, and whatever is not there is written down."""
    lineage, folder = read_lineage(project.runs, JOB), project.runs.job(JOB)
    for session in lineage.sessions:
        for reference in session.restored.candidates:
            is_there = problem_with(reference, folder) is None
            number, _, file = reference.file.partition("/")
            removed = Removed.read_if_there(project.runs.session(JOB, int(number)).removed_json)
            assert is_there or (removed is not None and file in removed.files), reference.file
    assert lineage.tip is not None
    checkpoint, behind = lineage.tip.restored.candidates[:2]
    assert problem_with(checkpoint, folder) is None
    assert problem_with(behind, folder) is None


def goes_on(project: Project, expected: str) -> None:
    """A further session begins where the last one ended, and comes to the very tensors of the lineage that kept all."""
    workspace = Workspace(project.root)
    assert isinstance(workspace.plan(JOB, "full").decision, Nothing)
    assert "verified: checkpoints, lineages; not" in project.doit("verify", "only=checkpoints,lineages")
    project.write_jobs(**{JOB: buffered(THEN)})
    project.doit("run_full")
    assert project.digest(JOB, len(GOALS) + 1) == expected
    assert project.starts(JOB) == len(GOALS) + 1


@pytest.mark.slow
def test_a_lineage_that_lost_the_tidier_at_any_moment_goes_on_exactly(trained: tuple[Kept, str]) -> None:
    kept, expected = trained
    project = kept.again()
    finals = [tensors_digest(path) for path in finals_of(project)]
    for operations in (2, 5):
        project.kill_at(GOES, "gc", "apply=yes", operations=operations)
        check(project)
    assert "were freed on this machine" in project.doit("gc", "apply=yes")
    check(project)
    assert [tensors_digest(path) for path in finals_of(project)] == finals
    goes_on(project, expected)


@pytest.mark.long("each moment, and a session after each; without --long two moments and one session are")
def test_each_moment_of_it(trained: tuple[Kept, str]) -> None:
    kept, expected = trained
    operations, was_struck = 0, True
    while was_struck:
        operations += 1
        project = kept.again()
        struck = project.start_struck(GOES, "gc", "apply=yes", operations=operations)
        struck.communicate()
        was_struck = struck.returncode != 0
        check(project)
        goes_on(project, expected)
    assert operations > len(GOALS)


def finals_of(project: Project) -> list[Path]:
    """The models at the goals that were met."""
    return sorted(project.runs.job(JOB).rglob("*_final.zip"))
