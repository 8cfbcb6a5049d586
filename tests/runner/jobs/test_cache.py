"""The jobs are read anew only when jobs.yaml or what reads it changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contract.errors import InputError
from runner.jobs import cache as jobs
from runner.jobs import file as jobs_file
from runner.jobs.cache import JobsReader
from runner.layout import RunsFolder
from tests.project import ROOT, cart_pole
from tests.runner.conftest import write_jobs


@pytest.fixture
def runs(tmp_path: Path) -> RunsFolder:
    """A project with one job."""
    write_jobs(tmp_path, cart=cart_pole())
    return RunsFolder(tmp_path)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every time that jobs.yaml was parsed."""
    parsed: list[Path] = []
    original = jobs_file.load_file

    def spy(path: Path, backends: Any) -> Any:
        parsed.append(path)
        return original(path, backends)

    monkeypatch.setattr(jobs_file, "load_file", spy)
    return parsed


def test_each_job_has_two_forms(runs: RunsFolder) -> None:
    reader = JobsReader(runs)
    assert reader.names == ["cart"]
    assert reader.job("cart")["full"]["total_timesteps"] == 256
    assert reader.job("cart")["quick"]["total_timesteps"] == 64
    assert reader.job("cart")["full"]["name"] == "cart"


def test_the_jobs_keep_the_order_of_the_file(runs: RunsFolder) -> None:
    text = "".join(f"  {name}: {json.dumps(cart_pole())}\n" for name in ("pole", "cart", "acrobot"))
    (runs.root / "jobs.yaml").write_text(f"jobs:\n{text}", encoding="utf-8")
    for _ in range(2):
        reader = JobsReader(runs)
        assert reader.names == ["pole", "cart", "acrobot"]
        reader.remember()


def test_what_is_remembered_is_what_was_read_to_the_last_bit(runs: RunsFolder) -> None:
    kwargs = {"many": 2**70, "small": 5e-324, "one": 1.0, "text": "\u00e9\U0001f697"}
    write_jobs(runs.root, cart=cart_pole(env={"id": "CartPole-v1", "kwargs": kwargs}))
    for _ in range(2):
        reader = JobsReader(runs)
        assert repr(reader.job("cart")["full"]["env"]["kwargs"]) == repr(dict(sorted(kwargs.items())))
        reader.remember()


def test_reading_writes_nothing_until_it_is_told_to(runs: RunsFolder) -> None:
    reader = JobsReader(runs)
    reader.job("cart")
    assert not runs.path.exists()
    reader.remember()
    assert runs.cache("jobs").exists()


def test_what_was_remembered_is_not_parsed_again(runs: RunsFolder, readings: list[Path]) -> None:
    first = JobsReader(runs)
    values = first.job("cart")
    assert first.job("cart") == values
    first.remember()
    assert len(readings) == 1
    (runs.root / "jobs.yaml").touch()
    second = JobsReader(runs)
    assert second.job("cart") == values
    assert len(readings) == 1
    second.remember()


def test_an_edit_of_jobs_yaml_is_read(runs: RunsFolder, readings: list[Path]) -> None:
    first = JobsReader(runs)
    _ = first.names
    first.remember()
    write_jobs(runs.root, cart=cart_pole(seed=6))
    assert JobsReader(runs).job("cart")["full"]["seed"] == 6
    assert len(readings) == 2


@pytest.mark.parametrize("folder", jobs.READERS)
@pytest.mark.parametrize("change", ["edited", "new", "gone", "edited within the same moment"])
def test_a_change_of_any_code_that_reads_parses_again(
    runs: RunsFolder, readings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, change: str
) -> None:
    for each in jobs.READERS:
        (tmp_path / "copy" / each / "deep").mkdir(parents=True)
        (tmp_path / "copy" / each / "deep" / "reader.py").write_text("1", encoding="utf-8")
    monkeypatch.setattr(jobs, "CODE", tmp_path / "copy")
    reader = JobsReader(runs)
    _ = reader.names
    reader.remember()
    code = tmp_path / "copy" / folder / "deep" / "reader.py"
    then = code.stat().st_mtime_ns
    if change == "edited":
        os.utime(code, ns=(0, then + 1_000_000_000))
    elif change == "new":
        code.with_name("another.py").touch()
    elif change == "gone":
        code.unlink()
    else:
        code.write_text("22", encoding="utf-8")
        os.utime(code, ns=(0, then))
    _ = JobsReader(runs).names
    assert len(readings) == 2


def test_another_set_of_backends_parses_again(
    runs: RunsFolder, readings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = JobsReader(runs)
    _ = first.names
    first.remember()
    monkeypatch.setattr(jobs, "installed", lambda: "another set")
    _ = JobsReader(runs).names
    assert len(readings) == 2


DAMAGED = ("", "{", "[]\n", "{}\n", '{"stamp":"","ends":{},"size":1}\n', '{"stamp":1,"ends":{},"size":0}\n')


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_cache_is_read_past(runs: RunsFolder, content: str) -> None:
    runs.cache("jobs").parent.mkdir(parents=True)
    runs.cache("jobs").write_text(content, encoding="utf-8")
    assert JobsReader(runs).names == ["cart"]


def test_a_mistake_is_never_remembered(runs: RunsFolder) -> None:
    write_jobs(runs.root, cart=cart_pole(algorithm="PPP"))
    for _ in range(2):
        reader = JobsReader(runs)
        with pytest.raises(InputError, match="did you mean PPO"):
            _ = reader.names
        reader.remember()
    assert not runs.cache("jobs").exists()


def test_a_missing_jobs_yaml_is_one_sentence_even_with_a_cache(runs: RunsFolder) -> None:
    reader = JobsReader(runs)
    _ = reader.names
    reader.remember()
    (runs.root / "jobs.yaml").unlink()
    with pytest.raises(InputError, match="does not exist"):
        _ = JobsReader(runs).names


def test_every_module_that_reads_a_job_is_watched() -> None:
    listing = (
        "import sys, runner.jobs.file; from runner.backends.registry import sections; sections()\n"
        "print(*(getattr(each, '__file__', '') for each in sys.modules.values()), sep='\\n')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", listing], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    ours = [
        path
        for path in answer.stdout.splitlines()
        if {ROOT / "job", ROOT / "runner", ROOT / "contract"} & {*Path(path).parents}
    ]
    assert len(ours) > 10
    watched = {each[0] for folder in jobs.READERS for each in jobs._sources_below(str(ROOT / folder))}  # noqa: SLF001
    assert {*ours} - watched == {str(ROOT / "runner" / "__init__.py")}  # a docstring
