"""What a session carries: meaning makes it stale, content is what is shipped, and the two always fit."""

from __future__ import annotations

import io
import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from contract.documents.runs import Identity
from contract.errors import InputError
from contract.storage import files
from runner.sources import PYTHON, SourceReader, Sources, changed_files, identity_from_table
from tests.runner.sources.conftest import PROGRAM, later, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_content_and_meaning_are_told_apart(package: Path) -> None:
    before = read(package)
    (package / "module.py").write_text(PROGRAM + "# comment\n", encoding="utf-8")
    after = read(package)
    assert before.identity().content != after.identity().content
    assert before.identity().meaning == after.identity().meaning
    assert before.identity().means(after.identity())
    assert changed_files(before.table(), after.table()) == []


def test_meanings_are_compared_within_one_version_of_python_and_bytes_across_all() -> None:
    before = Identity(content="c", meaning="m", python="3.11")
    assert before.means(Identity(content="c", meaning="other", python="3.12"))
    assert before.means(Identity(content="other", meaning="m", python="3.11"))
    assert not before.means(Identity(content="other", meaning="m", python="3.12"))
    assert not before.means(Identity(content="other", meaning="other", python="3.11"))


def test_a_renamed_an_added_and_a_removed_file_are_changes_by_name(package: Path) -> None:
    before = read(package)
    (package / "module.py").rename(package / "renamed.py")
    (package / "added.py").write_text("X = 1\n", encoding="utf-8")
    (package / "inner" / "table.csv").unlink()
    after = read(package)
    changed = ["pkg/added.py", "pkg/inner/table.csv", "pkg/module.py", "pkg/renamed.py"]
    assert changed_files(before.table(), after.table()) == changed
    assert not before.identity().means(after.identity())


def test_several_folders_stand_side_by_side(package: Path, tmp_path: Path) -> None:
    other = tmp_path / "deep" / "other"
    other.mkdir(parents=True)
    (other / "x.py").write_text("X = 1\n", encoding="utf-8")
    assert {"other/x.py", "pkg/module.py"} <= read(package, other).paths.keys()
    assert read(package, other).bundle() == read(other, package).bundle()
    assert read(package, other).identity() == read(other, package).identity()


def test_two_folders_of_the_same_name_are_an_error(package: Path, tmp_path: Path) -> None:
    namesake = tmp_path / "elsewhere" / "pkg"
    namesake.mkdir(parents=True)
    (namesake / "x.py").write_text("X = 1\n", encoding="utf-8")
    with pytest.raises(InputError, match="another folder is named pkg too; rename one"):
        read(package, namesake)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder; correct `sources`"):
        read(tmp_path / "missing")


def test_equal_files_give_an_equal_bundle(package: Path, tmp_path: Path) -> None:
    first = read(package)
    twin = tmp_path / "twin" / "pkg"
    for name in sorted(first.paths, reverse=True):
        target = twin.parent / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(first.paths[name].read_bytes())
        os.utime(target, (1_000_000_000, 1_000_000_000))
    assert read(twin).bundle() == first.bundle()
    with zipfile.ZipFile(io.BytesIO(first.bundle())) as bundle:
        assert bundle.namelist() == sorted(first.paths)
        assert bundle.read("pkg/module.py").decode() == PROGRAM


def edited(module: Path) -> None:
    module.write_text(PROGRAM.replace("% 2", "% 3"), encoding="utf-8")


def edited_with_the_old_time(module: Path) -> None:
    before = module.stat()
    edited(module)
    os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert module.stat().st_size == before.st_size


def given_a_comment(module: Path) -> None:
    module.write_text(PROGRAM + "# comment\n", encoding="utf-8")


def removed(module: Path) -> None:
    module.unlink()


def made_a_folder(module: Path) -> None:
    module.unlink()
    module.mkdir()


@pytest.fixture(params=["read now", "remembered"])
def sources(request: pytest.FixtureRequest, package: Path, tmp_path: Path) -> Sources:
    """The sources of a session that is planned, from the files themselves or from what is remembered of them."""
    reader = SourceReader(tmp_path / "cache.json", now=later)
    planned = reader.read((package,))
    if request.param == "read now":
        return planned
    reader.remember()
    return SourceReader(tmp_path / "cache.json", now=later).read((package,))


@pytest.mark.parametrize("edit", [edited, edited_with_the_old_time, given_a_comment, removed, made_a_folder])
def test_what_was_changed_since_the_plan_is_not_packed(
    package: Path, sources: Sources, edit: Callable[[Path], None]
) -> None:
    edit(package / "module.py")
    with pytest.raises(InputError) as caught:
        sources.bundle()
    problem = "pkg/module.py was changed after the session was planned; run the same command again"
    assert str(caught.value) == f"sources {package}: {problem}"


def test_what_is_added_after_the_plan_is_neither_stated_nor_packed(package: Path, sources: Sources) -> None:
    (package / "added.py").write_text("X = 1\n", encoding="utf-8")
    assert_all_fits(sources)
    assert "pkg/added.py" not in sources.table()


def assert_all_fits(sources: Sources) -> None:
    """The bundle, the table and the identity say the same."""
    table = sources.table()
    with zipfile.ZipFile(io.BytesIO(sources.bundle())) as bundle:
        assert {name: files.sha256_of_bytes(bundle.read(name)) for name in bundle.namelist()} == {
            name: content for name, (content, _) in table.items()
        }
    contents = files.sha256_of_value({name: content for name, (content, _) in table.items()})
    assert sources.identity().content == files.sha256_of_value([contents])
    assert sources.identity() == identity_from_table(table, PYTHON)


def test_an_edit_that_no_state_tells_is_noticed_when_packed_and_by_the_next_command(
    package: Path, tmp_path: Path
) -> None:
    """As on Windows, where no time tells of an edit that puts the old mtime back."""
    cache = tmp_path / "cache.json"
    reader = SourceReader(cache, now=later)
    before = reader.read((package,)).identity()
    reader.remember()
    edited(package / "module.py")
    for name in ("cache.json", "cache-files.json"):  # what is remembered is made to be of the file as it is now
        remember_as_it_is(tmp_path / name, package)
    unaware = SourceReader(cache, now=later)
    assert unaware.read((package,)).identity() == before
    with pytest.raises(InputError, match=r"pkg/module\.py was changed after the session was planned"):
        unaware.read((package,)).bundle()
    unaware.remember()
    again = SourceReader(cache, now=later).read((package,))
    assert again.identity() != before
    assert_all_fits(again)


def remember_as_it_is(cache: Path, folder: Path) -> None:
    """Put the states of today into what is remembered, and leave its digests."""
    fresh = cache.parent / "fresh" / "cache.json"
    fresh.parent.mkdir(exist_ok=True)
    reader = SourceReader(fresh, now=later)
    reader.read((folder,))
    reader.remember()
    today, document = files.read_json(fresh.with_name(cache.name)), files.read_json(cache)
    if "folders" in document:
        document["folders"][str(folder)]["state"] = today["folders"][str(folder)]["state"]
    else:
        for name, entry in document["files"][str(folder)].items():
            entry[0] = today["files"][str(folder)][name][0]
    files.write_json(cache, document)
