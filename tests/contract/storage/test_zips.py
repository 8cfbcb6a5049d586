"""A zip of equal members has equal bytes, whenever and wherever it is made."""

from __future__ import annotations

import io
import time
import zipfile
from typing import TYPE_CHECKING

from contract.storage.zips import timeless_member

if TYPE_CHECKING:
    import pytest


def test_two_zips_made_at_other_times_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    def made_at(moment: float) -> bytes:
        monkeypatch.setattr(time, "time", lambda: moment)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as packed:
            packed.writestr(timeless_member("a/b.py"), b"x = 1")
        return stream.getvalue()

    assert made_at(10**9) == made_at(2 * 10**9)
    with zipfile.ZipFile(io.BytesIO(made_at(10**9))) as packed:
        assert packed.read("a/b.py") == b"x = 1"
