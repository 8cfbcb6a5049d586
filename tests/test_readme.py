"""What the documents tell people to type or to open exists, and their links lead somewhere."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "bench/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
PACKAGES = "contract|job|trainer|restore|executors|runner|emulator"
FOLDERS = rf"{PACKAGES}|kaggle_relay|bench|docker|docs|tests|\.ci"
A_FILE = rf"(?<![\w./<-])((?:{FOLDERS})/(?:[\w./-]*(?:\.(?:py|sh|md|txt|lock)|/))?)(?![\w.*<-])"
A_MODULE = rf"`(?!\w+\.(?:json|yaml)`)((?:{PACKAGES})(?:\.[a-z_]+)+)(?:[:(][^`]*)?`"
A_TABLE_OF_MODULES = r"^\| module of `([\w/]+)/` \|.*\n\|[-|]+\n((?:\|.*\n)+)"


def test_every_make_target_and_doit_task_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"\bmake (\w+)", README)) - {"and"}
    assert named
    assert named <= targets

    listed = subprocess.run(
        [sys.executable, "-m", "doit", "list", "--quiet"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    asked = set(re.findall(r"`doit ([\w-]+)", README))
    commands = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["doit"]["plugins"][
        "command"
    ]
    assert asked
    assert asked <= {*listed.stdout.split(), *commands}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_of_a_document_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if not (document.parent / link).exists()]
    assert missing == []


def source_files(text: str) -> set[str]:
    """The paths of files and folders of ours that a document names."""
    return set(re.findall(A_FILE, text))


def modules(text: str) -> set[str]:
    """What a document names as `package.module` or `package.module.function`, in backticks."""
    return set(re.findall(A_MODULE, text))


def modules_in_tables(text: str) -> set[str]:
    """The paths of what stands in the first column of a table of modules, without their suffix."""
    return {
        f"{folder}/{name.rstrip('/')}"
        for folder, rows in re.findall(A_TABLE_OF_MODULES, text, flags=re.MULTILINE)
        for row in rows.splitlines()
        for name in re.findall(r"`([\w/]+)`", row.split("|")[1])
    }


def is_there(name: str) -> bool:
    """Whether there is a module, or a function or class of one, of that name."""
    *parents, last = name.split(".")
    if is_module(name):
        return True
    holder = ROOT.joinpath(*parents)
    source = holder / "__init__.py" if holder.is_dir() else holder.with_suffix(".py")
    return (
        source.exists() and re.search(rf"^(?:def|class) {last}\b", source.read_text("utf-8"), re.MULTILINE) is not None
    )


def is_module(name: str) -> bool:
    """Whether there is a module or a package of that name."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_source_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    missing = {path for path in source_files(text) if not (ROOT / path).exists()}
    missing |= {name for name in modules(text) if not is_there(name)}
    missing |= {path for path in modules_in_tables(text) if not is_module(path.replace("/", "."))}
    assert missing == set()


def modules_in_head(text: str) -> set[str]:
    """What the head of a package tells of: the names in front of a colon, as in "`one`, `two`: what they do"."""
    told = re.findall(r"((?:`[\w/]+`(?:, | and |,\n|\n)?)+):", text)
    return {name.rstrip("/") for each in told for name in re.findall(r"`([\w/]+)`", each)}


@pytest.mark.parametrize(
    "package",
    sorted(path.parent for name in PACKAGES.split("|") for path in (ROOT / name).rglob("__init__.py")),
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_the_head_of_a_package_tells_of_modules_that_exist(package: Path) -> None:
    head = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    missing = {
        name for name in modules_in_head(head) if not is_module(".".join(package.relative_to(ROOT).parts) + f".{name}")
    }
    assert missing == set()


def test_the_names_of_sources_are_found_in_documents() -> None:
    text = """
Look into `runner/gone.py`, `trainer/nowhere/` and (docker/lost.sh), not into `runs/.cache/x.py`, `docker/*.lock` or
`trainer/<name>.py`; call `restore.gone.now(path)`, open `emulator.db` with `trainer.envs:TrafficLight-v0`.

| module of `trainer/` | what it does |
|---|---|
| `session`, `lost` | `nothing` |
| `checkpoint/` | something |

| another table | |
|---|---|
| `other` | |
"""
    assert source_files(text) == {"runner/gone.py", "trainer/nowhere/", "docker/lost.sh", "trainer/"}
    assert modules(text) == {"restore.gone.now", "emulator.db", "trainer.envs"}
    assert modules_in_tables(text) == {"trainer/session", "trainer/lost", "trainer/checkpoint"}
    head = "Things.\n\n`one`, `two/`: what they do with `three`. `four`,\n`five`: that. `six` is told of."
    assert modules_in_head(head) == {"one", "two", "four", "five"}
    assert is_there("restore.integrity.inspect_checkpoint")
    assert is_there("trainer.envs")
    assert not is_there("restore.integrity.gone")
    assert not is_there("restore.gone.now")


def test_the_ways_through_the_code_name_each_file() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").partition("## Four ways through the code")[2]
    ways = [way for way in re.split(r"^### ", text.partition("\n## ")[0], flags=re.MULTILINE) if "'s way" in way]
    assert [way.partition("'s way")[0] for way in ways] == [
        "A checkpoint",
        "A session key",
        "A log line",
        "A status answer",
    ]
    assert all(len({path for path in source_files(way) if path.endswith(".py")}) >= 5 for way in ways)
