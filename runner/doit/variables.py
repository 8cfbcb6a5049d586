"""The variables of a command line, `name=value`: which there are, what each belongs to, and the flags that set some."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from doit import doit_cmd, get_var

from contract.errors import InputError
from runner.doit.selection import DEFAULT_TASK, PROFILES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.scheduling.slots import Caps

_RUNS = tuple(PROFILES)
_ABOUT_ALL = ("backend", "wait")
_BELONGS_TO = {
    "sessions": (_RUNS, "write `doit resume sessions=4`"),
    "gpu_hours": (_RUNS, "write `doit resume gpu_hours=20`"),
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
KNOWN = (*_ABOUT_ALL, *_BELONGS_TO)
_FLAGS = {"--json": "json", "--follow": "follow", "--apply": "apply", "--dry": "dry"}
_SHORT_FLAGS = {"logs": {"-f": "follow"}}
"""For a task, flags that come after it: before it they are doit's own."""
_NAME = re.compile(r"[a-z_-]+")
_COUNT = re.compile(r"[1-9][0-9]{0,5}")
_HOURS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_SECONDS_OF_AN_HOUR = 3600.0


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
        InputError: one is unknown, belongs to tasks that are not asked for, or is no number where it must be one.
    """
    names = (argument.partition("=")[0] for argument in arguments if "=" in argument)
    unknown = sorted(name for name in names if name not in KNOWN and get_var(name) is not None)
    if unknown:
        raise InputError(f"variable {unknown[0]}", "is unknown", f"known: {', '.join(KNOWN)}")
    asked = {each.partition(":")[0] for each in arguments if "=" not in each} or {DEFAULT_TASK}
    for name, (tasks, remedy) in _BELONGS_TO.items():
        if get_var(name) is not None and asked.isdisjoint(tasks):
            is_meant_otherwise = name == "session" and not asked.isdisjoint(_RUNS)
            instead = "for how many run at once write sessions=4" if is_meant_otherwise else remedy
            raise InputError(f"variable {name}", f"belongs to {_either(tasks)}", instead)
    if get_var("sessions") is not None or get_var("gpu_hours") is not None:
        caps_variables()


def caps_variables() -> Caps:
    """What the command line lets the command use at most.

    Raises:
        InputError: it sets something else.
    """
    from runner.scheduling.slots import Caps  # noqa: PLC0415 - a command with nothing to do needs none of it

    sessions, hours = get_var("sessions"), get_var("gpu_hours")
    if sessions is not None and not _COUNT.fullmatch(str(sessions)):
        raise InputError("variable sessions", f"is {sessions!r}", "write how many at once, as in sessions=4")
    if hours is not None and not _HOURS.fullmatch(str(hours)):
        raise InputError("variable gpu_hours", f"is {hours!r}", "write how many hours, as in gpu_hours=20")
    return Caps(
        sessions=None if sessions is None else int(sessions),
        gpu_seconds=None if hours is None else float(hours) * _SECONDS_OF_AN_HOUR,
    )


def _either(tasks: Sequence[str]) -> str:
    *some, last = (f"`{each}`" for each in tasks)
    return f"{', '.join(some)} or {last}" if some else last
