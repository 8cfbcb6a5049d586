"""What commands for people and for programs have in common."""

from __future__ import annotations

from doit import get_var

from contract.errors import InputError, RelayError

_ANSWERS = {None: False, "yes": True, "no": False}


class AlreadySaidError(RelayError):
    """A command ends with an exit code, and all that there is to say was said: nothing is added to it."""


def wants_json() -> bool:
    """Whether the command line asks for JSON.

    Raises:
        InputError: it sets something else.
    """
    return _yes_or_no("json")


def is_dry() -> bool:
    """Whether the command line asks only for what would be done.

    Raises:
        InputError: it sets something else.
    """
    return _yes_or_no("dry")


def _yes_or_no(name: str) -> bool:
    value = get_var(name)
    if value not in _ANSWERS:
        raise InputError(f"variable {name}", f"is {value!r}", f"write {name}=yes or {name}=no")
    return _ANSWERS[value]
