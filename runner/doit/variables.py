"""The variables of a command line, `name=value`: which there are, what each belongs to, and the flags that set some."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from doit import doit_cmd, get_var

from contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

KNOWN = ("backend", "wait", "from", "json", "session", "follow", "apply", "only", "budget", "dry", "to")
_BELONGS_TO = {
    "from": (("adopt",), "write `doit adopt:job from=FOLDER`"),
    "json": (("plan", "status", "history", "verify"), "leave it out"),
    "session": (("logs",), "write `doit logs:job session=3`"),
    "follow": (("logs",), "write `doit logs:job follow=yes`"),
    "apply": (("gc",), "write `doit gc:job apply=yes`"),
    "only": (("verify",), "write `doit verify only=checkpoints,lineages`"),
    "budget": (("verify",), "write `doit verify budget=5m`"),
    "dry": (("repair",), "write `doit repair dry=yes`"),
    "to": (("track",), "write `doit track:job to=mlflow` or `to=wandb`"),
}
"""The tasks that a variable is about, where it is not about all, and what to do where it stands with another."""
_FLAGS = {"--json": "json", "--follow": "follow", "--apply": "apply", "--dry": "dry"}
_SHORT_FLAGS = {"logs": {"-f": "follow"}}
"""For a task, flags that come after it: before it they are doit's own."""
_NAME = re.compile(r"[a-z_-]+")


def without_flags(arguments: list[str]) -> list[str]:
    """A command line without the flags that stand for a variable, each of which is set."""
    rest, task = [], ""
    for argument in arguments:
        variable = _FLAGS.get(argument) or _SHORT_FLAGS.get(task, {}).get(argument)
        if variable is not None:
            doit_cmd.set_var(variable, "yes")
            continue
        if not task and (name := _NAME.match(argument)) is not None:
            task = name[0]
        rest.append(argument)
    return rest


def check_variables(arguments: Sequence[str]) -> None:
    """Have no variable that nothing reads.

    Args:
        arguments: the whole command line.

    Raises:
        InputError: one is unknown, or belongs to tasks that are not asked for.
    """
    names = (argument.partition("=")[0] for argument in arguments if "=" in argument)
    unknown = sorted(name for name in names if name not in KNOWN and get_var(name) is not None)
    if unknown:
        raise InputError(f"variable {unknown[0]}", "is unknown", f"known: {', '.join(KNOWN)}")
    asked = {each.partition(":")[0] for each in arguments}
    for name, (tasks, remedy) in _BELONGS_TO.items():
        if get_var(name) is not None and asked.isdisjoint(tasks):
            raise InputError(f"variable {name}", f"belongs to {_either(tasks)}", remedy)


def _either(tasks: Sequence[str]) -> str:
    *some, last = (f"`{each}`" for each in tasks)
    return f"{', '.join(some)} or {last}" if some else last
