"""The errors of kaggle-relay, from the bottom layer up.

    RelayError                  exit code 1
    ├── InputError              exit code 2: what the user wrote cannot be used
    │   └── UnavailableError         it needs what this machine lacks, and another one may have
    ├── IncompatibleError       the parent checkpoint does not fit the job
    ├── CheckpointError         a checkpoint cannot be read, written or trusted
    ├── SessionError            a session cannot start or go on
    │   └── DivergedError            a loss or a weight became infinite or NaN
    ├── BackendError            a backend refused or lost a session
    │   ├── BackendUnreachableError  no answer yet: not a failure, ask again later
    │   ├── RefusedError             the backend did not take a session: nothing was started
    │   ├── BackendBusyError         it takes no further session now: submit again later
    │   ├── CredentialsError         it does not know who asks, or was not told
    │   └── SessionLostError         the backend knows nothing of a session that it was given
    ├── JobHeldError            a job cannot be worked on now
    │   └── HeldElsewhereError       another process works on it
    └── UnderWayError           exit code 75: what was to be done now is done, and the rest is not yet to be had

Each one is a single sentence: what it is about, what is wrong with it, and what to do next.
"""

from __future__ import annotations

_SHOWN_CHARACTERS = 60


class RelayError(Exception):
    """Anything that ends a command with one sentence instead of a traceback.

    Args:
        subject: the object that the error is about (a file and line, a job, a checkpoint).
        problem: what was found, and what was expected instead.
        remedy: the next command or edit, as an imperative without a full stop.
    """

    exit_code = 1

    def __init__(self, subject: str, problem: str, remedy: str | None = None) -> None:
        self.subject = subject
        self.problem = problem
        self.remedy = remedy
        super().__init__(subject, problem, remedy)

    def __str__(self) -> str:
        sentence = f"{self.subject}: {self.problem}"
        return f"{sentence}; {self.remedy}" if self.remedy else sentence


class InputError(RelayError):
    """What the user wrote (a config file, an argument) cannot be used."""

    exit_code = 2


class UnavailableError(InputError):
    """What the user wrote needs something that this machine lacks: a module, a library, a file, a port."""


class IncompatibleError(RelayError):
    """The parent checkpoint does not fit the job that would go on from it."""


class CheckpointError(RelayError):
    """A checkpoint cannot be read, written or trusted."""


class SessionError(RelayError):
    """A session cannot start or cannot go on."""


class DivergedError(SessionError):
    """A loss or a weight is infinite or not a number: nothing that follows is worth keeping."""


class BackendError(RelayError):
    """A backend refused a session, or lost one."""


class BackendUnreachableError(BackendError):
    """The backend gave no answer: the session may well be alive, so ask again later."""


class RefusedError(BackendError):
    """The backend did not take a session: nothing was started, and another job may be packaged in its place."""


class BackendBusyError(BackendError):
    """The backend takes no further session now, as when its quota is used up: nothing was submitted.

    Args:
        subject, problem: as for every error.
        remedy: what else is to be known, where that changes from one attempt to the next.
        wait_seconds: when to try again.
    """

    def __init__(self, subject: str, problem: str, remedy: str | None = None, *, wait_seconds: float = 60.0) -> None:
        super().__init__(subject, problem, remedy)
        self.wait_seconds = wait_seconds


class CredentialsError(BackendError):
    """The backend was not told who asks, or does not accept it: asking again changes nothing."""


class SessionLostError(BackendError):
    """The backend knows nothing of a session that it was given: what it left is gone."""


class JobHeldError(RelayError):
    """A job cannot be worked on now."""


class HeldElsewhereError(JobHeldError):
    """Another process works on the same job."""


class UnderWayError(RelayError):
    """A session goes on, or waits, and whoever asked does not: nothing is wrong, and nobody needs to do anything.

    The exit code is that by which programs of the mail system ask to be called again later (`EX_TEMPFAIL`).
    """

    exit_code = 75


def shown(name: object) -> str:
    """A stranger's value as a short printable string."""
    beginning = name[: _SHOWN_CHARACTERS + 1] if isinstance(name, str | bytes) else name
    text = ascii(beginning)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
