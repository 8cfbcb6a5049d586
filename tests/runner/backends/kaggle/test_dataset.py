"""A dataset holds what was planned before a session may read it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from contract.errors import BackendError
from runner.backends.kaggle.dataset import Content, Dataset
from runner.backends.kaggle.files.sent import Sent
from tests.runner.backends.kaggle.conftest import Kaggle, own_kaggle

if TYPE_CHECKING:
    from pathlib import Path


def content(folder: Path, key: str = "a", **files: bytes) -> Content:
    """Some files to send."""
    folder.mkdir(exist_ok=True)
    for name, data in {"one": b"1", **files, f"{key}.key": b"k"}.items():
        (folder / name).write_bytes(data)
    return Content({path.name: Sent((path,)) for path in sorted(folder.iterdir())}, key, f"session {key}")


def dataset(kaggle: Kaggle, slug: str) -> Dataset:
    """A job's dataset."""
    return Dataset(kaggle.backend().connection, slug)


def test_a_dataset_is_made_once_and_then_gets_versions(kaggle: Kaggle, tmp_path: Path) -> None:
    own = dataset(kaggle, "versions")
    assert own.files() is None
    first, second = content(tmp_path / "a", "a"), content(tmp_path / "b", "b", two=b"22")
    own.ensure(first)
    assert own.files() == {"one": 1, "a.key": 1}
    own.ensure(second)
    assert own.files() == {"one": 1, "two": 2, "b.key": 1}
    assert (kaggle.calls("CreateDataset"), kaggle.calls("CreateDatasetVersion")) == (1, 1)


def test_what_is_there_is_not_sent_again(kaggle: Kaggle, tmp_path: Path) -> None:
    dataset(kaggle, "still-there").ensure(content(tmp_path / "a"))
    before = kaggle.calls("upload")
    dataset(kaggle, "still-there").ensure(content(tmp_path / "a"))
    assert kaggle.calls("upload") == before


@pytest.mark.parametrize("kind", ["reset", "server-error", "truncated"])
@pytest.mark.parametrize("call", ["CreateDataset", "CreateDatasetVersion"])
def test_a_version_whose_answer_is_lost_is_not_made_twice(kaggle: Kaggle, tmp_path: Path, kind: str, call: str) -> None:
    slug = f"lost-{kind}-{call}".lower()
    if call == "CreateDatasetVersion":
        dataset(kaggle, slug).ensure(content(tmp_path / "before", "before"))
    options = {} if kind == "truncated" else {"after": True}
    kaggle.fault(kind, call, first=1, **options)
    dataset(kaggle, slug).ensure(content(tmp_path / "a"))
    assert dataset(kaggle, slug).files() == {"one": 1, "a.key": 1}
    assert kaggle.calls(call) == 1


@pytest.mark.parametrize("status", ["FLYING", "READY"])
def test_a_status_that_says_nothing_is_waited_out(kaggle: Kaggle, tmp_path: Path, status: str) -> None:
    slug = f"status-{status}".lower()
    kaggle.fault("unknown-status", "GetDatasetStatus", first=2, status=status)
    dataset(kaggle, slug).ensure(content(tmp_path / "a"))
    assert dataset(kaggle, slug).files() == {"one": 1, "a.key": 1}


def test_a_dataset_that_is_unpacked_yet_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_kaggle(tmp_path, monkeypatch, dataset_delay_seconds=0.3) as own:
        began = time.monotonic()
        dataset(own, "slow-one").ensure(content(tmp_path / "a"))
        assert time.monotonic() - began >= 0.3
        # The version before is ready at once, and is not taken for this one.
        began = time.monotonic()
        dataset(own, "slow-one").ensure(content(tmp_path / "b", "b"))
        assert time.monotonic() - began >= 0.3
        assert dataset(own, "slow-one").files() == {"one": 1, "b.key": 1}


def test_a_refusal_of_kaggles_is_told_in_its_words(kaggle: Kaggle, tmp_path: Path) -> None:
    kaggle.fault("answer", "CreateDataset", fields={"status": "error", "error": "the title is taken"})
    with pytest.raises(BackendError, match="dataset refused-one: Kaggle refuses it: the title is taken"):
        dataset(kaggle, "refused-one").ensure(content(tmp_path / "a"))


def test_sizes_are_a_hint_after_which_it_is_sent_once_more(
    kaggle: Kaggle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = dataset(kaggle, "other-sizes")
    files = own.files
    monkeypatch.setattr(own, "files", lambda: {name: size + 1 for name, size in (files() or {}).items()} or None)
    own.ensure(content(tmp_path / "a"))
    assert (kaggle.calls("CreateDataset"), kaggle.calls("CreateDatasetVersion")) == (1, 1)
    own.ensure(content(tmp_path / "a"))
    assert kaggle.calls("CreateDatasetVersion") == 1, "the key's file is there, and so are the others"
