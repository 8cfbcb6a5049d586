"""What came out of a user's code, in one sentence: the error, and the line of theirs that raised it."""

from __future__ import annotations

import traceback
from pathlib import Path

from contract.errors import InputError, UnavailableError

_NOT_THEIRS = ("trainer", "site-packages", "lib-dynload", "importlib")
_LONGEST = 300


def in_words(error: BaseException) -> str:
    """The error with its name and, where it was raised in the user's own sources, file and line."""
    text = " ".join(str(error).split())[:_LONGEST]
    speaks_for_itself = isinstance(error, ImportError) and bool(text)
    said = text if speaks_for_itself else f"{type(error).__name__}: {text}" if text else type(error).__name__
    place = user_line(error)
    return f"{said} ({place})" if place else said


def user_line(error: BaseException) -> str | None:
    """The innermost line of a user's own that the error came through, as `lab/world.py, line 12`."""
    standard = Path(traceback.__file__).parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_absolute() and not path.is_relative_to(standard) and not set(path.parts) & set(_NOT_THEIRS):
            return f"{'/'.join(path.parts[-2:])}, line {frame.lineno}"
    return None


def as_refusal(env_id: str, problem: str, error: BaseException, remedy: str) -> InputError:
    """The error to raise for what a user's code raised; a machine may lack what another one has.

    Args:
        env_id: the environment.
        problem: what it was about, as half a sentence to which the error is added.
        error: what came.
        remedy: what to do, where the kind of the error says nothing better.
    """
    subject, said = f"environment {env_id}", f"{problem}: {in_words(error)}"
    if isinstance(error, FileNotFoundError) and error.filename and not Path(str(error.filename)).is_absolute():
        lost = "a session has a working folder of its own: build the path from __file__, and list its folder in sources"
        return UnavailableError(subject, said, lost)
    kind = UnavailableError if isinstance(error, ImportError | OSError) else InputError
    return kind(subject, said, remedy)
