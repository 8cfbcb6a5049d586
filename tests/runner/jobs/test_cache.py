"""The jobs are read anew only when jobs.yaml or what reads it changed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from contract.errors import InputError
from runner.jobs import cache as jobs
from runner.jobs import file as jobs_file
from runner.jobs.cache import JobsReader
from runner.layout import RunsFolder
from tests.project import ROOT, cart_pole
from tests.runner.conftest import write_jobs

if TYPE_CHECKING:
    from pathlib import Path

NOT_READERS = {
    *("contract", "contract.errors", "contract.files", "contract.identity", "contract.layout", "contract.states"),
    *("job", "job.algorithms", "runner", "runner.backends", "runner.backends.docker", "runner.backends.kaggle"),
    *("runner.backends.on_executor", "runner.jobs"),
}
"""Modules that reading imports, and that decide nothing of what is read."""


@pytest.fixture
def runs(tmp_path: Path) -> RunsFolder:
    """A project with one job."""
    write_jobs(tmp_path, cart=cart_pole())
    return RunsFolder(tmp_path)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every time that jobs.yaml was parsed."""
    parsed: list[Path] = []
    original = jobs_file.load_jobs

    def spy(path: Path, backends: Any) -> Any:
        parsed.append(path)
        return original(path, backends)

    monkeypatch.setattr(jobs_file, "load_jobs", spy)
    return parsed


def test_each_job_has_two_forms(runs: RunsFolder) -> None:
    read = JobsReader(runs).read()
    assert read.keys() == {"cart"}
    assert read["cart"]["full"]["total_timesteps"] == 256
    assert read["cart"]["quick"]["total_timesteps"] == 64
    assert read["cart"]["full"]["name"] == "cart"


def test_reading_writes_nothing_until_it_is_told_to(runs: RunsFolder) -> None:
    reader = JobsReader(runs)
    reader.read()
    assert not runs.path.exists()
    reader.remember()
    assert runs.cache("jobs").exists()


def test_what_was_remembered_is_not_parsed_again(runs: RunsFolder, readings: list[Path]) -> None:
    first = JobsReader(runs)
    values = first.read()
    assert first.read() == values
    first.remember()
    assert len(readings) == 1
    (runs.root / "jobs.yaml").touch()
    second = JobsReader(runs)
    assert second.read() == values
    assert len(readings) == 1
    second.remember()


def test_an_edit_of_jobs_yaml_is_read(runs: RunsFolder, readings: list[Path]) -> None:
    first = JobsReader(runs)
    first.read()
    first.remember()
    write_jobs(runs.root, cart=cart_pole(seed=6))
    assert JobsReader(runs).read()["cart"]["full"]["seed"] == 6
    assert len(readings) == 2


def test_an_edit_of_any_reader_parses_again(
    runs: RunsFolder, readings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in jobs._READERS:  # noqa: SLF001 - the list is what is tested
        copy = tmp_path / "copy" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
    monkeypatch.setattr(jobs, "__file__", str(tmp_path / "copy" / "runner" / "jobs" / "cache.py"))
    for expected, name in enumerate(jobs._READERS, start=1):  # noqa: SLF001 - the list is what is tested
        reader = JobsReader(runs)
        reader.read()
        reader.remember()
        JobsReader(runs).read()
        assert len(readings) == expected
        copy = tmp_path / "copy" / name
        os.utime(copy, ns=(0, copy.stat().st_mtime_ns + 1_000_000_000))


def test_another_set_of_backends_parses_again(
    runs: RunsFolder, readings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = JobsReader(runs)
    first.read()
    first.remember()
    monkeypatch.setattr(jobs, "installed", lambda: "another set")
    JobsReader(runs).read()
    assert len(readings) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"stamp": 1, "jobs": {}}'])
def test_a_damaged_cache_is_read_past(runs: RunsFolder, content: str) -> None:
    runs.cache("jobs").parent.mkdir(parents=True)
    runs.cache("jobs").write_text(content, encoding="utf-8")
    assert JobsReader(runs).read().keys() == {"cart"}


def test_a_mistake_is_never_remembered(runs: RunsFolder) -> None:
    write_jobs(runs.root, cart=cart_pole(algorithm="PPP"))
    for _ in range(2):
        reader = JobsReader(runs)
        with pytest.raises(InputError, match="did you mean PPO"):
            reader.read()
        reader.remember()
    assert not runs.cache("jobs").exists()


def test_a_missing_jobs_yaml_is_one_sentence_even_with_a_cache(runs: RunsFolder) -> None:
    reader = JobsReader(runs)
    reader.read()
    reader.remember()
    (runs.root / "jobs.yaml").unlink()
    with pytest.raises(InputError, match="does not exist"):
        JobsReader(runs).read()


def test_every_module_that_reads_a_job_is_watched() -> None:
    listing = (
        "import sys, runner.jobs.file; from runner.backends.registry import sections; sections()\n"
        "print(*(name for name in sys.modules if name.split('.')[0] in ('runner', 'job', 'contract')))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", listing], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    imported = {f"{name.replace('.', '/')}.py" for name in set(answer.stdout.split()) - NOT_READERS}
    assert set(jobs._READERS) == imported | {"runner/jobs/cache.py"}  # noqa: SLF001 - the list is what is tested
    assert all((ROOT / name).exists() for name in jobs._READERS)  # noqa: SLF001 - the list is what is tested
