"""The runner's own documents, read back after a kill or a full disk: whatever is in them, one error comes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.documents.runs import Ledger
from contract.errors import RelayError
from tests.restore.fuzz.guard import fuzz
from tests.restore.fuzz.json_damage import FORMATS, Flaw, nasty_values, other_text

if TYPE_CHECKING:
    from tests.restore.fuzz.guard import Guard

DOCUMENT: dict[str, Any] = {
    "format": 1,
    "key": "0" * 64,
    "backend": "local",
    "entry": "SUBMITTED",
    "handle": "1234",
    "files": {"a": {"bytes": 1, "sha256": "0" * 64}},
}


@pytest.fixture(autouse=True, scope="module")
def _read_before(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the first call of all compiles is compiled here, whichever test is the first."""
    path = tmp_path_factory.mktemp("before") / "ledger.json"
    Ledger(key="0" * 64, backend="local").write(path)
    Ledger.read(path)


def test_documents_of_the_runner(guard: Guard) -> None:
    path = guard.artifacts / "ledger.json"

    @fuzz(160)
    @given(data=st.data())
    def refused_or_read(data: st.DataObject) -> None:
        content = other_text(data.draw, DOCUMENT)
        path.write_bytes(content)
        try:
            with guard.watching():
                assert isinstance(Ledger.read(path), Ledger)
        except RelayError:
            guard.refused_by(lambda: Ledger.read(path), content)
        finally:
            path.unlink()

    refused_or_read()
    guard.enough()


def test_documents_of_other_versions(guard: Guard) -> None:
    path = guard.artifacts / "package.json"
    for wrong in FORMATS:
        path.write_bytes(json.dumps(Flaw(("format",), wrong).of(DOCUMENT)).encode())
        guard.refused_by(lambda: Ledger.read(path), wrong)
    path.unlink()


def test_documents_of_other_kinds(guard: Guard) -> None:
    path = guard.artifacts / "request.json"

    @fuzz(60)
    @given(value=nasty_values().filter(lambda value: not isinstance(value, dict)))
    def refused(value: object) -> None:
        path.write_bytes(json.dumps(value).encode())
        guard.refused_by(lambda: Ledger.read(path), value)

    refused()
    guard.enough()
    path.unlink()
    path.mkdir()
    guard.refused_by(lambda: Ledger.read(path), "a folder")
    path.rmdir()
    guard.refused_by(lambda: Ledger.read(path), "nothing")
