"""How far a submission got, as the disk says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.errors import RelayError
from runner.ledger import Entry, Ledger, read_ledger

if TYPE_CHECKING:
    from pathlib import Path


def test_before_the_first_submission_there_is_none(tmp_path: Path) -> None:
    assert read_ledger(tmp_path / "ledger.json") is None


def test_it_goes_from_submitting_over_submitted_to_ended(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    submitting = Ledger(key="k", backend="local").write(path)
    assert submitting.entry is Entry.SUBMITTING
    assert submitting.handle is None
    assert read_ledger(path) == submitting
    submitted = submitting.submitted("handle").write(path)
    assert submitted.entry is Entry.SUBMITTED
    assert read_ledger(path) == submitted == Ledger("k", "local", Entry.SUBMITTED, "handle")
    ended = submitted.ended().write(path)
    assert ended.entry is Entry.ENDED
    assert read_ledger(path) == ended
    assert ended.handle == "handle"


def test_a_damaged_ledger_is_never_taken_for_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    path.write_text("", encoding="utf-8")
    with pytest.raises(RelayError, match="cannot be read"):
        read_ledger(path)
