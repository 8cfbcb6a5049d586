"""What is wrong in a job, in the words of somebody who edits jobs.yaml."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from job.algorithms.hyperparameters import whole_number

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_NUMBER_IN_QUOTES = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_LONGEST_SHOWN = 40

UNKNOWN_KEY = "unknown key"
MISSING = "is missing"


class Problem(NamedTuple):
    """Something wrong in a job.

    Args:
        path: the keys that lead to it, outermost first.
        message: what is wrong, as half a sentence.
        unknown: the name that is not known, where that is the problem.
        known: the names that would do instead, except for keys: those are the fields of the model at `path`.
        remedy: what to do, where neither the message nor `known` says it.
    """

    path: tuple[str | int, ...]
    message: str
    unknown: str | None = None
    known: tuple[str, ...] = ()
    remedy: str | None = None


class InvalidJobError(ValueError):
    """A job that cannot be: `problems` holds everything found, at least one."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{'.'.join(map(str, each.path)) or 'job'}: {each.message}" for each in problems))


def as_json(value: object) -> str:
    """`value` as a message shows it: as JSON, cut where it grows long."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


_WORDING = {
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping, lines of `key: value`",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "model_type": "must be a mapping, lines of `key: value`",
    "string_pattern_mismatch": "must begin with a letter and hold a-z, 0-9, _ and - only, 63 characters at most",
    "string_type": "must be text",
    "tuple_type": "must be a list",
}


def collect_problems(error: ValidationError, *prefix: str) -> list[Problem]:
    """The problems that pydantic found, below the keys `prefix`."""
    return [_problem(details, prefix) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, prefix: tuple[str, ...]) -> Problem:
    """Pydantic's account of a problem in the words of somebody who edits jobs.yaml."""
    kind, context, found = details["type"], details.get("ctx", {}), details["input"]
    path = (*prefix, *details["loc"])
    if kind == "extra_forbidden":
        return Problem(path, UNKNOWN_KEY, str(path[-1]))
    if kind == "missing":
        return Problem(path, MISSING, remedy="add it")
    if kind == "conflict":
        return Problem(path, details["msg"])
    if kind in ("literal_error", "unknown_name"):
        known = context.get("known") or re.findall(r"'([^']*)'", context["expected"])
        name = context.get("name", found)
        return Problem(path, f"unknown name {as_json(name)}", str(name), tuple(known))
    message = details["msg"].removeprefix("Value error, ")
    if kind in _WORDING:
        message = _WORDING[kind].format(**{bound: whole_number(value) for bound, value in context.items()})
    quoted = isinstance(found, str) and kind in ("int_type", "float_type") and _NUMBER_IN_QUOTES.fullmatch(found)
    remedy = "write it without quotes" if quoted else None
    return Problem(path, f"{message}, found {as_json(found)}", remedy=remedy)
