"""The shape of the code: who may import whom, and how long a module may grow."""

from __future__ import annotations

import ast
import graphlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("contract", "job", "trainer", "restore", "executors", "runner", "emulator", "kaggle_relay")
LONGEST_MODULE = 300
NAMED_BY_OTHERS = {"runner/backends/kaggle/api/connection.py: proxy_manager_for"}
"""Methods of a library's class that ours replace."""
LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir=None))"


def lint_imports(project: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter with the packages and the contracts of `project`."""
    command = [sys.executable, "-c", LINT_IMPORTS]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, encoding="utf-8", check=False)


UP = (
    ("trainer", "restore"),
    ("trainer", "runner"),
    ("restore", "runner"),
    ("trainer", "doit"),
    ("restore", "kagglesdk"),
    ("runner", "emulator"),
    ("trainer", "emulator"),
    ("emulator", "restore"),
    ("emulator", "runner.lineage"),
    ("emulator", "job.model"),
    ("executors", "runner.lineage"),
    ("contract", "job"),
    ("restore", "executors"),
)
"""Whose module may not import what."""


def wrong_module(importer: str, imported: str) -> str:
    """The module of a package that imports what it may not: each such import has one of its own."""
    return f"{importer}.wrong_{UP.index((importer, imported))}"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of a copy of the project in which all of these imports are."""
    project = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "pyproject.toml", project)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, project / package, ignore=shutil.ignore_patterns("__pycache__"))
    for importer, imported in UP:
        # An import for type checkers alone is one too.
        hidden = f"from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import {imported}\n"
        path = project.joinpath(*wrong_module(importer, imported).split(".")).with_suffix(".py")
        path.write_text(hidden, encoding="utf-8")
    result = lint_imports(project)
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stdout


def test_imports_point_down() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("importer", "imported"), UP)
def test_an_import_that_points_up_is_found(found: str, importer: str, imported: str) -> None:
    assert f"{wrong_module(importer, imported)} -> {imported} " in found


def imported(module: Path, modules: dict[str, Path]) -> set[str]:
    """Those of `modules` that a module imports, in whatever function and for whomever."""
    named: set[str] = set()
    for each in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(each, ast.Import):
            named |= {alias.name for alias in each.names}
        elif isinstance(each, ast.ImportFrom) and each.module:
            named |= {each.module, *(f"{each.module}.{alias.name}" for alias in each.names)}
    return named & modules.keys()


def test_no_two_modules_import_each_other_by_whatever_way() -> None:
    modules = {
        ".".join(module.relative_to(ROOT).with_suffix("").parts): module
        for package in PACKAGES
        for module in (ROOT / package).rglob("*.py")
    }
    graphlib.TopologicalSorter({name: imported(module, modules) for name, module in modules.items()}).prepare()


def test_modules_stay_short() -> None:
    modules = [module for package in PACKAGES for module in (ROOT / package).rglob("*.py")]
    too_long = [str(module) for module in modules if len(module.read_bytes().splitlines()) > LONGEST_MODULE]
    assert too_long == []


@pytest.mark.parametrize(
    "head",
    [
        head
        for package in (*PACKAGES, "bench", "docs")
        for head in sorted((ROOT / package).rglob("__init__.py"))
        if "template" not in head.parts
    ],
    ids=lambda head: head.parent.relative_to(ROOT).as_posix(),
)
def test_the_head_of_a_package_names_all_that_lies_in_it(head: Path) -> None:
    folder = head.parent
    told = ast.get_docstring(ast.parse(head.read_text(encoding="utf-8"))) or ""
    named = {name.rstrip("/") for name in re.findall(r"`([^`]+)`", told)}
    there = {each.stem for each in folder.glob("*.py")} | {each.parent.name for each in folder.glob("*/__init__.py")}
    assert there - {"__init__"} - named == set()


def test_no_function_is_named_by_half_a_sentence() -> None:
    # `time_for(job)` reads well where it is called and says nothing where it is imported.
    modules = [module for package in PACKAGES for module in (ROOT / package).rglob("*.py")]
    named = [
        f"{module.relative_to(ROOT).as_posix()}: {each.name}"
        for module in modules
        for each in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name.endswith(("_of", "_in", "_for"))
    ]
    assert sorted(set(named) - NAMED_BY_OTHERS) == []
