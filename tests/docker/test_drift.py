from __future__ import annotations

from typing import TYPE_CHECKING

import drift
import kaggle_list
import pytest
from drift import Verdict

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
    assert drift.imports_of(package) == ["gymnasium", "torch"]
    assert {"torch", "stable_baselines3", "pydantic"} <= set(drift.imports_of(drift.TRAINER))


def test_a_line_that_names_no_package_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("numpy==2\n<html>\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"list\.txt, line 2: '<html>' names no package; expected NAME==VERSION"):
        kaggle_list.read(path)


def test_the_projects_list_says_where_each_line_is_from() -> None:
    listed = kaggle_list.read(drift.FOLDER / "kaggle-packages.txt")
    assert {each.source for each in listed.values()} == {"seen", "base", "pinned", "absent"}
    assert all((each.version is None) == (each.source == "absent") for each in listed.values())
    assert listed["torch"].exact == "2.10.0+cu128"
