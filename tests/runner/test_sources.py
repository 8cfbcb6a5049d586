"""What sources are and what they mean: meaning makes a session stale, content is what is shipped."""

from __future__ import annotations

import io
import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from contract import files
from contract.documents import Identity
from contract.errors import InputError
from runner.sources import PYTHON, SourceReader, Sources, changed_files, meaning_of

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = '''"""What it does."""

import math


class Signal:
    """A signal."""

    def phase(self, time):
        """Its phase."""
        return math.floor(time) % 2


async def wait():
    """Wait."""
    return "a string that is no docstring"
'''


def meaning(text: str) -> str:
    """The meaning of a Python file."""
    return meaning_of("pkg/module.py", text.encode())


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder of sources."""
    folder = tmp_path / "pkg"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "module.py").write_text(PROGRAM, encoding="utf-8")
    (folder / "inner" / "table.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    return folder


def read(*folders: Path) -> Sources:
    """Read them without a cache."""
    return SourceReader(folders[0].parent / "none.json").read(folders)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import math\n", "# A comment.\nimport math  # Another.\n"),
        ('"""What it does."""', '"""What it really does."""'),
        ('"""What it does."""', ""),
        ('"""A signal."""', '"""Another signal."""'),
        ('"""Its phase."""', "'''Its\n        phase.'''"),
        ('"""Wait."""', ""),
        ("math.floor(time) % 2", "(math.floor( time )\n            %2)"),
        ("\n\n\n", "\n"),
        ('"a string that is no docstring"', "'a string that is no docstring'"),
    ],
)
def test_comments_docstrings_and_formatting_mean_nothing(before: str, after: str) -> None:
    edited = PROGRAM.replace(before, after)
    assert edited != PROGRAM
    assert meaning(edited) == meaning(PROGRAM)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("% 2", "% 3"),
        ("math.floor", "math.ceil"),
        ("def phase", "def colour"),
        ("self, time", "self, time=0"),
        ('"a string that is no docstring"', '"another string"'),
        ("async def", "def"),
        ("import math", "import math, sys"),
        ('"""A signal."""\n', '"""A signal."""\n\n    """A second string, which is no docstring."""\n'),
    ],
)
def test_a_real_edit_means_something_else(before: str, after: str) -> None:
    edited = PROGRAM.replace(before, after)
    assert edited != PROGRAM
    assert meaning(edited) != meaning(PROGRAM)


@pytest.mark.parametrize("text", ["def broken(:\n", "x = 'never closed\n", "x = 1\0\n"])
def test_what_python_cannot_parse_means_its_bytes(text: str) -> None:
    assert meaning(text) == files.sha256_of_bytes(text.encode())
    assert meaning(f"{text}# comment") != meaning(text)


def test_a_file_that_is_no_python_means_its_bytes() -> None:
    assert meaning_of("pkg/data.json", b"{} ") != meaning_of("pkg/data.json", b"{}")
    assert meaning_of("pkg/data.json", b"{}") == files.sha256_of_bytes(b"{}")


def test_a_doubtful_escape_in_a_users_source_warns_nobody() -> None:
    assert meaning("pattern = '\\d'  # comment\n") == meaning("pattern = '\\d'\n")


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


def test_names_begin_with_the_folder_and_leave_out_what_nobody_wrote(package: Path) -> None:
    for name in (".git/config", ".hidden.py", "__pycache__/module.pyc", "node_modules/x.js", "old.pyc", "module.py~"):
        path = package / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x", encoding="utf-8")
    assert sorted(read(package).paths) == ["pkg/__init__.py", "pkg/inner/table.csv", "pkg/module.py"]


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


class CountingReader:
    """Counts how often a file is read to take its digests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []

        def spy(name: str, content: bytes) -> str:
            self.names.append(name)
            return meaning_of(name, content)

        monkeypatch.setattr("runner.sources.meaning_of", spy)


def test_a_file_is_read_again_only_if_it_has_changed(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = CountingReader(monkeypatch)
    cache = tmp_path / "cache.json"
    first = SourceReader(cache)
    identity = first.read((package,)).identity()
    assert not cache.exists()  # until it is told to
    first.remember()
    assert len(counting.names) == 3
    second = SourceReader(cache)
    assert second.read((package,)).identity() == identity
    assert len(counting.names) == 3
    written_at = cache.stat().st_mtime_ns
    second.remember()
    assert cache.stat().st_mtime_ns == written_at
    (package / "module.py").write_text(PROGRAM + "EDITED = True\n", encoding="utf-8")
    assert SourceReader(cache).read((package,)).identity() != identity
    assert counting.names[3:] == ["pkg/module.py"]


def test_an_edit_of_the_same_size_is_seen_by_its_mtime(package: Path, tmp_path: Path) -> None:
    reader = SourceReader(tmp_path / "cache.json")
    identity = reader.read((package,)).identity()
    reader.remember()
    module = package / "module.py"
    module.write_text(PROGRAM.replace("% 2", "% 3"), encoding="utf-8")
    os.utime(module, ns=(0, module.stat().st_mtime_ns + 1_000_000_000))
    assert SourceReader(tmp_path / "cache.json").read((package,)).identity() != identity


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"files": 3}', '{"python": "2.7", "files": {}}', f'{{"python": "{PYTHON}"}}']
)
def test_a_cache_that_is_damaged_or_of_another_python_is_read_past(package: Path, tmp_path: Path, content: str) -> None:
    cache = tmp_path / "cache.json"
    cache.write_text(content, encoding="utf-8")
    assert SourceReader(cache).read((package,)).identity() == read(package).identity()


def test_a_cached_meaning_of_another_python_is_not_used(package: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache.json"
    reader = SourceReader(cache)
    identity = reader.read((package,)).identity()
    reader.remember()
    document = files.read_json(cache)
    for entry in document["files"].values():
        entry[3] = "meaning of another version"
    files.write_json(cache, document | {"python": "2.7"})
    assert SourceReader(cache).read((package,)).identity() == identity
