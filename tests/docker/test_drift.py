from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from typing import TYPE_CHECKING

import account
import drift
import kaggle_list
import pytest
from drift import Verdict

from runner.backends.kaggle.calibration.facts import Facts
from tests import engine

if TYPE_CHECKING:
    from pathlib import Path

KAGGLES = """\
# a list
python==3.12.13        # seen
torch==2.10.0+cu128    # seen
numpy==2.0.2           # seen
Farama_Notifications==0.0.4
pandas==2.2.2          # base
setuptools>=70.0,<82   # pinned
segment-anything @ git+https://a.example/segment-anything@abc
box2d                  # absent
stable-baselines3      # absent
"""


@pytest.fixture
def theirs(tmp_path: Path) -> dict[str, kaggle_list.Listed]:
    path = tmp_path / "list.txt"
    path.write_text(KAGGLES, encoding="utf-8")
    return kaggle_list.read(path)


def test_the_report_tells_what_matters_first_and_why(theirs: dict[str, kaggle_list.Listed]) -> None:
    ours = {
        "python": "3.11.2",
        "torch": "2.10.0+cpu",
        "numpy": "2.4.6",
        "farama-notifications": "0.0.4",
        "setuptools": "81.0.0",
        "stable_baselines3": "2.9.2",
        "leftover": "1",
    }
    loaded = ["torch", "numpy", "Farama-Notifications", "stable_baselines3"]
    rows = [(row.name, row.verdict, row.matters) for row in drift.compare(theirs, ours, loaded)]
    assert rows == [
        ("numpy", Verdict.DIFFERS, True),
        ("python", Verdict.DIFFERS, True),
        ("stable-baselines3", Verdict.EXTRA, True),
        ("torch", Verdict.BUILD, True),
        ("farama-notifications", Verdict.SAME, True),
        ("leftover", Verdict.UNLISTED, False),
        ("pandas", Verdict.MISSING, False),
        ("segment-anything", Verdict.MISSING, False),
        ("setuptools", Verdict.SAME, False),
    ]


def test_the_table_is_for_people_and_ends_with_the_sum(theirs: dict[str, kaggle_list.Listed]) -> None:
    ours = {"torch": "2.10.0+cpu", "numpy": "2.4.6", "python": "3.12.13"}
    text = drift.render("image:tag", drift.compare(theirs, ours, ["torch", "numpy"]))
    lines = text.splitlines()
    assert lines[0].split() == ["package", "Kaggle", "image:tag", "loaded", "verdict"]
    assert lines[2].split() == ["numpy", "2.0.2", "2.4.6", "yes", "differs"]
    assert lines[-1] == "Of 3 packages that a session loads, 2 are Kaggle's."


@pytest.mark.parametrize(
    ("version", "wanted", "lies"),
    [
        ("81.0.0", ">=70.0,<82", True),
        ("82.0.0", ">=70.0,<82", False),
        ("69.9", ">=70.0,<82", False),
        ("70", ">=70.0", True),
        ("1.10", ">1.9", True),
        ("1", "@ git+https://a.example", False),
    ],
)
def test_a_range_of_the_list_is_a_range(version: str, wanted: str, lies: bool) -> None:
    assert drift.in_range(version, wanted) is lies


def test_what_a_session_loads_is_read_off_the_sources(tmp_path: Path) -> None:
    package = tmp_path / "trainer"
    package.mkdir()
    package.joinpath("one.py").write_text("import os, torch.nn\nfrom trainer import two\n", encoding="utf-8")
    package.joinpath("two.py").write_text("def late():\n    from gymnasium.spaces import Box\n", encoding="utf-8")
    assert drift.imports_of([package]) == ["gymnasium", "torch"]
    assert {"torch", "stable_baselines3", "pydantic"} <= set(drift.imports_of(drift.IN_A_SESSION))


def test_a_session_loads_none_of_what_only_the_users_side_needs() -> None:
    loaded = "import trainer.__main__, trainer.session, trainer.trial, sys; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert "trainer.session" in answer.stdout.split()
    assert not drift.NOT_LOADED_THERE & set(answer.stdout.split())


