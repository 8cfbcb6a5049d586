"""Packages of a job become wheels for a place: chosen by pip, locked, and refused in one sentence."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from contract.errors import InputError
from contract.storage import files
from runner.backends.kaggle import place as kaggle
from runner.layout import RunsFolder
from runner.packages.carrying import as_payload, find_wheels
from runner.packages.lockfile import read_lock
from runner.packages.places import Place, linux, this_machine
from runner.stages import session_script
from tests.wheels import index_of_gridlab, make_gridlab, make_wheel, pip_finds_only

ROOT = Path(__file__).resolve().parents[2]
KAGGLE = Place("there-3.12", "Python 3.12 there", {"numpy": "2.0.2", "gymnasium": "1.3.0"}, "3.12", linux(35))
JOB = {"name": "walk"}


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return index_of_gridlab(tmp_path / "index", monkeypatch)


@pytest.fixture
def runs(tmp_path: Path) -> RunsFolder:
    return RunsFolder(tmp_path)


@pytest.fixture(scope="module")
def once_chosen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose wheels pip has chosen, and the index that it chose them from."""
    root = tmp_path_factory.mktemp("chosen")
    (root / "project").mkdir()
    with pytest.MonkeyPatch.context() as patched:
        index_of_gridlab(root / "index", patched)
        find_wheels(RunsFolder(root / "project"), JOB, ["gridlab"], [KAGGLE])
    return root


