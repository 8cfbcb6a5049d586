"""The reference of all commands: `python -m docs.site.commands` writes its tables anew into docs/commands.md.

They are made of what the commands say of themselves: the tasks of `runner/doit/tasks.py`, the targets of the Makefile,
and the program `kaggle-relay`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from contract.storage import files
from runner.doit import tasks
from runner.doit.creators import Creator
from runner.doit.selection import STAGES, TASKS_ABOUT_ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "commands.md"
BEGIN, END = "<!-- commands: made by `python -m docs.site.commands` -->", "<!-- commands: end -->"
_TARGET = re.compile(r"^(?P<name>[a-z-]+):.*## (?P<doc>.*)\n(?P<recipe>(?:\t.*\n)*)", re.MULTILINE)
_TASK_OF_TARGET = re.compile(r"\$\(DOIT\) (?P<task>[a-z_]+)\$\(OF_JOB\)")


def reference(makefile: str) -> str:
    """The tables, as Markdown.

    Args:
        makefile: its text.
    """
    target_of = {task: name for name, _, task in _targets(makefile) if task is not None}
    known = {name.removeprefix("task_"): each for name, each in vars(tasks).items() if isinstance(each, Creator)}
    of_tasks = [
        (_asked_for(name), f"`make {target_of[name]}`" if name in target_of else "", each.doc.strip())
        for name, each in known.items()
        if name not in STAGES
    ]
    of_stages = [(f"`{name}`", known[name].doc.strip()) for name in STAGES]
    of_targets = [(f"`make {name}`", f"{doc}.") for name, doc, task in _targets(makefile) if task is None]
    return "\n\n".join(
        (
            "## Of a project\n\n" + _table(("doit", "make", "what it does"), of_tasks),
            "## Stages\n\nThe above come past them; `doit package:job:0002` asks for one.\n\n"
            + _table(("stage", "what it does"), of_stages),
            "## Of a checkout\n\n" + _table(("make", "what it does"), of_targets),
        )
    )


def _asked_for(task: str) -> str:
    return f"`doit {task}`" if task in TASKS_ABOUT_ALL else f"`doit {task}`, `doit {task}:job`"


def _targets(makefile: str) -> Iterator[tuple[str, str, str | None]]:
    """Each target that says what it does: its name, that, and the task that it gives to doit."""
    for found in _TARGET.finditer(makefile):
        task = _TASK_OF_TARGET.search(found["recipe"])
        yield found["name"], found["doc"].strip(), task["task"] if task else None


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
