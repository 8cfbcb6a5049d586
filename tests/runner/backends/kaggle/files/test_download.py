"""Only a session's own files, and only inside its folder."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import Manifest
from contract.storage import files
from contract.storage.coming_back import ComingBack
from runner.backends.kaggle.files.download import earlier_files, is_confined, parse_listed
from runner.layout import RunsFolder
from runner.stages.package import entries_below
from tests.runner.backends.kaggle.conftest import Kaggle, follow

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = {"bytes": 3, "sha256": "0" * 64}


@pytest.mark.parametrize("name", ["a.zip", "checkpoints/a.zip", "checkpoints/replay/b.segment", "..a", "a..b/c", "ä b"])
def test_names_inside_the_folder(name: str) -> None:
    assert is_confined(name)


@pytest.mark.parametrize(
    "name",
    ["", "..", "../a", "a/../../b", "/etc/passwd", "a//b", "./a", "a/.", "C:/a", "c:a", "a\\b", "\\\\host\\a", "a\0b"],
)
def test_names_that_lead_elsewhere(name: str) -> None:
    assert not is_confined(name)


def test_temporary_files_of_ours_are_nobodys_artifacts() -> None:
    assert not is_confined(f"checkpoints/{files.TEMPORARY_PREFIX}1234")


def test_a_manifest_is_read_and_anything_else_is_none() -> None:
    document = {"key": "ab", "complete": True, "files": {"a.zip": ENTRY}}
    listed = parse_listed(document)
    assert listed is not None
    assert (listed.key, listed.is_complete, listed.entries) == ("ab", True, {"a.zip": (3, "0" * 64)})
    damaged: list[Any] = [
        None,
        [],
        "text",
        {},
        document | {"files": []},
        document | {"files": {"a.zip": None}},
        document | {"files": {"a.zip": {"bytes": 3}}},
        document | {"files": {"a.zip": ENTRY | {"sha256": 7}}},
        {"key": "ab", "files": {}},
    ]
    assert [parse_listed(each) for each in damaged] == [None] * len(damaged)
    listed = parse_listed(document | {"files": {"a.zip": ENTRY | {"sha256": "../x"}}})
    assert listed is not None
    assert listed.entries == {}


def test_files_of_earlier_sessions_are_known_by_their_digest(tmp_path: Path) -> None:
    first = RunsFolder(tmp_path).session("cart", 1)
    files.write_bytes(first.artifacts / "best_model" / "b.zip", b"the best")
    Manifest(key="0" * 64, files=entries_below(first.artifacts)).write(first.manifest_json)
    files.write_json(RunsFolder(tmp_path).session("cart", 2).manifest_json, {"damaged": True})
    known = earlier_files(RunsFolder(tmp_path).session("cart", 3).arriving_artifacts)
    assert known(files.sha256_of_bytes(b"the best")) == first.artifacts / "best_model" / "b.zip"
    assert known("0" * 64) is None


@pytest.mark.parametrize("name", ["../outside.zip", "/tmp/outside.zip", "checkpoints/../../outside.zip"])  # noqa: S108
def test_a_listing_that_leads_out_of_the_folder_writes_nothing_there(kaggle: Kaggle, name: str) -> None:
    folder, key = kaggle.package("evil")
    handle = kaggle.backend().submit(folder, key)
    follow(kaggle.backend(), handle)
    listing = kaggle.backend()
    urls = [{"fileName": name, "url": f"{kaggle.emulator.url}/anything"}]
    kaggle.fault("answer", "ListKernelSessionOutput", fields={"files": urls, "nextPageToken": ""}, first=1)
    before = {path for path in kaggle.root.parent.rglob("*") if "outside" in path.name}
    listing.fetch(handle, folder.arriving_artifacts)
    assert {path for path in kaggle.root.parent.rglob("*") if "outside" in path.name} == before == set()
    assert (folder.arriving_artifacts / "checkpoints" / "a.zip").exists()


def test_what_a_session_left_beside_its_own_comes_as_far_as_it_fits_and_the_rest_is_named(
    kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, key = kaggle.package("beside")
    handle = kaggle.backend().submit(folder, key)
    follow(kaggle.backend(), handle)
    with monkeypatch.context() as small:
        small.setattr("runner.backends.kaggle.files.download.ComingBack", functools.partial(ComingBack, bytes=3))
        (left,) = kaggle.backend().fetch(handle, folder.arriving_artifacts)
    assert left == "extra.csv: has more than 3 B"
    assert sorted(entries_below(folder.arriving_artifacts)) == ["checkpoints/a.zip", "manifest.json"]
    assert kaggle.backend().fetch(handle, folder.arriving_artifacts) == ()
    assert (folder.arriving_artifacts / "extra.csv").read_text(encoding="utf-8") == "not an artifact"


def test_a_damaged_copy_of_an_earlier_file_is_not_taken(kaggle: Kaggle) -> None:
    folder, key = kaggle.package("damaged")
    handle = kaggle.backend().submit(folder, key)
    follow(kaggle.backend(), handle)
    kaggle.backend().fetch(handle, folder.artifacts)
    Manifest(key="0" * 64, files=entries_below(folder.artifacts)).write(folder.manifest_json)
    whole = (folder.artifacts / "checkpoints" / "a.zip").read_bytes()
    (folder.artifacts / "checkpoints" / "a.zip").write_bytes(whole[:-1] + b"?")
    second, second_key = kaggle.package("damaged", 2)
    handle = kaggle.backend().submit(second, second_key)
    follow(kaggle.backend(), handle)
    kaggle.backend().fetch(handle, second.arriving_artifacts)
    assert (second.arriving_artifacts / "checkpoints" / "a.zip").read_bytes() == whole
