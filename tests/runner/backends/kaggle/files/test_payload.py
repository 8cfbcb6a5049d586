"""Which files go into the dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.documents.runs import Parent
from contract.errors import BackendError
from contract.storage import files
from runner.backends.kaggle.files.payload import CARRIED_FROM_BYTES, dataset_files
from runner.layout import RunsFolder, SessionFolder
from tests.runner.conftest import asked

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ab" * 32


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    """A session with a parent of two large files and a small one, which session 0001 left."""
    own = RunsFolder(tmp_path).session("cart", 2)
    sizes = {"job.json": 10, "parent_checkpoint.bundle": 1 << 17, "replay/0.segment": 1 << 18, "small.bundle": 20}
    listed = {name: {"bytes": size, "sha256": f"{size:064x}"} for name, size in sizes.items()}
    files.write_json(own.payload / "payload.json", {"files": listed})
    asked(parent=Parent(session="0001", timesteps=1, sha256="0" * 64)).write(own.request)
    left = {name: entry for name, entry in listed.items() if name != "job.json"}
    files.write_json(
        RunsFolder(tmp_path).session("cart", 1).manifest_json, {"format": 1, "key": "0" * 64, "files": left}
    )
    return own


def test_everything_is_sent_flat_with_a_file_that_is_named_after_the_key(folder: SessionFolder) -> None:
    chosen = dataset_files(folder, {"kernel_sources": []}, KEY)
    assert list(chosen) == [
        "payload.json",
        f"{KEY[:32]}.key",
        "job.json",
        "parent_checkpoint.bundle",
        "0.segment",
        "small.bundle",
    ]
    assert chosen["0.segment"] == folder.payload / "replay" / "0.segment"


def test_what_kaggle_has_is_not_sent_unless_it_is_small(folder: SessionFolder) -> None:
    assert CARRIED_FROM_BYTES <= 1 << 17
    chosen = dataset_files(folder, {"kernel_sources": ["relay-cart"]}, KEY)
    assert list(chosen) == ["payload.json", f"{KEY[:32]}.key", "job.json", "small.bundle"]


def test_two_files_of_one_name_are_refused(folder: SessionFolder) -> None:
    listed = {f"{place}/a": {"bytes": 1, "sha256": "0" * 64} for place in ("x", "y")}
    files.write_json(folder.payload / "payload.json", {"files": listed})
    with pytest.raises(BackendError, match="holds two files called a"):
        dataset_files(folder, {"kernel_sources": []}, KEY)
