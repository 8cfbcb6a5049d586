"""Installed packages as bundles for a machine that lacks them."""

from __future__ import annotations

import importlib.metadata
import io
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from contract.errors import InputError
from contract.storage import files
from runner.backends.base import Provisions
from runner.backends.kaggle.kernels.metadata import LACKING
from runner.layout import RunsFolder
from runner.sources import OWN_FOLDERS, SourceReader
from runner.stages.package import package
from runner.wheels import make_bundle
from tests.runner.conftest import INPUTS, asked, job_json


def install(site: Path, name: str, files: dict[str, str], hashed: dict[str, str] | None = None) -> None:
    """A distribution in `site`, as an installer leaves it."""
    information = site / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    lines = [f"{information.name}/METADATA,,", f"{information.name}/RECORD,,"]
    for path, content in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(content, encoding="utf-8")
        lines.append(f"{path},{(hashed or {}).get(path, '')},")
    (information / "RECORD").write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize("name", LACKING)
def test_what_kaggles_image_lacks_is_imported_from_its_bundle(name: str, tmp_path: Path) -> None:
    file_name, content = make_bundle(name)
    assert file_name == f"{name}-{importlib.metadata.version(name)}.wheel.bundle"
    with zipfile.ZipFile(io.BytesIO(content)) as bundle:
        bundle.extractall(tmp_path)
    module = name.replace("-", "_")
    question = f"import importlib.util as u; print(u.find_spec({module!r}).origin)"
    found = subprocess.run(
        [sys.executable, "-c", question], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == str(tmp_path / module / "__init__.py")
    version = f"import importlib.metadata as m; print(m.version({name!r}))"
    told = subprocess.run(
        [sys.executable, "-c", version], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == importlib.metadata.version(name)


def test_equal_installations_give_equal_bytes() -> None:
    assert make_bundle("sb3-contrib") == make_bundle("sb3-contrib")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_file_that_was_changed_since_its_installation_is_named(site: Path) -> None:
    install(site, "edited", {"edited/__init__.py": "x = 2"}, {"edited/__init__.py": "sha256=AAAA"})
    with pytest.raises(InputError, match=r"package edited: edited/__init__.py is not the file that was installed"):
        make_bundle("edited")


def test_compiled_code_is_not_shipped_to_another_machine(site: Path) -> None:
    install(site, "compiled", {"compiled/__init__.py": "", "compiled/fast.so": ""})
    with pytest.raises(InputError, match="package compiled: holds compiled code"):
        make_bundle("compiled")


def test_what_is_not_installed_from_a_wheel_is_refused(site: Path) -> None:
    install(site, "linked", {"__editable__.linked.pth": "elsewhere"})
    for name in ("linked", "nothing-of-this-name"):
        with pytest.raises(InputError, match="is not installed"):
            make_bundle(name)


def test_a_bundle_holds_neither_scripts_nor_what_the_installer_adds(site: Path) -> None:
    files = {"plain/__init__.py": "", "plain/data.txt": "data", "../../bin/plain": "", "plain/__pycache__/a.pyc": ""}
    install(site / "lib" / "site", "plain", files)
    sys.path.insert(0, str(site / "lib" / "site"))
    try:
        with zipfile.ZipFile(io.BytesIO(make_bundle("plain")[1])) as bundle:
            assert bundle.namelist() == ["plain-1.0.dist-info/METADATA", "plain/__init__.py", "plain/data.txt"]
    finally:
        sys.path.remove(str(site / "lib" / "site"))


@pytest.mark.slow
def test_a_session_trains_where_the_packages_that_it_brings_are_not_installed(tmp_path: Path) -> None:
    lacking = tuple(name.replace("-", "_") for name in LACKING)
    machine = tmp_path / "site"
    machine.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(lacking):
            (machine / entry.name).symlink_to(entry)
    folder = RunsFolder(tmp_path).session("cart", 1)
    job = job_json(total_timesteps=64)
    sources = SourceReader(tmp_path / "none.json").read(OWN_FOLDERS)
    brought = Provisions(dict(map(make_bundle, LACKING)))
    package(folder, job=job, request=asked(goal=64), sources=sources, inputs=INPUTS, parent=None, provisions=brought)
    working = tmp_path / "working"
    working.mkdir()
    environment = {"PYTHONPATH": str(machine), "RELAY_INPUT": str(folder.package), "RELAY_WORKING": str(working)}
    # -S: without the packages of this interpreter.
    command = [sys.executable, "-S", str(folder.script)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    told = files.read_json(working / "training_metadata.json")
    assert told["goal_met"] is True
    assert told["libraries"]["stable-baselines3"] == importlib.metadata.version("stable-baselines3")
    without = subprocess.run(
        [sys.executable, "-S", "-c", "import stable_baselines3"], env=environment, capture_output=True, check=False
    )
    assert without.returncode != 0
