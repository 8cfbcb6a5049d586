"""Digests are remembered between commands, and whatever is edited is noticed."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from contract.storage import files
from runner.sources import PYTHON, SourceReader, digest_meaning
from tests.runner.sources.conftest import PROGRAM, later, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from contract.documents.runs import Identity


def remembering(folder: Path, cache: Path) -> Identity:
    """Read and remember, as a first command does; what the folder is."""
    reader = SourceReader(cache, now=later)
    identity = reader.read((folder,)).identity()
    reader.remember()
    return identity


class CountingReader:
    """Counts how often a file is read to take its digests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []

        def spy(name: str, content: bytes) -> str:
            self.names.append(name)
            return digest_meaning(name, content)

        monkeypatch.setattr("runner.sources.reading.digest_meaning", spy)


def test_a_file_is_read_again_only_if_it_has_changed(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = CountingReader(monkeypatch)
    cache = tmp_path / "cache.json"
    first = SourceReader(cache, now=later)
    identity = first.read((package,)).identity()
    assert not cache.exists()  # until it is told to
    first.remember()
    assert len(counting.names) == 3
    second = SourceReader(cache, now=later)
    assert second.read((package,)).identity() == identity
    assert len(counting.names) == 3
    written_at = cache.stat().st_mtime_ns
    second.remember()
    assert cache.stat().st_mtime_ns == written_at
    (package / "module.py").write_text(PROGRAM + "EDITED = True\n", encoding="utf-8")
    assert SourceReader(cache).read((package,)).identity() != identity
    assert counting.names[3:] == ["pkg/module.py"]


def test_a_file_written_a_moment_ago_is_read_again_as_a_clock_may_be_coarse(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = CountingReader(monkeypatch)
    for now, reads in ((time.time_ns, 3), (later, 6), (later, 6)):
        reader = SourceReader(tmp_path / "cache.json", now=now)
        reader.read((package,))
        reader.remember()
        assert len(counting.names) == reads


def written_over(module: Path) -> None:
    module.write_text(PROGRAM.replace("% 2", "% 3"), encoding="utf-8")


def replaced(module: Path) -> None:
    twin = module.with_name("twin")
    twin.write_text(PROGRAM.replace("% 2", "% 3"), encoding="utf-8")
    shutil.copystat(module, twin)
    twin.replace(module)


@pytest.mark.parametrize("edit", [written_over, replaced])
@pytest.mark.parametrize("later_ns", [0, 1_000_000_000])
def test_an_edit_of_the_same_size_is_noticed_whatever_its_time(
    package: Path, tmp_path: Path, edit: Callable[[Path], None], later_ns: int
) -> None:
    identity = remembering(package, tmp_path / "cache.json")
    module = package / "module.py"
    before = module.stat()
    edit(module)
    os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns + later_ns))
    assert module.stat().st_size == before.st_size
    assert SourceReader(tmp_path / "cache.json", now=later).read((package,)).identity() != identity


def test_a_link_that_now_leads_to_another_file_is_noticed(package: Path, tmp_path: Path) -> None:
    (package / "one.txt").write_text("1", encoding="utf-8")
    (package / "two.txt").write_text("2", encoding="utf-8")
    for name in ("one.txt", "two.txt"):
        os.utime(package / name, ns=(0, 0))
    (package / "chosen.txt").symlink_to("one.txt")
    identity = remembering(package, tmp_path / "cache.json")
    (package / "chosen.txt").unlink()
    (package / "chosen.txt").symlink_to("two.txt")
    assert SourceReader(tmp_path / "cache.json", now=later).read((package,)).identity() != identity


@pytest.mark.parametrize("lost", ["cache.json", "cache-files.json"])
def test_what_is_remembered_is_the_same_in_whole_and_in_part(package: Path, tmp_path: Path, lost: str) -> None:
    cache = tmp_path / "cache.json"
    identity = remembering(package, cache)
    table = read(package).table()
    assert SourceReader(cache, now=later).read((package,)).table() == table
    (tmp_path / lost).unlink()
    reader = SourceReader(cache, now=later)
    sources = reader.read((package,))
    assert (sources.identity(), sources.table()) == (identity, table)
    reader.remember()
    assert (tmp_path / lost).exists()


@pytest.mark.parametrize("name", ["cache.json", "cache-files.json"])
@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", '{"files": 3}', '{"python": "2.7", "files": {}}', f'{{"python": "{PYTHON}"}}'),
        f'{{"python": "{PYTHON}", "folders": {{"PKG": null}}, "files": {{"PKG": {{"pkg/module.py": [[1], 2]}}}}}}',
        f'{{"python": "{PYTHON}", "folders": [], "files": {{"PKG": {{"pkg/module.py": null}}}}}}',
    ],
)
def test_a_cache_that_is_damaged_or_of_another_python_is_read_past(
    package: Path, tmp_path: Path, name: str, content: str
) -> None:
    cache = tmp_path / "cache.json"
    remembering(package, cache)
    (tmp_path / name).write_text(content.replace("PKG", str(package)), encoding="utf-8")
    sources = SourceReader(cache).read((package,))
    assert sources.identity() == read(package).identity()
    assert sources.table() == read(package).table()


def test_a_cached_meaning_of_another_python_is_not_used(package: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache.json"
    identity = remembering(package, cache)
    document = files.read_json(cache)
    for entry in document["folders"].values():
        entry["meaning"] = "meaning of another version"
    of_files = files.read_json(tmp_path / "cache-files.json")
    for entry in of_files["files"][str(package)].values():
        entry[2] = "meaning of another version"
    files.write_json(cache, document | {"python": "2.7"})
    files.write_json(tmp_path / "cache-files.json", of_files | {"python": "2.7"})
    assert SourceReader(cache).read((package,)).identity() == identity
