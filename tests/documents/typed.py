"""Whether what a document tells people to type is there: programs, tasks, targets, variables, options and scripts."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from functools import cache
from typing import TYPE_CHECKING

from doit import doit_cmd
from doit.doit_cmd import DoitMain

import develop
from contract.errors import InputError
from docs.site import commands
from runner.command_line import main as kaggle_relay
from runner.doit import tasks
from runner.doit.creators import Creator
from runner.doit.variables import check_variables, without_flags
from tests.documents.pages import CRON
from tests.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = {each.name: each for each in commands.targets(MAKEFILE)}
MAKE_VARIABLES = {*re.findall(r"\$\((?:if \$\(|or \$\(|findstring docker,\$\()?([A-Z_]+)\)", MAKEFILE)}
TASKS = {name.removeprefix("task_") for name, each in vars(tasks).items() if isinstance(each, Creator)}
OTHERS = {
    *(
        "cat",
        "cd",
        "chmod",
        "cp",
        "curl",
        "docker",
        "gh",
        "git",
        "kaggle",
        "mkdir",
        "pip",
        "pipx",
        "pre-commit",
        "sudo",
    ),
    *("rm", "ray", "schtasks", "tensorboard"),
}
"""Programs that others have written."""
CMDLETS = {"ConvertFrom-Json", "Invoke-RestMethod", "Out-File", "Read-Host", "Set-Content"}
BOUNDARY = re.compile(r"\s*(?:&&|\|\||\||;;|;)\s*|\s+\d?>>?(?:&\d)?\s*\S+")
"""What stands between two commands of a shell's line, or takes what one prints elsewhere."""
OTHER_MODULES = ("pip", "pytest", "rl_zoo3.train", "venv")
COMMANDS_OF_DEVELOP = ("setup", "lock", *develop.TOOLS)
PLACEHOLDER = re.compile(r"^(?:…|\.\.\.|<.*>)$")
SETTING = r"^(?:export\s+)?[A-Za-z_]+=\S*$"


def parts(line: str) -> list[str]:
    """The commands of a shell's line: of one in cron's table, of several that are joined, and of a `case`."""
    line = re.sub(f"^{CRON}", "", line)
    if line.startswith("case "):
        line = line.partition(" in ")[2].removesuffix("esac")
        return [each for arm in line.split(";;") if (each := arm.partition(")")[2].strip()).startswith("doit")]
    return [each for each in BOUNDARY.split(line) if each]


def problem(command: str) -> str | None:
    """What is wrong with one command of a document; None where nothing is."""
    words = split(command)
    while words and re.match(SETTING, words[0]):
        words = words[1:]
    if not words or words[0] == "export":
        return None
    if any(PLACEHOLDER.match(word) for word in words[:2]):
        return None
    program, rest = re.sub(r"^.*/(?=[\w-]+$)", "", words[0]), words[1:]
    ours = {"make": _make, "doit": _doit, "python": _python, "python3": _python, "py": _python}
    if program in ours:
        return ours[program](rest)
    if program == "kaggle-relay":
        return _kaggle_relay(rest)
    if program in OTHERS | CMDLETS:
        return None
    return f"{program} is neither a program of ours nor one that is known here"


def split(command: str) -> list[str]:
    """The words of a command of either shell."""
    return shlex.split(re.sub(r"\\(?=[\w.])", "/", command))


def _make(words: Sequence[str]) -> str | None:
    variables = dict(word.partition("=")[::2] for word in words if "=" in word)
    named = [word for word in words if "=" not in word and not PLACEHOLDER.match(word)]
    if unknown := sorted(variables.keys() - MAKE_VARIABLES):
        return f"make reads no {unknown[0]}"
    if unknown := [name for name in named if name not in TARGETS]:
        return f"make has no target {unknown[0]}"
    task = TARGETS[named[0]].task if named else None
    return _doit([task, *split(variables.get("ARGS", ""))]) if task else None


def _doit(words: Sequence[str]) -> str | None:
    words = [word for word in words if not PLACEHOLDER.match(word)]
    if words[:1] == ["-n"]:  # how many at a time
        words = words[2:]
    if words and words[0] in _commands_of_doit():
        return None
    doit_cmd.reset_vars()
    try:
        rest = without_flags(list(words))
        for word in rest:
            if "=" in word and word[0].isalpha():
                doit_cmd.set_var(*word.split("=", 1))
        check_variables(rest)
    except InputError as error:
        return str(error)
    finally:
        doit_cmd.reset_vars()
    named = [word for word in rest if "=" not in word]
    if flags := [word for word in named if word.startswith("-") and word != "--continue"]:
        return f"doit knows no {flags[0]}"
    if named and named[0].partition(":")[0] not in TASKS:
        return f"doit has no task {named[0]}"
    return None


@cache
def _commands_of_doit() -> frozenset[str]:
    return frozenset(DoitMain().get_cmds().to_dict())


def _python(words: Sequence[str]) -> str | None:
    words = [word for word in words if word != "-P"]
    if not words:
        return None
    if words[0] != "-m":
        name, *options = words
        script = ROOT / name
        return _options(script, options) if script.is_file() else f"there is no {name}"
    name, *options = words[1:]
    if name == "doit":
        return _doit(options)
    places = [ROOT.joinpath(*name.split("."), "__main__.py"), ROOT.joinpath(*name.split(".")).with_suffix(".py")]
    for place in places:
        if place.exists():
            return _options(place, options)
    return None if name in OTHER_MODULES else f"there is no module {name}"


def _options(script: Path, words: Sequence[str]) -> str | None:
    """Whether a script reads the options it is given; what follows a command of develop.py's goes elsewhere."""
    source = script.read_text(encoding="utf-8")
    if script.name == "develop.py":
        named = next((place for place, word in enumerate(words) if word in COMMANDS_OF_DEVELOP), len(words))
        if named == len(words) and words and not words[0].startswith("--"):
            return f"develop.py has no command {words[0]}"
        words = words[:named]
    flags = [word.partition("=")[0] for word in words if word.startswith("--") and word != "--help"]
    unknown = [flag for flag in flags if f'"{flag}"' not in source]
    return f"{script.name} reads no {unknown[0]}" if unknown else None


def _kaggle_relay(words: Sequence[str]) -> str | None:
    if not words or words[0] in ("--help", *_commands_of_kaggle_relay()):
        return None
    return f"kaggle-relay knows no {words[0]}"


@cache
def _commands_of_kaggle_relay() -> tuple[str, ...]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        kaggle_relay(["--help"])
    listed = re.search(r"{([\w,]+)}", said.getvalue())
    assert listed
    return tuple(listed[1].split(","))
