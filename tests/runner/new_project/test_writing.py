"""A small project of a user's own is written whole, or not at all."""

from __future__ import annotations

import json
import os
import re
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from docs.site import commands
from runner import command_line
from runner.new_project import requirement
from runner.new_project.requirement import OwnRequirement, own_requirement
from runner.new_project.writing import FILES, REQUIREMENTS_FILE, write_project

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def without_a_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel takes seconds to build, and tests/scenarios/test_own_repository.py builds one."""
    monkeypatch.setattr("runner.new_project.writing.own_requirement", lambda _: OwnRequirement("kaggle-relay==0.1.0"))


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(os.name != "posix", reason="quotes of a POSIX shell")
def test_what_comes_next_can_be_pasted_where_the_folder_has_a_space(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(tmp_path / "my lab")
    assert f"next: cd '{tmp_path / 'my lab'}' && make quick" in capsys.readouterr().out


def test_a_project_is_written_into_a_new_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["init", str(tmp_path / "research" / "lab")]) == 0
    assert files_below(tmp_path / "research" / "lab") == {REQUIREMENTS_FILE, *FILES}
    said = capsys.readouterr().out.splitlines()
    assert said[-1].startswith(f"next: cd {tmp_path / 'research' / 'lab'}")


def test_a_project_is_written_beside_what_is_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    kept = tmp_path / "tests" / "test_mine.py"
    kept.write_text("mine", encoding="utf-8")
    assert command_line.main(["init", str(tmp_path)]) == 0
    assert kept.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        (["dodo.py"], "holds dodo.py already, which would be overwritten"),
        (["jobs.yaml", "lab/__init__.py"], "holds jobs.yaml and 1 more already, which would be overwritten"),
        (["tests"], "holds tests already, which would be overwritten"),
    ],
)
def test_a_folder_with_a_file_of_that_name_is_refused_untouched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there: list[str], sentence: str
) -> None:
    for name in there:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine", encoding="utf-8")
    assert command_line.main(["init", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"{tmp_path}: {sentence}; name another folder, or move them away\n"
    assert files_below(tmp_path) == set(there)


def test_a_link_that_leads_nowhere_is_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "Makefile").symlink_to(tmp_path / "gone")
    assert command_line.main(["init", str(tmp_path)]) == 2
    assert [each.name for each in tmp_path.iterdir()] == ["Makefile"]


def test_a_file_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lab").write_text("mine", encoding="utf-8")
    assert command_line.main(["init", str(tmp_path / "lab")]) == 2
    assert "is a file, not a folder; name another folder" in capsys.readouterr().err


def test_what_is_written_is_told_to_doit_as_in_the_clone(tmp_path: Path) -> None:
    command_line.main(["init", str(tmp_path)])
    theirs, ours = (
        tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["doit"]
        for folder in (tmp_path, REPOSITORY)
    )
    assert theirs["plugins"].pop("loader") == {"relay": "kaggle_relay.loader:RelayLoader"}
    assert ours["plugins"].pop("loader") == {"relay": "runner.doit.loader:RelayLoader"}
    assert theirs == ours


def test_its_workflow_does_what_its_makefile_can(tmp_path: Path) -> None:
    command_line.main(["init", str(tmp_path)])
    workflow = yaml.safe_load((tmp_path / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    commands = [step["run"].split() for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    assert [command[:2] for command in commands] == [["make", "setup"], ["make", "test"], ["make", "quick"]]
    makefile = (tmp_path / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{command[1]}: $(READY" in makefile for command in commands)


def test_its_makefile_has_each_task_that_a_clones_has(tmp_path: Path) -> None:
    command_line.main(["init", str(tmp_path)])
    in_clone = {each.name for each in commands.targets((REPOSITORY / "Makefile").read_text("utf-8")) if each.task}
    makefile = (tmp_path / "Makefile").read_text(encoding="utf-8")
    there = {name for names in re.findall(r"^([a-z -]+): \$\(READY", makefile, re.MULTILINE) for name in names.split()}
    assert {"quick", "redo", "fresh"} <= in_clone <= there


class Installed:
    """kaggle-relay as an installer leaves it in a folder."""

    def __init__(self, home: Path) -> None:
        self._told = home / "kaggle_relay-0.7.dist-info"
        self._told.mkdir()
        (self._told / "METADATA").write_text("Metadata-Version: 2.1\nName: kaggle-relay\nVersion: 0.7\n", "utf-8")

    def came_from(self, **told: Any) -> None:
        (self._told / "direct_url.json").write_text(json.dumps(told), encoding="utf-8")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    home = tmp_path / "site-packages"
    home.mkdir()
    monkeypatch.setattr(requirement, "_HOME", home)
    return Installed(home)


def a_wheel(folder: Path) -> Path:
    wheel = folder / "kaggle_relay-0.7-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("runner/__init__.py", "")
    return wheel


SOURCES: dict[str, tuple[Callable[[Path], dict[str, Any] | None], str]] = {
    "an index": (lambda _: None, "kaggle-relay[report,export,tune]==0.7"),
    "a git repository": (
        lambda _: {"url": "https://host/relay.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
        "kaggle-relay[report,export,tune] @ git+https://host/relay.git@abc",
    ),
    "a web server": (
        lambda _: {"url": "https://host/kaggle_relay-0.7-py3-none-any.whl", "archive_info": {}},
        "kaggle-relay[report,export,tune] @ https://host/kaggle_relay-0.7-py3-none-any.whl",
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_new_project_gets_kaggle_relay_from_where_it_came(tmp_path: Path, installed: Installed, source: str) -> None:
    told, line = SOURCES[source]
    if (address := told(tmp_path)) is not None:
        installed.came_from(**address)
    assert own_requirement(tmp_path / "wheels") == OwnRequirement(line)
    assert not (tmp_path / "wheels").exists()


def test_a_wheel_from_this_machine_goes_into_the_project(tmp_path: Path, installed: Installed) -> None:
    wheel = a_wheel(tmp_path)
    installed.came_from(url=wheel.as_uri(), archive_info={})
    assert own_requirement(tmp_path / "wheels") == OwnRequirement(
        "kaggle-relay[report,export,tune]==0.7", is_in_wheels=True
    )
    assert (tmp_path / "wheels" / wheel.name).read_bytes() == wheel.read_bytes()


def test_of_a_wheel_that_is_gone_it_is_said_where_to_put_it(tmp_path: Path, installed: Installed) -> None:
    installed.came_from(url=(tmp_path / "gone.whl").as_uri(), archive_info={})
    found = own_requirement(tmp_path / "wheels")
    assert found.is_in_wheels
    assert found.note.startswith("wheels/ is empty: put the wheel of kaggle-relay into it")
