"""What to say where something of an extra is not installed: one sentence for whatever needs it."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from contract.errors import UnavailableError
from contract.make import target

if TYPE_CHECKING:
    from collections.abc import Sequence

_IN_A_CLONE = frozenset({"report", "export", "tune"})
"""The extras that the set-up of a clone brings."""


def have(subject: str, modules: Sequence[str], extra: str) -> None:
    """Have all of some modules here, which are not imported for it.

    Args:
        subject: what needs them.
        modules: their names.
        extra: of kaggle-relay, which brings them.

    Raises:
        UnavailableError: one is not installed.
    """
    if missing := [each for each in modules if importlib.util.find_spec(each) is None]:
        raise not_installed(subject, missing, extra)


def not_installed(subject: str, missing: Sequence[str], extra: str, instead: str = "") -> UnavailableError:
    """That something is not installed, and how it is.

    Args:
        subject: what needs it.
        missing: what is not there.
        extra: of kaggle-relay, which brings it.
        instead: what else would do, as the end of a sentence.
    """
    *first, last = missing
    names = " and ".join(filter(None, (", ".join(first), last)))
    what = f"needs {names}, which {'are' if first else 'is'} not installed here"
    return UnavailableError(subject, what, install(extra) + instead)


def install(extra: str) -> str:
    """What to type for an extra."""
    command = f'run `pip install "kaggle-relay[{extra}]"`'
    return f"{command}, or in a clone `{target('setup')}`" if extra in _IN_A_CLONE else command
