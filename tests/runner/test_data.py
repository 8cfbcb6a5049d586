"""Where Kaggle's data are mounted, and which folders of this machine stand for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contract.errors import InputError, UnavailableError
from executors.local_files import mount
from runner.data import listed, mounts

if TYPE_CHECKING:
    from pathlib import Path

LISTED = {
    "datasets": ["bob/heights", "bob/depths/3", "my-keys"],
    "competitions": ["titanic"],
    "models": ["google/gemma/pyTorch/2b/1"],
}
PLACES = {
    "bob/heights": "datasets/bob/heights",
    "bob/depths/3": "datasets/bob/depths",
    "my-keys": "datasets/own/my-keys",
    "titanic": "competitions/titanic",
    "google/gemma/pyTorch/2b/1": "models/google/gemma/pyTorch/2b/1",
}


def job(data: dict[str, str], **kaggle: Any) -> dict[str, Any]:
    return {"name": "fall", "kaggle": kaggle, **({"data": data} if data else {})}


def test_each_has_the_place_that_kaggle_gives_it() -> None:
    assert listed(job({}, **LISTED)) == PLACES
    assert listed({"name": "fall"}) == {}


def test_folders_are_counted_from_jobs_yaml(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    found = mounts(tmp_path, job(dict.fromkeys(PLACES, "here"), **LISTED))
    assert found == dict.fromkeys(PLACES.values(), tmp_path / "here")


@pytest.mark.parametrize(
    ("data", "kind", "sentence"),
    [
        ({}, UnavailableError, "bob/heights has no folder on this machine; name the folder with the same files"),
        (
            {"bob/heights": "nowhere"},
            UnavailableError,
            "bob/heights should be in nowhere, which is not a folder; correct the path",
        ),
        (
            {"bob/heights": ".", "bob/highs": "."},
            InputError,
            "bob/highs is not mounted by the job on Kaggle; list it under kaggle: datasets, competitions, models",
        ),
    ],
)
def test_what_has_no_folder_or_no_use_is_one_sentence(
    tmp_path: Path, data: dict[str, str], kind: type[InputError], sentence: str
) -> None:
    with pytest.raises(kind) as refused:
        mounts(tmp_path, job(data, datasets=["bob/heights"]))
    assert str(refused.value).startswith(f"job fall, key data: {sentence}")


def test_a_search_that_follows_no_links_finds_what_is_mounted(tmp_path: Path) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "a.csv").write_text("1", encoding="utf-8")
    mount(tmp_path / "data", tmp_path / "input" / "datasets" / "bob" / "data")
    (found,) = (tmp_path / "input").rglob("a.csv")
    assert found.read_text(encoding="utf-8") == "1"
