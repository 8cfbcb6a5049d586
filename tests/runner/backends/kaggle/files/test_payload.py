"""Which files go into the dataset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from contract.documents.runs import Parent
from contract.errors import BackendError
from contract.storage import files
from runner.backends.kaggle.files.payload import CARRIED_FROM_BYTES, dataset_files, packed_by_size
from runner.backends.kaggle.files.sent import Sent
from runner.layout import RunsFolder, SessionFolder
from runner.stages.package import keyed_script
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
    for name, size in sizes.items():
        files.write_bytes(own.payload / name, name[:1].encode() * size)
    files.write_bytes(own.script, keyed_script(KEY).encode())
    files.write_json(own.payload / "payload.json", {"files": listed})
    asked(parent=Parent(session="0001", timesteps=1, sha256="0" * 64)).write(own.request)
    left = {name: entry for name, entry in listed.items() if name != "job.json"}
    files.write_json(
        RunsFolder(tmp_path).session("cart", 1).manifest_json, {"format": 1, "key": "0" * 64, "files": left}
    )
    return own


def test_everything_is_sent_with_a_file_that_is_named_after_the_key(folder: SessionFolder) -> None:
    chosen = dataset_files(folder, {"kernel_sources": []}, KEY)
    assert list(chosen) == [
        "payload.json",
        f"{KEY[:32]}.key",
        "job.json",
        "parent_checkpoint.bundle",
        "small.bundle",
        "replay-0001.pack",
    ]
    assert chosen[f"{KEY[:32]}.key"] != chosen["payload.json"], "of two equal files Kaggle may keep one"
    head, _, rest = b"".join(chosen["replay-0001.pack"].pieces()).partition(b"\n")
    assert json.loads(head) == {"format": 1, "files": [["replay/0.segment", 1 << 18]]}
    assert rest == b"r" * (1 << 18)


def test_a_script_of_an_earlier_version_is_sent_its_segments_one_by_one(folder: SessionFolder) -> None:
    folder.script.write_text("it knows of no packs", encoding="utf-8")
    chosen = dataset_files(folder, {"kernel_sources": []}, KEY)
    assert chosen["0.segment"] == Sent((folder.payload / "replay" / "0.segment",))


def test_packs_are_filled_up_to_their_size_and_a_larger_file_has_its_own(tmp_path: Path) -> None:
    paths = {}
    for number, size in enumerate((40, 40, 40, 250, 40)):
        paths[f"replay/{number}"] = tmp_path / str(number)
        paths[f"replay/{number}"].write_bytes(bytes(size))
    packs = packed_by_size(paths, most_bytes=100)
    held = [json.loads(b"".join(pack.pieces()).partition(b"\n")[0])["files"] for pack in packs.values()]
    assert [[name for name, _ in each] for each in held] == [
        ["replay/0", "replay/1"],
        ["replay/2"],
        ["replay/3"],
        ["replay/4"],
    ]
    assert packed_by_size({}) == {}


def test_more_files_than_a_dataset_takes_are_refused_before_anything_is_sent(folder: SessionFolder) -> None:
    listed = {f"own-{number}.bundle": {"bytes": 1, "sha256": "0" * 64} for number in range(49)}
    files.write_json(folder.payload / "payload.json", {"files": listed})
    with pytest.raises(BackendError, match="the input of session 0002: are 51 files, and Kaggle takes 50 in a dataset"):
        dataset_files(folder, {"kernel_sources": []}, KEY)


def test_what_kaggle_has_is_not_sent_unless_it_is_small(folder: SessionFolder) -> None:
    assert CARRIED_FROM_BYTES <= 1 << 17
    chosen = dataset_files(folder, {"kernel_sources": ["relay-cart"]}, KEY)
    assert list(chosen) == ["payload.json", f"{KEY[:32]}.key", "job.json", "small.bundle"]


def test_two_files_of_one_name_are_refused(folder: SessionFolder) -> None:
    listed = {f"{place}/a": {"bytes": 1, "sha256": "0" * 64} for place in ("x", "y")}
    files.write_json(folder.payload / "payload.json", {"files": listed})
    with pytest.raises(BackendError, match="holds two files called a"):
        dataset_files(folder, {"kernel_sources": []}, KEY)
