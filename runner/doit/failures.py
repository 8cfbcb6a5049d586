"""Errors of ours as one sentence: of a task that failed, and of a command that cannot begin."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING

from doit.exceptions import TaskError, TaskFailed

from contract.errors import (
    BackendBusyError,
    BackendUnreachableError,
    InputError,
    RelayError,
    UnderWayError,
)
from contract.plain_text import plain
from runner.commands.saying import AlreadySaidError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from doit.exceptions import BaseFail


_NAMES = ("EROFS", "EACCES", "EPERM", "ENOSPC", "EDQUOT", "ENAMETOOLONG", "EIO", "EMFILE", "ENFILE", "ENOLCK", "ESTALE")
_OF_THE_PLACE = frozenset(getattr(errno, name) for name in _NAMES if hasattr(errno, name))
"""What a disk or a file system may answer whatever a program does right."""


def _explain(error: OSError) -> str:
    """What the place said, about which file, and what to do."""
    named = error.filename2 if error.filename2 is not None else error.filename
    subject = os.fsdecode(named) if isinstance(named, str | bytes) else "a file"
    remedy = "make room, or make the folder writable, and run the same command again"
    return plain(str(RelayError(subject, f"cannot be used ({os.strerror(error.errno or 0)})", remedy)))


class TaskUnderWay(TaskFailed):  # type: ignore[misc] # doit is untyped
    """What a task is to do is not yet to be had: what comes after it is left for later, and nothing has failed.

    Args:
        message: the sentence.
        error: why that is so.
    """

    def __init__(self, message: str, error: RelayError | None = None) -> None:
        super().__init__(message)
        self.error = error


class TaskAnswered(TaskFailed):  # type: ignore[misc] # doit is untyped
    """A task did what it is to do, all is said, and how the command ends is part of its answer.

    Args:
        code: the exit code.
    """

    def __init__(self, code: int) -> None:
        super().__init__("")
        self.code = code


_LATER = (BackendUnreachableError, BackendBusyError)
"""What passes by itself."""


def in_one_sentence(action: Callable[[], int | None], *, waits: bool = True) -> Callable[[], BaseFail | None]:
    """`action` for doit: an error of ours becomes a failed task whose report is its sentence.

    Args:
        action: what a task does; may return an exit code, once all is said.
        waits: whether what passes by itself is a failure, since it was waited for.
    """

    def guarded() -> BaseFail | None:
        try:
            code = action()
        except OSError as error:
            if error.errno not in _OF_THE_PLACE:
                raise
            return TaskFailed(_explain(error))
        except RelayError as error:
            if isinstance(error, UnderWayError) or (not waits and isinstance(error, _LATER)):
                return TaskUnderWay(plain(str(error)), error)
            if isinstance(error, AlreadySaidError):
                return TaskFailed("")
            failure = TaskError if error.exit_code == InputError.exit_code else TaskFailed
            return failure(plain(str(error)))
        return TaskAnswered(code) if code else None

    return guarded


@contextlib.contextmanager
def exiting_on_error() -> Iterator[None]:
    """End the process with an error's sentence and exit code; doit would print a traceback."""
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_THE_PLACE:
            raise
        sys.stderr.write(f"{_explain(error)}\n")
        raise SystemExit(RelayError.exit_code) from None
    except RelayError as error:
        sys.stderr.write(f"{plain(str(error))}\n")
        raise SystemExit(error.exit_code) from None
