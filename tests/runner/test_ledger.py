"""How far a submission got, as the disk says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.documents.runs import Ledger, Submission
from contract.errors import RelayError

if TYPE_CHECKING:
    from pathlib import Path


def test_before_the_first_submission_there_is_none(tmp_path: Path) -> None:
    assert Ledger.read_if_there(tmp_path / "ledger.json") is None


def test_it_goes_from_submitting_over_submitted_to_ended(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    submitting = Ledger(key="k", backend="local").write(path)
    assert submitting.entry is Submission.SUBMITTING
    assert submitting.handle is None
    assert Ledger.read_if_there(path) == submitting
    submitted = submitting.submitted("handle").write(path)
    assert submitted.entry is Submission.SUBMITTED
    assert (
        Ledger.read_if_there(path)
        == submitted
        == Ledger(key="k", backend="local", entry=Submission.SUBMITTED, handle="handle")
    )
    ended = submitted.ended().write(path)
    assert ended.entry is Submission.ENDED
    assert Ledger.read_if_there(path) == ended
    assert ended.handle == "handle"


def test_a_damaged_ledger_is_never_taken_for_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    path.write_text("", encoding="utf-8")
    with pytest.raises(RelayError, match="cannot be read"):
        Ledger.read_if_there(path)
