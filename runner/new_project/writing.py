"""Writes the project: a fixed list of files, none of which may be there."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from contract.errors import InputError
from contract.events import say
from contract.storage import files
from runner.new_project.requirement import WHEELS, own_requirement

if TYPE_CHECKING:
    from runner.new_project.requirement import OwnRequirement

_TEMPLATE = Path(__file__).with_name("template")
FILES = {
    ".github/workflows/ci.yml": "ci.yml",
    ".gitignore": "gitignore",
    **{
        name: name
        for name in (
            "Makefile",
            "README.md",
            "dodo.py",
            "jobs.yaml",
            "lab/__init__.py",
            "lab/balance.py",
            "pyproject.toml",
            "tests/test_balance.py",
        )
    },
}
"""The files of a project, and what each is called in the template, where a name with a dot would count."""
REQUIREMENTS_FILE = "requirements.txt"
_NEXT_STEPS = "make quick" if os.name == "posix" else "follow README.md"


def write_project(folder: Path) -> None:
    """Write a project into `folder`, which is made where it is not there, and say what comes next.

    Raises:
        InputError: a file of it is there already, or none can be there; nothing was written then.
    """
    names = [REQUIREMENTS_FILE, *FILES]
    _refuse_what_is_there(folder, names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        requirement = own_requirement(folder / WHEELS)
        for name, template in FILES.items():
            _write(folder / name, (_TEMPLATE / template).read_text(encoding="utf-8"))
        _write(folder / REQUIREMENTS_FILE, _requirements(requirement))
    except OSError as error:
        problem = f"cannot be written to ({error.strerror})"
        raise InputError(str(folder), problem, "name a folder that you may write to") from None
    say(f"{folder}: wrote {', '.join(sorted(names))}")
    if requirement.note:
        say(f"{folder}: {requirement.note}")
    there = shlex.quote(str(folder)) if os.name == "posix" else f'"{folder}"' if " " in str(folder) else folder
    say(f"next: cd {there} && {_NEXT_STEPS}")


def _refuse_what_is_there(folder: Path, names: list[str]) -> None:
    below = {parent.as_posix() for name in names for parent in Path(name).parents} - {"."}
    in_the_way = sorted(
        [name for name in names if os.path.lexists(folder / name)]
        + [name for name in below if os.path.lexists(folder / name) and not (folder / name).is_dir()]
    )
    if os.path.lexists(folder) and not folder.is_dir():
        raise InputError(str(folder), "is a file, not a folder", "name another folder")
    if in_the_way:
        more = f" and {len(in_the_way) - 1} more" if len(in_the_way) > 1 else ""
        problem = f"holds {in_the_way[0]}{more} already, which would be overwritten"
        raise InputError(str(folder), problem, "name another folder, or move them away")


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    files.write_bytes(target, text.encode())


def _requirements(requirement: OwnRequirement) -> str:
    lines = [f"--find-links {WHEELS}", ""] if requirement.is_in_wheels else []
    return "\n".join([*lines, requirement.line, "pytest>=8", ""])
