"""What came of a request to Kaggle, in our own errors: no answer, a refusal, or wrong credentials.

BackendUnreachableError
├── NoAnswerError        perhaps it was carried out, perhaps not: ask again
└── UnknownValueError    an answer in which the SDK does not know a word, such as a new status
BackendError
└── RejectedError        an answer, and it is no
CredentialsError    Kaggle does not know who asks
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import time
from typing import TYPE_CHECKING

from contract.errors import BackendError, BackendUnreachableError, CredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, REQUEST_TIMEOUT, TOO_MANY_REQUESTS = 401, 403, 404, 408, 429
FIRST_SERVER_ERROR = 500
_LONGEST_MESSAGE = 300


class NoAnswerError(BackendUnreachableError):
    """There was no answer, or none that says anything.

    Args:
        about: what was asked for.
        problem: what came instead of an answer.
        retry_after: seconds that Kaggle asks to wait, if it does.
        may_be_done: whether the request may have been carried out all the same.
    """

    def __init__(self, about: str, problem: str, *, retry_after: float | None = None, may_be_done: bool = True) -> None:
        super().__init__(f"Kaggle ({about})", problem)
        self.retry_after = retry_after
        self.may_be_done = may_be_done


class UnknownValueError(BackendUnreachableError):
    """An answer with a value that this version of the SDK does not know.

    Args:
        about: what was asked for.
        value: the value.
    """

    def __init__(self, about: str, value: str) -> None:
        super().__init__(f"Kaggle ({about})", f"gave {value!r}, which this version of the client does not know")
        self.value = value


class RejectedError(BackendError):
    """Kaggle refuses a request.

    Args:
        about: what was asked for.
        status: the HTTP status.
        message: Kaggle's own words.
        remedy: what to do, where that is known.
    """

    def __init__(self, about: str, status: int, message: str, remedy: str | None = None) -> None:
        super().__init__(f"Kaggle ({about})", f"refuses ({status}): {message}", remedy)
        self.status = status
        self.words = message

    @property
    def is_absence(self) -> bool:
        """Whether the thing asked for is not there, or not ours: Kaggle does not say which."""
        return self.status in (FORBIDDEN, NOT_FOUND)


def answer_error(about: str, status: int, headers: Mapping[str, str], body: bytes) -> BackendError:
    """The error that an answer with `status` of 400 or more is.

    A refusal in words of Kaggle's API is JSON; a page of HTML comes from something on the way, which may
    be gone in a minute.
    """
    message = _message(body)
    if status == UNAUTHORIZED:
        remedy = "set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY, to what Kaggle's settings page gave you"
        return CredentialsError("Kaggle's credentials", "are not accepted (401)", remedy)
    if status in (REQUEST_TIMEOUT, TOO_MANY_REQUESTS) or status >= FIRST_SERVER_ERROR:
        problem = "asks for fewer requests (429)" if status == TOO_MANY_REQUESTS else f"gave no answer ({status})"
        is_certain = status == TOO_MANY_REQUESTS
        return NoAnswerError(about, problem, retry_after=retry_after(headers), may_be_done=not is_certain)
    if message is None:
        return NoAnswerError(about, f"gave a web page instead of an answer ({status})")
    return RejectedError(about, status, message)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that an answer asks to wait: a number, or a date (RFC 9110, 10.2.3); None where it does not.

    Args:
        headers: of the answer, in any case.
        now: the time in seconds since the epoch, the clock's if not given.
    """
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        return max(0.0, float(text))
    with contextlib.suppress(ValueError, TypeError):
        at = email.utils.parsedate_to_datetime(text).timestamp()
        return max(0.0, at - (time.time() if now is None else now))
    return None


def _message(body: bytes) -> str | None:
    """What Kaggle's API says in an error, or None where something else answered."""
    try:
        stated = json.loads(body)
    except ValueError:
        return None
    inner = stated.get("error", stated) if isinstance(stated, dict) else None
    if not isinstance(inner, dict):
        return None
    message = inner.get("message")
    text = " ".join(str(message).split()) if message else "no reason given"
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"
