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
from job.model import parse_job
from runner.backends.registry import BACKENDS
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

    def spy(path: Path, *given: Any) -> Any:
        parsed.append(path)
        return original(path, *given)

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


def test_a_folder_that_has_gone_is_told_of_as_if_nothing_were_remembered(
    runs: RunsFolder, readings: list[Path]
) -> None:
    (runs.root / "maze").mkdir()
    write_jobs(runs.root, maze=cart_pole(sources=["maze"]), again=cart_pole(sources=["maze"]), cart=cart_pole())
    first = JobsReader(runs)
    first.job("maze")
    first.remember()
    (runs.root / "maze").rmdir()
    later = JobsReader(runs)
    assert later.job("cart")["full"]["name"] == "cart"
    for name in ("maze", "again"):
        with pytest.raises(InputError, match=rf"line \d+, jobs.{name}.sources.0: there is no such folder, found .maze"):
            later.job(name)
    assert len(readings) == 2
    (runs.root / "maze").touch()
    with pytest.raises(InputError, match="is a file, not a folder"):
        JobsReader(runs).job("maze")
    (runs.root / "maze").unlink()
    (runs.root / "maze").mkdir()
    assert JobsReader(runs).job("maze") == first.job("maze")


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


MANY = 10


def many(**otherwise: dict[str, Any]) -> dict[str, Any]:
    """So many jobs that they are known again in these tests; those that are given stand in the place of others."""
    return {f"job{seed}": cart_pole(seed=seed) for seed in range(MANY)} | otherwise


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs that were judged, where a few count as many already."""
    monkeypatch.setattr("runner.jobs.file.FEWEST", MANY - 1)
    names: list[str] = []

    def noting(entry: dict[str, Any], *model: Any) -> Any:
        names.append(entry["name"])
        return parse_job(entry, *model)

    monkeypatch.setattr("runner.jobs.file.parse_job", noting)
    return names


def read(runs: RunsFolder, jobs_of_file: dict[str, Any]) -> dict[str, Any]:
    """What a command reads of these jobs, which is remembered."""
    write_jobs(runs.root, **jobs_of_file)
    reader = JobsReader(runs)
    found = {name: reader.job(name) for name in reader.names}
    reader.remember()
    return found


def test_after_an_edit_only_those_of_many_jobs_are_judged_again_that_it_touches(
    runs: RunsFolder, judged: list[str]
) -> None:
    read(runs, many())
    judged.clear()
    edited = many(job7=cart_pole(seed=8), job8=cart_pole(seed=8.0), new=cart_pole(quick={"total_timesteps": 32}))
    del edited["job9"]
    found = read(runs, edited)
    assert {*judged} == {"job7", "job8", "new"}
    judged.clear()
    edited["last"] = cart_pole()
    assert read(runs, edited).items() > found.items()
    assert {*judged} == {"last"}
    judged.clear()
    runs.cache("jobs-stated").unlink()
    known_again = read(runs, {"first": cart_pole(), **edited})
    assert {*judged} == {"first", *edited}
    assert repr({name: known_again[name] for name in found}) == repr(found)


@pytest.mark.parametrize("change", ["of the defaults", "of the code", "of what is installed", "damage", "another's"])
def test_jobs_are_judged_again_where_anything_else_that_they_follow_from_is_otherwise(
    runs: RunsFolder, judged: list[str], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    read(runs, many())
    judged.clear()
    if change == "of the defaults":
        text = (runs.root / "jobs.yaml").read_text(encoding="utf-8")
        (runs.root / "jobs.yaml").write_text(f"{text}\ndefaults: {{session_limit: 1h}}\n", encoding="utf-8")
        _ = JobsReader(runs).names
        assert {*judged} == {*many()}
        return
    if change == "of the code":
        monkeypatch.setattr(jobs, "READERS", jobs.READERS[:-1])
    elif change == "of what is installed":
        monkeypatch.setattr(jobs, "installed", lambda: "another set")
    elif change == "damage":
        runs.cache("jobs-stated").write_bytes(runs.cache("jobs-stated").read_bytes()[:-9])
    else:  # the jobs were remembered again, and what was stated of them was not
        kept = runs.cache("jobs-stated").read_bytes()
        read(runs, many(job7=cart_pole(seed=70)))
        runs.cache("jobs-stated").write_bytes(kept)
        judged.clear()
    read(runs, many(new=cart_pole()))
    assert {*judged} == {*many(), "new"}


def test_jobs_are_judged_again_where_a_distribution_brings_a_backend(
    runs: RunsFolder, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read(runs, many())
    monkeypatch.setattr(jobs, "known_backends", lambda: (*BACKENDS, "brought"))
    judged.clear()
    read(runs, many(new=cart_pole()))
    assert {*judged} == {*many(), "new"}


def test_a_folder_of_sources_is_looked_at_whether_its_job_is_known_or_not(runs: RunsFolder, judged: list[str]) -> None:
    folder = runs.root / "lab"
    folder.mkdir()
    read(runs, many(job7=cart_pole(sources=["lab"])))
    folder.rmdir()
    judged.clear()
    write_jobs(runs.root, **many(job7=cart_pole(sources=["lab"]), new=cart_pole()))
    with pytest.raises(InputError, match="there is no such folder"):
        JobsReader(runs).job("job7")
    assert {*judged} == {"new"}


def test_a_mistake_is_told_of_as_ever_where_the_other_jobs_are_known(runs: RunsFolder, judged: list[str]) -> None:
    read(runs, many())
    judged.clear()
    write_jobs(runs.root, **many(job7=cart_pole(algorithm="PPP")))
    with pytest.raises(InputError, match="did you mean PPO"):
        _ = JobsReader(runs).names
    assert {*judged} == {"job7"}


def test_few_jobs_are_judged_sooner_than_known_again(runs: RunsFolder, judged: list[str]) -> None:
    jobs_of_file = dict([*many().items()][: MANY - 2])
    read(runs, jobs_of_file)
    assert not runs.cache("jobs-stated").exists()
    judged.clear()
    read(runs, {**jobs_of_file, "new": cart_pole()})
    assert {*judged} == {*jobs_of_file, "new"}
    assert runs.cache("jobs-stated").exists()
