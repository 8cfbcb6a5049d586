"""`doit repair`: what it says before, what it leaves alone, and that a run goes on from what it leaves."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from contract.documents.runs import Ledger, Restored, Submission
from contract.storage import files
from runner.commands.mending.repair import repair
from runner.commands.saying import AlreadySaidError
from runner.planning.decide import Attach, Nothing
from runner.verifying.findings import Kind
from tests.project import Project, tensors_digest
from tests.runner.verifying.places import JOB, Place, flip, truncate, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODELS = (Kind.CHECKPOINTS, Kind.LINEAGES)


@pytest.fixture
def place(base: Path, tmp_path: Path) -> Place:
    """A copy of it."""
    return Place(shutil.copytree(base, tmp_path / "a project"))


@pytest.fixture
def project(place: Place) -> Iterator[Project]:
    """The copy, in which doit runs as a user starts it."""
    own = Project.__new__(Project)
    own.root, own.runs = place.root, place.runs
    own._started = []  # noqa: SLF001 - its folder is there already
    yield own
    own.stop_everything()


def everything(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.long("the table of docs/verify.md shows where a repaired run stands; --long goes on from there")
def test_a_repaired_run_comes_to_the_weights_that_it_had(project: Project, place: Place) -> None:
    newest = place.checkpoint(3, 192)
    weights = tensors_digest(newest)
    flip(newest)
    damaged = newest.read_bytes()
    before = everything(place.runs.job(JOB))
    said = project.doit(f"repair:{JOB}", "dry=yes")
    aside = f"would put 0003/artifacts/checkpoints/{newest.name} aside (has another sha256 than when it came)"
    assert f"repair  {JOB}: {aside}" in said
    assert f"{JOB}: costs 32 timesteps: it stood at 192, and the next session goes on from 160 timesteps" in said
    assert everything(place.runs.job(JOB)) == before
    project.doit(f"repair:{JOB}")
    (kept,) = place.runs.path.glob(f".damaged/*/{JOB}/0003/artifacts/checkpoints/*.zip")
    assert kept.read_bytes() == damaged
    assert "session 0004 reached 192 of 192 timesteps: goal met" in project.doit("run_full")
    assert tensors_digest(place.checkpoint(4, 192)) == weights
    assert wrong(place.verified(*MODELS)) == []


def test_where_nothing_sound_is_left_nothing_is_done(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (*place.runs.job(JOB).rglob("*_steps.zip"), *place.runs.job(JOB).rglob("parent_checkpoint.bundle")):
        truncate(path)
    before = everything(place.runs.job(JOB))
    with pytest.raises(AlreadySaidError):
        repair(place.workspace, [JOB])
    said = capsys.readouterr().out
    assert "no checkpoint of any session is sound any more, and a run never starts at zero by itself" in said
    assert f"bring the files back from a backup, or run `doit fresh:{JOB}` to start anew" in said
    assert everything(place.runs.job(JOB)) == before


def test_a_whole_job_is_left_as_it_is(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(place.root)
    repair(place.workspace, [JOB])
    assert capsys.readouterr().out == f"{JOB}: nothing to repair\n"
    assert everything(place.root) == before


def test_a_repaired_document_is_the_one_that_was_there(place: Place) -> None:
    session = place.session(3)
    documents = (session.request, session.package_json, session.manifest_json, session.report_json)
    for path in (*documents, session.restored_json, session.ledger_json):
        whole = files.read_json(path)
        truncate(path)
        place.repaired()
        assert files.read_json(path) == whole, path.name


def test_a_session_of_which_nothing_tells_what_it_was_is_put_aside_whole(place: Place) -> None:
    session = place.session(2)
    truncate(session.package_json)
    session.script.unlink()
    place.repaired()
    assert not session.path.exists()
    assert [each.name for each in place.runs.path.glob(f".damaged/*/{JOB}/*")] == ["0002", "0003"]
    assert wrong(place.verified(*MODELS)) == []
    (plan,) = [place.workspace.plan(JOB, "full")]
    assert isinstance(plan.decision, Nothing)
    handed_on = Restored.read(place.session(3).restored_json).candidates
    assert {each.session for each in handed_on} == {"0001", "0003"}


def test_a_session_that_may_run_is_asked_after_where_its_ledger_is_gone(place: Place) -> None:
    session = place.session(3)
    for path in (session.restored_json, session.report_json, session.manifest_json, session.execution_json):
        path.unlink()
    truncate(session.ledger_json)
    assert any("ledger.json: cannot be read" in each.what for each in wrong(place.verified(Kind.LINEAGES)))
    place.repaired()
    assert Ledger.read(session.ledger_json).entry is Submission.SUBMITTING
    decision = place.workspace.plan(JOB, "full").decision
    assert isinstance(decision, Attach)
    assert not decision.is_certain
