"""What the documents tell people to type reads the same in a shell and in PowerShell, or stands there for both."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from docs.site import commands
from tests.documents.pages import CRON, DOCUMENTS, POWERSHELL, blocks
from tests.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

A_SPAN_OF_WINDOWS = r"`((?:\.venv\\Scripts\\doit|python) [^`]+)`"
DIFFERENT: Final[dict[str, str]] = {
    "sets a variable for one command": r"^\w+=\S* +\S",
    "sets a variable": r"^export ",
    "asks for the environment or for what a command prints": r"\$(?:[({?!]|[A-Z_]+\b)",
    "goes on in the next line": r"\\$",
    "holds two commands, for which Windows PowerShell 5.1 has no sign": r"&&|\|\|",
    "writes a file, which Windows PowerShell 5.1 does in UTF-16": r"(?:^|\s)\d?>>?(?!&)\s*[\w./~]",
    "names .venv/bin": r"\.venv/bin/",
    "is a line of a shell's program": r"^(?:case|for|if|while|source|\.) |;;",
    "is a line of cron's": f"^{CRON}",
    "is a program that Windows has not, or that is another one there": (
        r"^(?:sudo|chmod|cat|touch|curl|python3|tail|grep|sed|rm -\w+|cp -\w+|mkdir -p)\b"
    ),
}
"""What of a command PowerShell takes otherwise."""
ONLY_ELSEWHERE = {"engine", "bench", "clean", "help"}
"""Targets of the Makefile that nobody needs on Windows, or that are a line of a shell."""


def lonely(text: str) -> list[str]:
    """The commands of a page that PowerShell takes otherwise, and that no block for PowerShell follows."""
    found, following = [], ""
    for block in reversed([*blocks(text)]):
        if following != POWERSHELL:
            found += [
                f"line {block.line}, {command!r} {what}: write what both read, or a block `{POWERSHELL}` behind it"
                for command in block.commands()
                for what, pattern in DIFFERENT.items()
                if re.search(pattern, command)
            ]
        following = block.kind
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_command_that_powershell_takes_otherwise_stands_there_for_it_too(document: Path) -> None:
    assert lonely(document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "command",
    [
        "A=1 doit plan",
        "export A=1",
        "$ export A=1",
        "doit plan $(cat jobs)",
        "doit logs:$JOB",
        "docker run \\",
        "cd lab && make quick",
        "doit plan --json > plan.json",
        "doit resume >> resume.log 2>&1",
        "source .venv/bin/activate",
        ".venv/bin/doit plan",
        "rm -rf runs",
        "mkdir -p ~/.kaggle",
        "curl http://127.0.0.1:8000/",
        "*/30 * * * * doit resume wait=no",
    ],
)
def test_what_powershell_takes_otherwise_is_found(command: str) -> None:
    for_shell = f"```sh\n{command}\n```\n"
    assert lonely(for_shell)
    assert lonely(f"1. A step:\n\n   {for_shell}".replace("\n```\n", "\n   ```\n"))
    assert lonely(for_shell + "Or:\n\n```powershell\ndoit\n```\n") == []


@pytest.mark.parametrize(
    "command",
    [
        'doit plan "lights-*"',
        "doit resume wait=no    # from cron: exit code 75 > 0 while something goes on",
        "git clone <this repository> kaggle-relay",
        "make run BACKEND=docker",
        "doit verify only=checkpoints,lineages",
        "tensorboard --logdir runs/.tensorboard",
    ],
)
def test_what_both_shells_read_alike_needs_to_stand_there_once(command: str) -> None:
    assert lonely(f"```sh\n{command}\n```\n") == []


def test_in_a_block_without_a_kind_commands_are_told_from_what_they_print() -> None:
    printed = "export    lights  runs/lights/export/: README.md > model.onnx\nruns/.cache/  > anything\n"
    assert lonely(f"```\n{printed}```\n") == []
    assert lonely("```\nmake quick && make run\n```\n")
    assert lonely(f"```\n$ make export\n{printed}```\n") == []


def made_by_make() -> dict[str, commands.Target]:
    """The targets of the Makefile by their names."""
    return {each.name: each for each in commands.targets((ROOT / "Makefile").read_text(encoding="utf-8"))}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_make_that_is_to_be_typed_has_a_form_without_make(document: Path) -> None:
    known = made_by_make()
    for block in blocks(document.read_text(encoding="utf-8")):
        for command in block.commands():
            words = shlex.split(command)
            for name in [word for word in words[1:] if "=" not in word] if words[:1] == ["make"] else []:
                assert known[name].task or known[name].without_make or name in ONLY_ELSEWHERE, command


def test_how_make_reads_on_windows_is_said_once_and_the_readme_leads_there() -> None:
    saying = [page.name for page in DOCUMENTS if "\n## On Windows\n" in page.read_text(encoding="utf-8")]
    assert saying == ["commands.md"]
    assert "docs/commands.md#on-windows" in (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## ")[0]


def words_of(command: str) -> list[str]:
    """A command without how its program is reached: doit, a script of ours, and what is given to it."""
    words = shlex.split(command.replace("\\", "/"))
    at = next(place for place, word in enumerate(words) if word.endswith((".py", "/doit")) or word == "doit")
    return [words[at].removeprefix(".venv/Scripts/"), *words[at + 1 :]]


def said_of_windows() -> dict[str, list[list[str]]]:
    """Each `make` of the section on Windows, and the commands that are to be written there instead."""
    section = commands.PAGE.read_text(encoding="utf-8").partition("\n## On Windows\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(make [^`]+)` \| (.*) \|$", section, re.MULTILINE)
    return {make: [words_of(each) for each in re.findall(A_SPAN_OF_WINDOWS, instead)] for make, instead in rows}


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize("make", sorted(said_of_windows()))
def test_what_is_to_be_written_on_windows_is_what_make_does(make: str) -> None:
    asked = [*shlex.split(make), "--dry-run", "--old-file", ".venv/setup.project"]
    variables = {"PATH": os.environ["PATH"]}  # what a make around this one, and its user, have set is none of its own
    done = subprocess.run(asked, cwd=ROOT, env=variables, capture_output=True, encoding="utf-8", check=True)
    assert [words_of(line) for line in done.stdout.splitlines()] == said_of_windows()[make]