@pytest.fixture
def chosen(once_chosen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunsFolder:
    """A copy of that project, beside a copy of the index."""
    shutil.copytree(once_chosen, tmp_path, dirs_exist_ok=True)
    pip_finds_only(tmp_path / "index", monkeypatch)
    return RunsFolder(tmp_path / "project")


def names(wheels: list[Path]) -> list[str]:
    return [each.name for each in wheels]


def test_what_a_package_needs_comes_along_and_what_the_place_has_does_not(index: Path, runs: RunsFolder) -> None:
    wheels = find_wheels(runs, JOB, ["gridlab>=1"], [KAGGLE])
    assert names(wheels) == ["gridlab-1.2-py3-none-any.whl", "gridtools-0.3-py3-none-any.whl"]
    assert [each.read_bytes() for each in wheels] == [(index / name).read_bytes() for name in names(wheels)]
    (locked,) = read_lock(runs.packages_lock).locked
    assert locked.versions == {"gridlab": "1.2"}
    assert {each.sha256 for each in locked.wheels} == {files.sha256_of_file(each) for each in wheels}


def test_the_lock_holds_when_a_newer_version_comes_out(chosen: RunsFolder, tmp_path: Path) -> None:
    make_gridlab(tmp_path / "index", "2.0")
    first = find_wheels(chosen, JOB, ["gridlab"], [KAGGLE])
    assert names(first) == ["gridlab-1.2-py3-none-any.whl", "gridtools-0.3-py3-none-any.whl"]
    # In another place too, and where nothing of it is kept.
    for each in first:
        each.unlink()
    elsewhere = find_wheels(chosen, JOB, ["gridlab"], [KAGGLE, this_machine()])
    assert names(elsewhere) == names(first)
    assert read_lock(chosen.packages_lock).pinned(["gridlab"]) == ["gridlab==1.2"]


def test_a_wheel_that_is_not_the_one_that_was_locked_is_refused(chosen: RunsFolder, tmp_path: Path) -> None:
    first = find_wheels(chosen, JOB, ["gridlab"], [KAGGLE])
    first[1].unlink()
    make_gridlab(tmp_path / "index", length=7)
    with pytest.raises(
        InputError, match=r"gridtools-0.3-py3-none-any.whl cannot be had with the digest in packages.lo"
    ):
        find_wheels(chosen, JOB, ["gridlab"], [KAGGLE])


@pytest.mark.parametrize(
    ("package", "sentence"),
    [
        ("nowhere==1.0", "for Python 3.12 there no wheel of nowhere==1.0 can be had"),
        pytest.param(
            *("gridlab==9", "for Python 3.12 there no wheel of gridlab==9 can be had"),
            marks=pytest.mark.long("pip says of a version that is not there what it says of a package that is not"),
        ),
        ("sourced", "for Python 3.12 there no wheel of sourced can be had"),
        ("compiled", "for Python 3.12 there no wheel of compiled can be had"),
        ("needy", r"for Python 3.12 there would replace numpy 2.0.2, which is there \(needy 1.0 needs numpy<2\)"),
        ("numpy==1.26.4", r"would replace numpy 2.0.2, which is there \(numpy==1.26.4 is asked for\)"),
    ],
)
def test_what_has_no_wheel_for_the_place_is_refused_by_name(
    package: str, sentence: str, index: Path, runs: RunsFolder
) -> None:
    (index / "sourced-1.0.tar.gz").write_bytes(b"")
    make_wheel(index, "compiled", "1.0", {}, tag="cp311-cp311-manylinux_2_17_x86_64")
    make_wheel(index, "needy", "1.0", {}, ["numpy<2"])
    make_wheel(index, "numpy", "1.26.4", {})
    with pytest.raises(InputError, match=sentence) as refused:
        find_wheels(runs, JOB, [package], [KAGGLE])
    assert str(refused.value).startswith("job walk, key packages: ")
    assert not runs.packages_lock.exists()


def test_a_lock_that_cannot_be_read_says_so(runs: RunsFolder) -> None:
    runs.packages_lock.write_text('{"locked": 1}', encoding="utf-8")
    with pytest.raises(InputError, match=r"packages.lock: cannot be read as the lock of packages"):
        find_wheels(runs, JOB, ["gridlab"], [KAGGLE])


def test_compiled_wheels_are_carried_for_each_python_and_the_one_that_fits_is_unpacked(
    index: Path, runs: RunsFolder, tmp_path: Path
) -> None:
    here = sys.version_info.minor
    pythons = (here, here + 1)
    for minor in pythons:
        tag = f"cp3{minor}-cp3{minor}-manylinux_2_17_x86_64"
        make_wheel(index, "fast", "1.0", {"fast.py": f"MINOR = {minor}", "fast-1.0.data/purelib/more.py": ""}, tag=tag)
    places = [Place(f"there-{each}", "there", {}, f"3.{each}", linux(35)) for each in pythons]
    payload = as_payload(find_wheels(runs, JOB, ["fast"], places))
    assert len(payload) == 2
    given = tmp_path / "given"
    given.mkdir()
    for name, content in payload.items():
        (given / name).write_bytes(content)
    if platform.machine() != "x86_64":
        pytest.skip("a wheel for another machine")
    session_script.bring_wheels({name: given / name for name in payload}, tmp_path / "unpacked")
    assert (tmp_path / "unpacked" / "fast.py").read_text(encoding="utf-8") == f"MINOR = {here}"
    assert (tmp_path / "unpacked" / "more.py").exists()
    other = {name: given / name for name in payload if f"cp3{here}" not in name}
    with pytest.raises(SystemExit, match="package fast: no wheel of it that was packaged fits Python"):
        session_script.bring_wheels(other, tmp_path / "nothing")


def test_what_kaggle_has_is_what_the_lists_of_its_images_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docker"))
    import kaggle_list  # noqa: PLC0415 - docker/ is no package

    assert list(kaggle_list.LISTS) == list(kaggle.HAS)
    for python, name in kaggle_list.LISTS.items():
        listed = kaggle_list.read(ROOT / "docker" / name).values()
        assert kaggle.HAS[python] == {each.name: each.exact for each in listed if each.exact and each.name != "python"}


def test_a_session_knows_a_wheel_by_the_name_that_it_is_packaged_under(chosen: RunsFolder, tmp_path: Path) -> None:
    payload = as_payload(find_wheels(chosen, JOB, ["gridlab"], [KAGGLE]))
    assert all(map(session_script.is_wheel, payload))
    assert not any(name.endswith(session_script.PACKAGE_SUFFIX) for name in payload)
    assert zipfile.is_zipfile(tmp_path / "index" / "gridlab-1.2-py3-none-any.whl")


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_project_that_may_only_be_read_says_what_would_be_written(runs: RunsFolder) -> None:
    runs.root.chmod(0o500)
    try:
        with pytest.raises(
            InputError, match=r"packages.lock: is to say which wheels were chosen, and cannot be written"
        ):
            find_wheels(runs, JOB, ["gridlab"], [KAGGLE])
    finally:
        runs.root.chmod(0o700)
