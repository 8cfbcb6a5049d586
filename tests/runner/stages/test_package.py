"""Equal inputs give equal bytes and one key; what is sealed stays."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.documents.runs import FileEntry, Package, Parent, Request
from contract.errors import BackendError
from contract.storage import files, layout
from job.model import session_part
from runner.backends.base import Provisions
from runner.layout import RunsFolder, SessionFolder
from runner.sources import SourceReader, Sources
from runner.stages import package as packaging
from runner.stages import session_script
from runner.stages.package import entries_below, keyed_script
from runner.stages.parent import ParentFiles
from tests.runner.conftest import INPUTS, asked, job_json


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """A package of two files."""
    folder = tmp_path / "sources" / "trainer"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "__main__.py").write_text("print('trained')\n", encoding="utf-8")
    return SourceReader(tmp_path / "none.json").read((folder,))


@pytest.fixture
def parent(tmp_path: Path) -> ParentFiles:
    """A checkpoint to go on from."""
    checkpoint, best = tmp_path / "checkpoint.zip", tmp_path / "best.zip"
    checkpoint.write_bytes(b"weights")
    best.write_bytes(b"the best weights")
    return ParentFiles("0001", 64, checkpoint, files.sha256_of_file(checkpoint), best)


def request(**changes: Any) -> Request:
    """What session 0002 is asked for."""
    parent = Parent(session="0001", timesteps=64, sha256="0" * 64)
    return asked(**{"session": "0002", "parent": parent, **changes})


def package(root: Path, sources: Sources, parent: ParentFiles | None, **changes: Any) -> SessionFolder:
    """Session 0002, packaged below `root`."""
    folder = RunsFolder(root).session("cart", 2)
    folder.path.mkdir(parents=True, exist_ok=True)
    arguments: dict[str, Any] = {"job": job_json(), "request": request(), "inputs": INPUTS}
    packaging.package(folder, sources=sources, parent=parent, **{**arguments, **changes})
    return folder


def content_of(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def key_of(folder: SessionFolder) -> str:
    """The key of a sealed package."""
    key: str = files.read_json(folder.package_json)["key"]
    return key


def test_a_package_holds_what_the_session_needs(tmp_path: Path, sources: Sources, parent: ParentFiles) -> None:
    folder = package(tmp_path, sources, parent)
    assert sorted(content_of(folder.path)) == [
        "package.json",
        "package/payload/job.json",
        "package/payload/parent_best_model.bundle",
        "package/payload/parent_checkpoint.bundle",
        "package/payload/payload.json",
        "package/payload/request.json",
        "package/payload/sources.bundle",
        "package/script.py",
        "package/sources.json",
        "request.json",
    ]
    assert (folder.payload / layout.PARENT_CHECKPOINT).read_bytes() == b"weights"
    assert files.read_json(folder.payload / layout.JOB_FILE) == session_part(job_json())
    assert Request.read(folder.request) == request()
    assert (folder.payload / layout.REQUEST_FILE).read_bytes() == folder.request.read_bytes()


def test_the_key_is_the_digest_of_every_file_of_the_payload(
    tmp_path: Path, sources: Sources, parent: ParentFiles
) -> None:
    folder = package(tmp_path, sources, parent)
    payload = files.read_json(folder.payload / layout.PAYLOAD_FILE)
    present = msgspec.to_builtins(entries_below(folder.payload))
    del present[layout.PAYLOAD_FILE]
    assert payload == {"format": 1, "key": files.sha256_of_value(present), "files": present}
    sealed = files.read_json(folder.package_json)
    assert (sealed["key"], sealed["files"]) == (payload["key"], present)
    assert layout.key_line(payload["key"]) in folder.script.read_text(encoding="utf-8")


def test_a_package_holds_what_the_machine_of_the_session_lacks(
    tmp_path: Path, sources: Sources, parent: ParentFiles
) -> None:
    name = f"some-package-1.0{layout.PACKAGE_SUFFIX}"
    folder = package(tmp_path / "one", sources, parent, provisions=Provisions({name: b"a wheel"}))
    assert (folder.payload / name).read_bytes() == b"a wheel"
    assert files.read_json(folder.payload / layout.PAYLOAD_FILE)["files"][name]["bytes"] == 7
    assert key_of(folder) != key_of(package(tmp_path / "two", sources, parent))


def test_what_a_backend_keeps_beside_the_payload_is_no_part_of_the_key(
    tmp_path: Path, sources: Sources, parent: ParentFiles
) -> None:
    folder = package(tmp_path / "one", sources, parent, provisions=Provisions(beside={"queue.json": b"{}"}))
    assert (folder.package / "queue.json").read_bytes() == b"{}"
    assert key_of(folder) == key_of(package(tmp_path / "two", sources, parent))


@pytest.mark.parametrize(
    ("provisions", "name"),
    [
        (Provisions(payload={layout.JOB_FILE: b"{}"}), layout.JOB_FILE),
        (Provisions(payload={"../script.py": b""}), "../script.py"),
        (Provisions(beside={"script.py": b""}), "script.py"),
        (Provisions(beside={"payload": b""}), "payload"),
    ],
)
def test_a_backend_replaces_nothing_of_what_every_package_holds(
    tmp_path: Path, sources: Sources, provisions: Provisions, name: str
) -> None:
    with pytest.raises(BackendError, match=rf"^file {name}: cannot be what a backend adds to a package"):
        package(tmp_path, sources, None, provisions=provisions)
    assert not RunsFolder(tmp_path).session("cart", 2).package_json.exists()


def test_equal_inputs_give_equal_bytes(tmp_path: Path, sources: Sources, parent: ParentFiles) -> None:
    first = package(tmp_path / "one", sources, parent)
    reordered = dict(reversed(job_json().items()))
    second = package(tmp_path / "two", sources, parent, job=reordered)
    assert content_of(first.path) == content_of(second.path)


def test_each_input_changes_the_key(tmp_path: Path, sources: Sources, parent: ParentFiles) -> None:
    other_weights = tmp_path / "other.zip"
    other_weights.write_bytes(b"other weights")
    edited_folder = tmp_path / "edited" / "trainer"
    edited_folder.mkdir(parents=True)
    (edited_folder / "__init__.py").write_text("", encoding="utf-8")
    (edited_folder / "__main__.py").write_text("print('trained')  # commented\n", encoding="utf-8")
    edited = SourceReader(tmp_path / "none.json").read((edited_folder,))
    variants: list[tuple[Sources, ParentFiles | None, dict[str, Any]]] = [
        (sources, parent, {}),
        (sources, parent, {"job": job_json(seed=6)}),
        (sources, parent, {"job": job_json(save_freq=32)}),
        (sources, parent, {"request": request(goal=512)}),
        (sources, parent, {"request": request(session="0003")}),
        (sources, parent, {"request": request(lineage=2)}),
        (sources, dataclasses.replace(parent, checkpoint=other_weights), {}),
        (sources, dataclasses.replace(parent, best_model=other_weights), {}),
        (sources, dataclasses.replace(parent, best_model=None), {}),
        (sources, None, {}),
        (edited, parent, {}),
    ]
    keys = {
        key_of(package(tmp_path / str(number), carried, checkpoint, **changes))
        for number, (carried, checkpoint, changes) in enumerate(variants)
    }
    assert len(keys) == len(variants)


@pytest.fixture
def replaying(parent: ParentFiles, tmp_path: Path) -> ParentFiles:
    """A checkpoint with a replay buffer in two segments."""
    folder = tmp_path / "artifacts" / "checkpoints" / "replay"
    segments = []
    for content in (b"the first rows", b"the rows after them"):
        path = folder / layout.segment_name(files.sha256_of_bytes(content))
        files.write_bytes(path, content)
        segments.append(path)
    files.write_bytes(folder / layout.segment_name("0" * 64), b"of another checkpoint")
    return dataclasses.replace(parent, segments=tuple(segments))


def test_the_segments_of_the_parent_travel_along_and_the_key_covers_them(
    tmp_path: Path, sources: Sources, replaying: ParentFiles
) -> None:
    folder = package(tmp_path, sources, replaying)
    assert sorted((folder.payload / layout.REPLAY_FOLDER).iterdir()) == sorted(
        folder.payload / layout.REPLAY_FOLDER / each.name for each in replaying.segments
    )
    listed = files.read_json(folder.payload / layout.PAYLOAD_FILE)["files"]
    for segment in replaying.segments:
        content = segment.read_bytes()
        assert listed[f"replay/{segment.name}"] == {"bytes": len(content), "sha256": files.sha256_of_bytes(content)}
    assert key_of(folder) == files.sha256_of_value(listed)
    keys = {
        key_of(package(tmp_path / str(count), sources, dataclasses.replace(replaying, segments=carried)))
        for count, carried in enumerate([(), replaying.segments[:1], replaying.segments])
    }
    assert len(keys) == 3


def test_segments_are_linked_and_not_read_again(
    tmp_path: Path, sources: Sources, replaying: ParentFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    plain = files.sha256_of_file

    def noting(path: Path) -> str:
        read.append(path.name)
        return plain(path)

    monkeypatch.setattr(files, "sha256_of_file", noting)
    folder = package(tmp_path, sources, replaying)
    assert layout.PARENT_CHECKPOINT in read
    for segment in replaying.segments:
        assert segment.name not in read
        assert (folder.payload / layout.REPLAY_FOLDER / segment.name).samefile(segment)


def test_only_a_folder_of_segments_is_listed_by_its_names(tmp_path: Path) -> None:
    name = f"{'1' * 64}.segment"
    for place in ("replay", "checkpoints/replay"):
        files.write_bytes(tmp_path / place / name, b"rows")
    found = entries_below(tmp_path, digest_is_name_in=tmp_path / "replay")
    assert found[f"replay/{name}"] == FileEntry(bytes=4, sha256="1" * 64)
    assert found[f"checkpoints/replay/{name}"] == FileEntry(bytes=4, sha256=files.sha256_of_bytes(b"rows"))
    digests = {entry.sha256 for entry in entries_below(tmp_path).values()}
    assert digests == {files.sha256_of_bytes(b"rows")}


def test_a_package_with_segments_can_be_made_again_and_removed(
    tmp_path: Path, sources: Sources, replaying: ParentFiles
) -> None:
    folder = package(tmp_path, sources, replaying)
    first = content_of(folder.path)
    folder.package_json.unlink()
    assert content_of(package(tmp_path, sources, replaying).path) == first
    shutil.rmtree(folder.path)
    assert [segment.read_bytes() for segment in replaying.segments] == [b"the first rows", b"the rows after them"]


def test_a_backend_may_give_a_session_less_time_than_its_job_states(tmp_path: Path, sources: Sources) -> None:
    folder = package(tmp_path, sources, None, provisions=Provisions(session_limit=60.0))
    assert files.read_json(folder.payload / "job.json")["session_limit"] == 60
    assert Package.read(folder.package_json).job == job_json()  # by which it is known again


def test_a_sealed_package_is_left_as_it_is(tmp_path: Path, sources: Sources, parent: ParentFiles) -> None:
    folder = package(tmp_path, sources, parent)
    before = content_of(folder.path)
    package(tmp_path, sources, None, job=job_json(seed=9), request=request(goal=1))
    assert content_of(folder.path) == before


@pytest.mark.parametrize("leftover", ["package.building", "package"])
def test_an_interrupted_build_is_done_again_whole(
    tmp_path: Path, sources: Sources, parent: ParentFiles, leftover: str
) -> None:
    expected = content_of(package(tmp_path / "whole", sources, parent).path)
    interrupted = RunsFolder(tmp_path).session("cart", 2)
    files.write_json(interrupted.request, {"half": "an old request"})
    files.write_json(interrupted.path / leftover / "payload" / "stale.json", {})
    assert content_of(package(tmp_path, sources, parent).path) == expected


def test_a_build_that_fails_seals_nothing(tmp_path: Path, sources: Sources, parent: ParentFiles) -> None:
    vanished = dataclasses.replace(parent, checkpoint=tmp_path / "vanished.zip")
    with pytest.raises(FileNotFoundError):
        package(tmp_path / "a", sources, vanished)
    folder = RunsFolder(tmp_path / "a").session("cart", 2)
    assert not folder.package.exists()
    assert not folder.package_json.exists()
    assert key_of(package(tmp_path / "a", sources, parent)) == key_of(package(tmp_path / "b", sources, parent))


def test_the_script_spells_the_names_of_the_input_as_the_trainer_does() -> None:
    assert session_script.PAYLOAD_FILE == layout.PAYLOAD_FILE
    assert session_script.SOURCES_BUNDLE == layout.SOURCES_BUNDLE
    assert session_script.PACKAGE_SUFFIX == layout.PACKAGE_SUFFIX
    assert session_script.KEY == ""


def test_the_line_of_the_key_stands_once_in_the_script_and_is_what_a_backend_looks_for() -> None:
    lines = Path(session_script.__file__).read_text(encoding="utf-8").splitlines()
    assert lines.count(layout.key_line("")) == 1
    key = "ab" * 32
    lines[lines.index(layout.key_line(""))] = layout.key_line(key)
    assert keyed_script(key).splitlines() == lines
