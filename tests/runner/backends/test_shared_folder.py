"""The folder that a job states for the sandboxes of a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import InputError
from runner.backends.shared_folder import stated_folder


@pytest.mark.parametrize("key", ["ray.storage", "slurm.folder"])
def test_a_folder_may_name_a_variable_that_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str) -> None:
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    assert stated_folder("cart", key, "$SCRATCH/relay", Path("/lab")) == tmp_path / "relay"
    monkeypatch.delenv("SCRATCH")
    unset = r"\$SCRATCH/relay names a variable that is not set here; set it, or write"
    with pytest.raises(InputError, match=f"key {key}: {unset}"):
        stated_folder("cart", key, "$SCRATCH/relay", Path("/lab"))
