"""Asking again: ever longer pauses with chance in them, as long as Kaggle asks for, for a limited time."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import tenacity

from runner.backends.kaggle.api.answers import NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.backends.kaggle.api.settings import KaggleSettings

LONGEST_PAUSE_SECONDS = 60.0
Result = TypeVar("Result")


def patiently(settings: KaggleSettings, attempt: Callable[[], Result]) -> Result:
    """What `attempt` returns, once it gets an answer.

    Raises:
        NoAnswerError: it got none, and the patience is at an end.
    """
    return retrying(settings)(attempt)


def retrying(settings: KaggleSettings) -> tenacity.Retrying:
    """The rule by which requests are repeated.

    A pause is chosen at random up to a bound that doubles, so that many clients do not come back at once
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(NoAnswerError),
        wait=_Wait(settings),
        stop=tenacity.stop_before_delay(settings.patience),
        reraise=True,
    )


class _Wait(tenacity.wait.wait_base):
    """At random up to a bound that doubles, and never shorter than Kaggle asks for."""

    def __init__(self, settings: KaggleSettings) -> None:
        self._backing_off = tenacity.wait_random_exponential(settings.first_pause, LONGEST_PAUSE_SECONDS)

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after if isinstance(error, NoAnswerError) and error.retry_after is not None else 0.0
        return max(asked, self._backing_off(retry_state))
