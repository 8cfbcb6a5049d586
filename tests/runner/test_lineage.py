"""A job's sessions as they stand on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.documents.runs import Execution, Restored
from contract.errors import RelayError
from runner.layout import RunsFolder
from runner.lineage import Phase, read_lineage
from tests.runner.conftest import JobOnDisk

if TYPE_CHECKING:
    from pathlib import Path


def test_a_job_that_never_ran_has_no_head_no_tip_and_number_one_to_come(cart: JobOnDisk) -> None:
    lineage = cart.lineage
    assert (lineage.head, lineage.tip, lineage.next_number, lineage.generation) == (None, None, 1, 1)
    assert not cart.runs.path.exists()


@pytest.mark.parametrize("phase", list(Phase))
def test_the_phase_is_the_newest_document(cart: JobOnDisk, phase: Phase) -> None:
    cart.add(phase, timesteps=64)
    head = cart.lineage.head
    assert head is not None
    assert head.phase is phase
    assert head.number == 1
    assert head.request.goal == 256


def test_the_tip_is_the_newest_restored_session_and_the_head_the_newest(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=64)
    cart.add(Phase.RESTORED, timesteps=128)
    cart.add(Phase.SUBMITTED)
    lineage = cart.lineage
    assert lineage.head is lineage.session(3)
    assert lineage.tip is lineage.session(2)
    assert lineage.session(4) is None
    assert lineage.next_number == 4


def test_a_session_that_was_never_packaged_gives_its_number_up(cart: JobOnDisk) -> None:
    cart.add(Phase.PLANNED)
    assert cart.lineage.next_number == 1
    cart.add(Phase.PACKAGED)
    assert cart.lineage.next_number == 3


@pytest.mark.parametrize("content", [None, "{", "[1]", "3"])
def test_a_package_whose_table_of_sources_is_gone_or_damaged_names_none(cart: JobOnDisk, content: str | None) -> None:
    folder = cart.add(Phase.PACKAGED)
    if content is not None:
        folder.package.mkdir()
        folder.sources_table.write_text(content, encoding="utf-8")
    assert cart.lineage.sessions[0].source_table == {}


def test_sessions_are_ordered_by_number_and_other_files_are_none(cart: JobOnDisk) -> None:
    job = cart.runs.job(cart.name)
    for name in ("10000", "0002", "9999", "notes", ".0003"):
        (job / name).mkdir(parents=True)
    assert [each.folder.number for each in cart.lineage.sessions] == ["0002", "9999", "10000"]
    assert cart.lineage.next_number == 10_000


def test_each_archived_lineage_counts_and_a_namesakes_does_not(tmp_path: Path) -> None:
    cart, longer = JobOnDisk(tmp_path, "cart"), JobOnDisk(tmp_path, "cart-4")
    for archived in (cart.runs.archive("cart", 1), cart.runs.archive("cart-4", 1), cart.runs.archive("cart-4", 2)):
        archived.mkdir(parents=True)
    assert [path.name for path in cart.runs.archived("cart")] == ["cart-001"]
    assert cart.lineage.generation == 2
    assert longer.lineage.generation == 3
    assert read_lineage(cart.runs, "car").generation == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read"), ("{", "cannot be read"), ("[1]", "is not a JSON object"), ("\udcff", "cannot be read")],
)
def test_a_damaged_document_is_one_sentence_with_its_path(tmp_path: Path, content: str | None, problem: str) -> None:
    path = tmp_path / "restored.json"
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(RelayError, match=problem) as caught:
        Restored.read(path)
    assert caught.value.subject == str(path)
    assert str(caught.value).endswith("restore it from a backup, or start its job anew with `doit fresh:name`")


def test_a_document_that_lacks_something_names_itself(tmp_path: Path) -> None:
    path = tmp_path / "execution.json"
    path.write_text('{"format": 1}', encoding="utf-8")
    with pytest.raises(RelayError, match=r"execution\.json: has no 'key'; restore it") as caught:
        Execution.read(path)
    assert caught.value.subject == str(path)


def test_files_beside_the_jobs_are_no_jobs(tmp_path: Path) -> None:
    runs = RunsFolder(tmp_path)
    (runs.path / "cart" / "0001").mkdir(parents=True)
    for name in ("report.html", "learning_curve.x.png"):
        (runs.path / name).write_text("a page", encoding="utf-8")
    assert runs.jobs_with_sessions() == ["cart"]
