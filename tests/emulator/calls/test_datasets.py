"""Datasets, as the official client makes, lists, describes and gets them."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from requests import HTTPError

from emulator.calls.dataset_files import TOO_MANY_FILES
from emulator.settings import DATASET_FILES, EarlyVersion, ManyFiles
from tests.emulated import EmulatedKaggle, emulated

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"table.csv": b"a,b\n1,2\n", "model.bin": bytes(range(256)) * 40, "empty": b""}


def names(api: Any, dataset: str) -> list[str]:
    """The files of a dataset."""
    return [file.name for file in api.dataset_list_files(dataset).files]


def test_a_dataset_holds_what_was_uploaded(emulator: EmulatedKaggle) -> None:
    folder = emulator.folder()
    with emulator.client() as api:
        created = api.dataset_create_new(str(emulator.dataset(FILES, "holds-files")), quiet=True)
        assert (created.status, created.ref) == ("ok", "alice/holds-files")
        assert api.dataset_status("alice/holds-files") == "ready"
        assert names(api, "alice/holds-files") == sorted(FILES)
        api.dataset_download_files("alice/holds-files", path=str(folder), unzip=True)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
        api.dataset_download_file("alice/holds-files", "model.bin", path=str(folder / "one"))
    assert (folder / "one" / "model.bin").read_bytes() == FILES["model.bin"]


def test_folders_come_packed_and_are_unpacked(emulator: EmulatedKaggle) -> None:
    tree = {"plain.txt": b"plain", "sub/one.txt": b"one", "sub/deep/two.txt": b"two"}
    for mode in ("zip", "tar"):
        with emulator.client() as api:
            slug = f"packed-as-{mode}"
            api.dataset_create_new(str(emulator.dataset(tree, slug)), quiet=True, dir_mode=mode)
            assert names(api, f"alice/{slug}") == sorted(tree)


def test_archives_are_unpacked_and_nothing_escapes(emulator: EmulatedKaggle) -> None:
    packed, bundled = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("inside.txt", "../outside.txt", "/absolute.txt"):
            archive.writestr(name, name)
    with tarfile.open(fileobj=bundled, mode="w:gz") as bundle:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        bundle.addfile(link)
        inside = tarfile.TarInfo("./inside.txt")
        inside.size = 3
        bundle.addfile(inside, io.BytesIO(b"abc"))
    alone = io.BytesIO()
    with zipfile.ZipFile(alone, "w") as archive:
        archive.writestr("table.csv", "a,b")
    files = {
        "weights.zip": packed.getvalue(),
        "logs.tar.gz": bundled.getvalue(),
        "no-archive.zip": b"not a zip",
        "table.csv.zip": alone.getvalue(),
    }
    with emulator.client() as api:
        api.dataset_create_new(str(emulator.dataset(files, "with-archives")), quiet=True)
        unpacked = ["logs/inside.txt", "no-archive.zip", "table.csv", "weights/inside.txt"]
        assert names(api, "alice/with-archives") == unpacked


@pytest.mark.parametrize("name", ["...zip", "...tar.gz", "...."])
def test_a_file_whose_name_leads_out_makes_no_dataset(emulator: EmulatedKaggle, name: str) -> None:
    packed = io.BytesIO()
    if name.endswith(".gz"):
        with tarfile.open(fileobj=packed, mode="w:gz") as bundle:
            bundle.addfile(tarfile.TarInfo("outside.txt"))
    else:
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("outside.txt", "out")
    with emulator.client() as api, pytest.raises(HTTPError, match="400"):
        api.dataset_create_new(str(emulator.dataset({name: packed.getvalue()}, "leads-out")), quiet=True)
    assert emulator.running.emulator.datasets.find("alice", "leads-out") is None


def test_a_new_version_is_another_set_of_files(emulator: EmulatedKaggle) -> None:
    folder = emulator.folder()
    with emulator.client() as api:
        api.dataset_create_new(str(emulator.dataset({"a.bin": b"1"}, "has-versions")), quiet=True)
        api.dataset_create_version(str(emulator.dataset({"b.bin": b"2"}, "has-versions")), "the second", quiet=True)
        assert json.loads(api.dataset_status("alice/has-versions", format="json")) == {
            "status": "ready",
            "current_version_number": 2,
        }
        assert names(api, "alice/has-versions") == ["b.bin"]
        assert names(api, "alice/has-versions/1") == ["a.bin"]
        api.dataset_download_files("alice/has-versions/1", path=str(folder), unzip=True)
        assert [path.name for path in folder.iterdir()] == ["a.bin"]
        third = emulator.dataset({"c.bin": b"3"}, "has-versions")
        api.dataset_create_version(str(third), "the third", quiet=True, delete_old_versions=True)
        with pytest.raises(HTTPError, match="404"):
            names(api, "alice/has-versions/1")


def test_a_dataset_is_not_ready_at_once(tmp_path: Path) -> None:
    with emulated(tmp_path, dataset_delay_seconds=3600.0) as kaggle, kaggle.client() as api:
        api.dataset_create_new(str(kaggle.dataset(FILES, "takes-a-while")), quiet=True)
        assert api.dataset_status("alice/takes-a-while") == "blobs_received"
        sources = ["alice/takes-a-while"]
        pushed = api.kernels_push(str(kaggle.kernel(slug="comes-too-early", dataset_sources=sources)))
        assert pushed.invalidDatasetSources == sources
        with pytest.raises(HTTPError, match="404"):
            api.dataset_list_files("alice/takes-a-while")


def test_a_slug_is_taken_once(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        api.dataset_create_new(str(emulator.dataset({"a.bin": b"1"}, "taken-slug")), quiet=True)
        again = api.dataset_create_new(str(emulator.dataset({"a.bin": b"1"}, "taken-slug")), quiet=True)
    assert again.status == "error"
    assert "already in use" in again.error


def test_others_see_public_datasets_only(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        api.dataset_create_new(str(emulator.dataset({"a.bin": b"1"}, "a-private-one")), quiet=True)
        api.dataset_create_new(str(emulator.dataset({"a.bin": b"1"}, "a-public-one")), public=True, quiet=True)
    with emulator.client("bob") as api:
        assert api.dataset_status("alice/a-public-one") == "ready"
        with pytest.raises(HTTPError, match="403"):
            api.dataset_status("alice/a-private-one")
        assert [each.ref for each in api.dataset_list(user="alice")] == ["alice/a-public-one"]
        assert api.dataset_list(mine=True) == []
        for refused in ("alice/a-private-one", "alice/a-public-one"):
            with pytest.raises(HTTPError, match="403"):
                api.dataset_delete(*refused.split("/"), no_confirm=True)


def test_datasets_are_found_and_deleted(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        api.dataset_create_new(str(emulator.dataset({"a.bin": bytes(100)}, "found-by-name")), quiet=True)
        found = api.dataset_list(mine=True, search="found-by")
        assert [(each.ref, each.total_bytes) for each in found] == [("alice/found-by-name", 100)]
        assert api.dataset_list(mine=True, search="found-by", min_size="101") == []
        assert api.dataset_delete("alice", "found-by-name", no_confirm=True)
        with pytest.raises(HTTPError, match="403"):
            api.dataset_status("alice/found-by-name")


def test_metadata_goes_both_ways(emulator: EmulatedKaggle) -> None:
    fields: dict[str, Any] = {
        "subtitle": "a subtitle of twenty characters",
        "description": "what it is",
        "keywords": ["games"],
    }
    folder = emulator.folder()
    with emulator.client() as api:
        api.dataset_create_new(str(emulator.dataset({"a.bin": b"1"}, "described-one", **fields)), quiet=True)
        path = api.dataset_metadata("alice/described-one", str(folder))
        info = json.loads((folder / "dataset-metadata.json").read_text(encoding="utf-8"))["info"]
        assert (info["subtitle"], info["description"], info["keywords"]) == tuple(fields.values())
        assert info["licenses"] == [{"name": "CC0-1.0"}]
        changed = {**info, "title": "Another title", "licenses": [{"name": "MIT"}]}
        (folder / "dataset-metadata.json").write_text(json.dumps({"info": changed}), encoding="utf-8")
        api.dataset_metadata_update("alice/described-one", str(folder))
        api.dataset_metadata("alice/described-one", str(folder))
        info = json.loads((folder / "dataset-metadata.json").read_text(encoding="utf-8"))["info"]
        assert (info["title"], info["licenses"], info["isPrivate"]) == ("Another title", [{"name": "MIT"}], True)
        (folder / "dataset-metadata.json").write_text(json.dumps({"title": "short"}), encoding="utf-8")
        with pytest.raises(SystemExit):
            api.dataset_metadata_update("alice/described-one", str(folder))
    assert path.endswith("dataset-metadata.json")


def test_what_was_made_just_now_may_not_be_known_yet(tmp_path: Path) -> None:
    with emulated(tmp_path, visibility_delay_seconds=3600.0) as kaggle, kaggle.client() as api:
        assert api.dataset_create_new(str(kaggle.dataset({"a.bin": b"1"}, "just-made")), quiet=True).status == "ok"
        with pytest.raises(HTTPError, match="403"):
            api.dataset_status("alice/just-made")
        assert api.kernels_push(str(kaggle.kernel(slug="just-pushed"))).versionNumber == 1
        with pytest.raises(ValueError, match="denied"):
            api.kernels_status("alice/just-pushed")
        assert api.kernels_list(mine=True) == []


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"slug": "short"}, "The dataset slug must be between 6 and 50 characters"),
        ({"slug": "../../up"}, "Invalid dataset slug: ../../up"),
        ({"title": "t" * 51}, "The dataset title must be between 6 and 50 characters"),
        ({}, "A dataset must have at least one file"),
    ],
)
def test_what_the_client_would_have_refused_is_refused_here_too(
    emulator: EmulatedKaggle, fields: dict[str, str], error: str
) -> None:
    from kagglesdk.datasets.types.dataset_api_service import (  # noqa: PLC0415 - as the client does
        ApiCreateDatasetRequest,
    )

    request = ApiCreateDatasetRequest()
    for name, value in {"slug": "refused-one", "title": "Refused one", **fields}.items():
        setattr(request, name, value)
    with emulator.client() as api, api.build_kaggle_client() as client:
        response = client.datasets.dataset_api_client.create_dataset(request)
        assert (response.status, response.error) == ("error", error)
        request.owner_slug = "bob"
        with pytest.raises(HTTPError, match="403"):
            client.datasets.dataset_api_client.create_dataset(request)


def test_a_dataset_is_named_by_its_number_too(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        api.dataset_create_new(str(emulator.dataset({"a.bin": b"1"}, "by-number")), quiet=True)
        dataset = emulator.running.emulator.datasets.find("alice", "by-number")
        assert dataset is not None
        folder = emulator.dataset({"b.bin": b"2"}, "by-number", id=None, id_no=dataset.id)
        assert api.dataset_create_version(str(folder), "the second", quiet=True).status == "ok"
        assert names(api, "alice/by-number") == ["b.bin"]
        with pytest.raises(HTTPError, match="404"):
            api.dataset_download_file("alice/by-number", "a.bin", path=str(folder))
        with api.build_kaggle_client() as client:
            from kagglesdk.datasets.types.dataset_api_service import (  # noqa: PLC0415 - as the client does
                ApiGetDatasetRequest,
            )

            request = ApiGetDatasetRequest()
            request.owner_slug, request.dataset_slug = "alice", "by-number"
            described = client.datasets.dataset_api_client.get_dataset(request)
        assert [(each.version_number, each.version_notes) for each in described.versions] == [
            (2, "the second"),
            (1, "Initial release"),
        ]
        assert [file.name for file in described.files] == ["b.bin"]
    with emulator.client("bob") as api, pytest.raises(HTTPError, match="403"):
        api.dataset_create_version(str(folder), "not mine", quiet=True)


@pytest.mark.parametrize("rule", list(ManyFiles))
def test_fifty_files_is_the_most_that_a_dataset_takes(tmp_path: Path, rule: ManyFiles) -> None:
    files = {f"{number:02}.bin": b"x" for number in range(DATASET_FILES + 1)}
    with emulated(tmp_path, many_files=rule) as kaggle, kaggle.client() as api:
        created = api.dataset_create_new(str(kaggle.dataset(files, "many-files")), quiet=True)
        if rule is ManyFiles.REFUSED:
            assert created.error == TOO_MANY_FILES
            del files["50.bin"]
            assert not api.dataset_create_new(str(kaggle.dataset(files, "many-files")), quiet=True).error
        found = api.dataset_list_files("alice/many-files", page_size=100).files
    assert len(found) == DATASET_FILES + (rule is ManyFiles.TAKEN)


@pytest.mark.parametrize("rule", list(EarlyVersion))
def test_a_version_while_the_first_is_processed_may_be_forbidden(tmp_path: Path, rule: EarlyVersion) -> None:
    with emulated(tmp_path, dataset_delay_seconds=3600.0, early_version=rule) as kaggle, kaggle.client() as api:
        api.dataset_create_new(str(kaggle.dataset({"a.txt": b"1"}, "new-data")), quiet=True)
        again = kaggle.dataset({"a.txt": b"2"}, "new-data")
        if rule is EarlyVersion.FORBIDDEN:
            with pytest.raises(HTTPError, match="403"):
                api.dataset_create_version(str(again), "2", quiet=True)
            kaggle.let_time_pass(3601)
        assert not api.dataset_create_version(str(again), "2", quiet=True).error