def test_the_probe_asks_a_module_for_its_build(tmp_path: Path) -> None:
    module, metadata = tmp_path / "built.py", tmp_path / "built_thing-1.2.dist-info"
    module.write_text("__version__ = '1.2+cu128'\nimport json\n", encoding="utf-8")
    metadata.mkdir()
    metadata.joinpath("METADATA").write_text(
        "Metadata-Version: 2.1\nName: Built_Thing\nVersion: 1.2\n", encoding="utf-8"
    )
    metadata.joinpath("top_level.txt").write_text("built\n", encoding="utf-8")
    command = [sys.executable, "-c", drift.PROBE, "built"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=True)
    found = json.loads(answer.stdout)
    assert found["packages"]["Built_Thing"] == "1.2+cu128"
    assert "Built_Thing" in found["loaded"]
    assert "pytest" in found["packages"]
    assert "pytest" not in found["loaded"]
    assert found["python"] == platform.python_version()


def test_an_image_that_is_not_there_gives_no_report_and_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    engine.image()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["drift.py", "kaggle-relay-none:1"])
        assert drift.main() == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith("kaggle-relay-none:1 could not be looked into (")
    assert complaint.endswith("): build it with make image, then run this again\n")


def test_the_cpu_image_is_kaggles_but_for_torch_and_python(capsys: pytest.CaptureFixture[str]) -> None:
    tag = engine.image()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["drift.py", tag])
        assert drift.main() == 0
    table = capsys.readouterr().out.partition("\n\n")[0]
    rows = [line.split(maxsplit=4) for line in table.splitlines()[2:]]
    mattering = {row[0]: row for row in rows if row[3] == "yes"}
    assert {"torch", "numpy", "gymnasium", "stable-baselines3", "pydantic", "python"} <= mattering.keys()
    differing = {name for name, row in mattering.items() if row[4] != "same"}
    if not mattering["python"][2].startswith("3.13"):
        assert differing - {"python"} == {"torch", "stable-baselines3", "sb3-contrib"}
    assert mattering["torch"][2].endswith("+cpu")


def test_a_line_that_names_no_package_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("numpy==2\n<html>\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"list\.txt, line 2: '<html>' names no package; expected NAME==VERSION"):
        kaggle_list.read(path)


@pytest.mark.parametrize("python", kaggle_list.LISTS)
def test_each_list_of_the_project_says_where_each_line_is_from(python: str) -> None:
    listed = kaggle_list.read(drift.FOLDER / kaggle_list.LISTS[python])
    sources = {each.source for each in listed.values()}
    assert {"base", "pinned", "absent"} <= sources <= {"seen", "base", "pinned", "absent"}
    assert all((each.version is None) == (each.source == "absent") for each in listed.values())
    assert str(listed["python"].exact).startswith(f"{python}.")
    assert str(listed["torch"].exact).endswith("+cu128")


def test_the_lists_are_about_the_same_packages() -> None:
    one, other = (kaggle_list.read(drift.FOLDER / name) for name in kaggle_list.LISTS.values())
    assert one.keys() == other.keys()


@pytest.mark.parametrize(
    ("wanted", "python", "name"),
    [
        (None, "3.13.1", "kaggle-packages-3.13.txt"),
        (None, "3.11.2", "kaggle-packages.txt"),
        ("3.13", "3.12.13", "kaggle-packages-3.13.txt"),
        ("freeze.txt", "3.12.13", "freeze.txt"),
    ],
)
def test_the_list_is_that_of_the_images_python_unless_another_is_asked_for(
    wanted: str | None, python: str, name: str
) -> None:
    assert drift.list_path(wanted, python).name == name


def test_which_image_an_account_runs_is_told_as_far_as_it_was_seen(tmp_path: Path) -> None:
    assert list(account.told(tmp_path, drift.FOLDER)) == [account.UNKNOWN]
    notes = tmp_path.joinpath(*account.NOTES)
    (notes / "kernels").mkdir(parents=True)
    facts = Facts("a", image="an.image/python", python="3.13.15", versions={"numpy": "2.1.4", "torch": "2.11.0+cpu"})
    facts.write(notes)
    ours = kaggle_list.image_of(drift.FOLDER / "kaggle-packages.txt")
    for name, image in (("relay-cart", ours), ("relay-other", "an.image/python@sha256:0"), ("relay-new", None)):
        (notes / "kernels" / f"{name}.json").write_text(json.dumps({"image": image}), encoding="utf-8")
    (notes / "kernels" / "relay-zero.json").write_text("[1]", encoding="utf-8")
    assert list(account.told(tmp_path, drift.FOLDER)) == [
        "Your account ran Python 3.13.15 in an.image/python.",
        "It is that of kaggle-packages-3.13.txt, but for numpy 2.1.4 (2.1.3).",
        f"The sessions of relay-cart run in {ours}: kaggle-packages.txt.",
        "The sessions of relay-other run in an.image/python@sha256:0: of which there is no list.",
    ]
