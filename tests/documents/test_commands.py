"""Each command of the documents is there with its tasks, variables and options, and PowerShell's does the same."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tests.documents import powershell
from tests.documents.pages import DOCUMENTS, POWERSHELL, Block, blocks
from tests.documents.typed import parts, problem, split
from tests.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

A_SPAN = r"`((?:[A-Z_]+=\S+ )?(?:[\w./\\-]*[\\/])?(?:doit|make|kaggle-relay|python3?|py)(?: [^`\n]+)?)`"
A_MESSAGE = r"(?:doit|make).*\S: "
OTHERWISE: Final[dict[str, str]] = {
    "docs/emulator.md": "what the emulator prints is pasted into a shell, and written anew for PowerShell",
    "docs/kaggle.md": "a shell's `cat` waits for the token that is pasted, PowerShell asks for it",
    "runner/new_project/template/README.md": "its own Makefile; tests/runner/new_project follows it, and it lists more",
}
"""Pages whose two blocks are not one command after the other, and why."""


def named(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def in_prose(text: str) -> Iterator[str]:
    """The commands that a page names between backticks."""
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from (span for span in re.findall(A_SPAN, prose) if not re.match(A_MESSAGE, span))


def in_blocks(block: Block) -> list[str]:
    """The commands of a block, those of PowerShell by its grammar."""
    if block.kind == POWERSHELL:
        return powershell.commands("\n".join(block.lines))
    return [part for line in block.commands() for part in parts(line)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_each_command_of_a_document_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    typed = [command for block in blocks(text) for command in in_blocks(block)]
    typed += [part for span in in_prose(text) for part in parts(span)]
    assert [f"{command}: {wrong}" for command in typed if (wrong := problem(command))] == []


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("doit run_ful", "doit has no task run_ful"),
        ("doit plan apply=yes", "variable apply: belongs to `gc`"),
        ("doit plan colour=no", "variable colour: is unknown"),
        ("doit resume -n 4", "doit knows no -n"),
        (".venv\\Scripts\\doit exprt:cart", "doit has no task exprt:cart"),
        ("A=1 .venv/bin/doit --all", "doit knows no --all"),
        ("make quik", "make has no target quik"),
        ("make run JOBS=cart", "make reads no JOBS"),
        ('make resume ARGS="-n 4"', "doit knows no -n"),
        ("make history ARGS=--jsn", "doit knows no --jsn"),
        ("python develop.py tests", "develop.py has no command tests"),
        ("python develop.py --cuda", "develop.py reads no --cuda"),
        ("python bench/nop.py", "there is no bench/nop.py"),
        ("python -m docs.site.comands", "there is no module docs.site.comands"),
        ("python -m emulator --slot 3", "__main__.py reads no --slot"),
        ("kaggle-relay new ../lab", "kaggle-relay knows no new"),
        ("frobnicate now", "frobnicate is neither"),
    ],
)
def test_a_command_that_is_not_there_is_found(command: str, wrong: str) -> None:
    (part,) = parts(command)
    assert (problem(part) or "").startswith(wrong)


def test_the_commands_of_a_line_are_told_apart() -> None:
    assert parts("*/30 * * * * cd /a/b && .venv/bin/doit resume wait=no >> resume.log 2>&1") == [
        "cd /a/b",
        ".venv/bin/doit resume wait=no",
    ]
    assert parts("case $? in 0) echo done;; 10) doit resume;; *) exit 1;; esac") == ["doit resume"]
    assert parts("docker run --rm x | cat") == ["docker run --rm x", "cat"]


BLOCKS_OF_BOTH = [
    pytest.param(document, shell, other, id=f"{named(document)}:{other.line}")
    for document in DOCUMENTS
    for all_blocks in [[*blocks(document.read_text(encoding="utf-8"))]]
    for shell, other in itertools.pairwise(all_blocks)
    if other.kind == POWERSHELL
]


@pytest.mark.parametrize(("document", "shell", "other"), BLOCKS_OF_BOTH)
def test_what_stands_there_for_powershell_is_powershell(document: Path, shell: Block, other: Block) -> None:  # noqa: ARG001 - beside the next test
    assert powershell.errors("\n".join(other.lines)) == []


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize(("document", "shell", "other"), BLOCKS_OF_BOTH)
def test_what_stands_there_for_powershell_does_what_the_shells_does(document: Path, shell: Block, other: Block) -> None:
    in_shell, in_powershell = "\n".join(shell.lines), "\n".join(other.lines)
    if named(document) not in OTHERWISE:
        assert [*done(shell)] == [*done(other)]
    assert set_in_shell(in_shell).items() >= powershell.settings(in_powershell).items()
    assert exit_codes(in_shell) == exit_codes(in_powershell)


def test_blocks_for_both_shells_are_found_and_differences_too() -> None:
    assert len(BLOCKS_OF_BOTH) >= 20
    for_shell = Block("sh", 1, (".venv/bin/doit plan", "curl http://h/x -d '{}'", "*/5 * * * * cd /a && doit gc >> a"))
    same = (
        ".venv\\Scripts\\doit plan",
        "Invoke-RestMethod http://h/x -Method Post -Body '{}'",
        'schtasks /Create /TR "cmd /c cd /d C:\\a && doit gc >> a"',
    )
    assert [*done(for_shell)] == [*done(Block(POWERSHELL, 1, same))]
    for place, changed in enumerate(
        (
            ".venv\\Scripts\\doit status",
            "Invoke-RestMethod http://h/x",
            'schtasks /TR "cmd /c cd /d C:\\a && doit fresh"',
        )
    ):
        lines = (*same[:place], changed, *same[place + 1 :])
        assert [*done(for_shell)] != [*done(Block(POWERSHELL, 1, lines))]
    assert powershell.errors("if true; then doit plan; fi")
    assert powershell.errors('$env:A = "b')


def done(block: Block) -> Iterator[list[str]]:
    """What the commands of a block do, said in one way for both shells; not what sets up, which make does by itself."""
    for command in in_blocks(block):
        for each in _made(command) if command.startswith("make ") else _scheduled(command):
            words = split(each)
            while re.match(r"[A-Za-z_]+=", words[0]):
                words = words[1:]
            program, *rest = re.sub(r"^(?:\S*/)?([\w-]+)$", r"\1", words[0]), *words[1:]
            if program in ("python", "python3", "py") and rest[:1] == ["-m"]:
                program, *rest = rest[1:]
            elif program in ("python", "python3", "py"):
                program, *rest = rest
            if program in ("curl", "Invoke-RestMethod"):
                yield _request(rest)
            elif not _sets_up(program, rest):
                yield [program, *rest]


def _made(command: str) -> list[str]:
    """What a `make` has the shell do."""
    asked = [*split(command), "--dry-run", "--old-file", ".venv/setup.project"]
    variables = {"PATH": os.environ["PATH"]}  # what a make around this one, and its user, have set is none of its own
    said = subprocess.run(asked, cwd=ROOT, env=variables, capture_output=True, encoding="utf-8", check=True)
    return [part for line in said.stdout.splitlines() if "--if-needed" not in line for part in parts(line)]


def _scheduled(command: str) -> list[str]:
    """What a line of cron's or Windows' table of tasks does, else the command itself."""
    table = re.search(r'^schtasks .* /TR "cmd /c cd /d \S+ && (.*)"$|^cd /\S+$', command)
    return [command] if table is None else parts(table[1]) if table[1] else []


def _sets_up(program: str, words: list[str]) -> bool:
    return (program, words) in [
        ("develop.py", []),
        ("venv", [".venv"]),
        ("pip", ["install", "-r", "requirements.txt"]),
        ("Out-File", ["-Encoding", "ascii", "freeze.txt"]),
        ("ConvertFrom-Json", []),
    ]


def _request(words: list[str]) -> list[str]:
    """A request over HTTP: how, whereto, and with what."""
    options = dict(zip(words[1::2], words[2::2], strict=True))
    body = options.get("-d") or options.get("-Body") or ""
    method = (options.get("-X") or options.get("-Method") or ("POST" if body else "GET")).upper()
    return [method, words[0], body]


def set_in_shell(text: str) -> dict[str, str]:
    """The environment that a shell's lines set."""
    return dict(re.findall(r"^(?:export )?(\w+)=(\S*)", text, re.MULTILINE))


def exit_codes(text: str) -> list[str]:
    """The exit codes that a `case` or a `switch` tells apart."""
    if re.search(r"^(?:case|switch) ", text, re.MULTILINE) is None:
        return []
    return re.findall(r"(?<![\w.])(\d+)(?=\)| \{)", text)
