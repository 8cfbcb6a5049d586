"""The reference of all commands: `python -m docs.site.commands` writes its tables anew into docs/commands.md.

They are made of what the commands say of themselves: the tasks of `runner/doit/tasks.py`, the targets of the Makefile,
and the program `kaggle-relay`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from contract.storage import files
from runner.doit import tasks
from runner.doit.creators import Creator
from runner.doit.selection import STAGES, TASKS_WITH_STUDIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "commands.md"
BEGIN, END = "<!-- commands: made by `python -m docs.site.commands` -->", "<!-- commands: end -->"
_TARGET = re.compile(r"^(?P<name>[a-z-]+):.*## (?P<doc>.*)\n(?P<recipe>(?:\t.*\n)*)", re.MULTILINE)
_TASK_OF_TARGET = re.compile(r"\$\(DOIT\) (?P<task>[a-z_]+)\$\(OF_JOB\)")
_WITHOUT_MAKE = (
    (re.compile(r"\$\(CHECK\) (?P<rest>[a-z]+(?: [\w/]+)?)"), r"python develop.py \g<rest>"),
    (re.compile(r"@\$\(SETUP\)(?P<rest>(?: lock)?)"), r"python develop.py\g<rest>"),
    (re.compile(r"@\$\(IMAGE\)$", re.MULTILINE), "python docker/image.py"),
    (re.compile(r'(?P<rest>docker/drift\.py) "kaggle-relay:\$\(PROFILE\)"'), r"python \g<rest> kaggle-relay:cpu"),
    (re.compile(r'@"\$\(or \$\(PYTHON\),python3\)" (?P<rest>docker/\w+\.py)'), r"python \g<rest>"),
    (re.compile(r"@\.venv/bin/python (?P<rest>(?:-m )?[\w/.]+)"), r".venv\\Scripts\\python \g<rest>"),
)
"""What a recipe has the shell do, and the same where there is no make."""


def reference(makefile: str) -> str:
    """The tables, as Markdown.

    Args:
        makefile: its text.
    """
    target_of = {each.task: each.name for each in targets(makefile) if each.task is not None}
    known = {name.removeprefix("task_"): each for name, each in vars(tasks).items() if isinstance(each, Creator)}
    of_tasks = [
        (
            f"`doit {name}`, `doit {name}:{'study' if name in TASKS_WITH_STUDIES else 'job'}`",
            f"`make {target_of[name]}`" if name in target_of else "",
            each.doc.strip(),
        )
        for name, each in known.items()
        if name not in STAGES
    ]
    of_stages = [(f"`{name}`", known[name].doc.strip()) for name in STAGES]
    of_targets = [
        (f"`make {each.name}`", f"{each.doc}.", f"`{each.without_make}`" if each.without_make else "")
        for each in targets(makefile)
        if each.task is None
    ]
    return "\n\n".join(
        (
            "## Of a project\n\n" + _table(("doit", "make", "what it does"), of_tasks),
            "## Stages\n\nThe above come past them; `doit package:job:0002` asks for one.\n\n"
            + _table(("stage", "what it does"), of_stages),
            "## Of a checkout\n\n" + _table(("make", "what it does", "without make"), of_targets),
        )
    )


class Target(NamedTuple):
    """A target of the Makefile.

    Args:
        name: of it.
        doc: what it says that it does.
        task: the one that it gives to doit.
        without_make: what does the same where there is no make.
    """

    name: str
    doc: str
    task: str | None
    without_make: str | None


def targets(makefile: str) -> Iterator[Target]:
    """What people type with make: each target that says what it does.

    Args:
        makefile: its text.
    """
    for found in _TARGET.finditer(makefile):
        recipe = found["recipe"]
        task = _TASK_OF_TARGET.search(recipe)
        commands = (each.expand(same) for recipe_has, same in _WITHOUT_MAKE if (each := recipe_has.search(recipe)))
        yield Target(found["name"], found["doc"].strip(), task["task"] if task else None, next(commands, None))


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def with_reference(page: str, makefile: str) -> str:
    """The page, with the tables as they should be.

    Raises:
        ValueError: it has no place for them.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{reference(makefile)}\n\n{END}{after}"


if __name__ == "__main__":
    page = with_reference(PAGE.read_text(encoding="utf-8"), (ROOT / "Makefile").read_text(encoding="utf-8"))
    files.write_bytes(PAGE, page.encode())
    sys.stdout.write(f"{PAGE}\n")
