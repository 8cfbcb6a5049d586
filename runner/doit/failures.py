"""Errors of ours as one sentence: of a task that failed, and of a command that cannot begin."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from doit.exceptions import TaskError, TaskFailed

from contract.errors import InputError, RelayError
from contract.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from doit.exceptions import BaseFail


def in_one_sentence(action: Callable[[], None]) -> Callable[[], BaseFail | None]:
    """`action` for doit: an error of ours becomes a failed task whose report is its sentence."""

    def guarded() -> BaseFail | None:
        try:
            action()
        except RelayError as error:
            failure = TaskError if error.exit_code == InputError.exit_code else TaskFailed
            return failure(plain(str(error)))
        return None

    return guarded


@contextlib.contextmanager
def exiting_on_error() -> Iterator[None]:
    """End the process with an error's sentence and exit code; doit would print a traceback."""
    try:
        yield
    except RelayError as error:
        sys.stderr.write(f"{plain(str(error))}\n")
        raise SystemExit(error.exit_code) from None
