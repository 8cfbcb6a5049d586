"""Requests are repeated for a while, with pauses that grow."""

from __future__ import annotations

import pytest
import tenacity

from runner.backends.kaggle.api.answers import NoAnswerError, RejectedError
from runner.backends.kaggle.api.retries import LONGEST_PAUSE_SECONDS, patiently, retrying
from runner.backends.kaggle.api.settings import KaggleSettings

QUICK = KaggleSettings(poll=0.001, patience=60.0)


def failing(times: int, error: Exception) -> tuple[list[int], object]:
    """Attempts that fail so often, and the count of them."""
    calls: list[int] = []

    def attempt() -> str:
        calls.append(len(calls) + 1)
        if len(calls) <= times:
            raise error
        return "answered"

    return calls, attempt


def test_no_answer_is_asked_again_until_there_is_one() -> None:
    calls, attempt = failing(3, NoAnswerError("a kernel", "gave no answer (503)"))
    assert patiently(QUICK, attempt) == "answered"  # type: ignore[arg-type]
    assert calls == [1, 2, 3, 4]


def test_patience_ends() -> None:
    _, attempt = failing(10**9, NoAnswerError("a kernel", "gave no answer (503)"))
    with pytest.raises(NoAnswerError, match="503"):
        patiently(KaggleSettings(poll=0.001, patience=0.05), attempt)  # type: ignore[arg-type]


def test_a_refusal_is_final() -> None:
    calls, attempt = failing(1, RejectedError("a kernel", 400, "no"))
    with pytest.raises(RejectedError):
        patiently(QUICK, attempt)  # type: ignore[arg-type]
    assert calls == [1]


def pauses(error: NoAnswerError, count: int) -> list[float]:
    """What would be waited after each of so many attempts."""
    policy = retrying(KaggleSettings(poll=1, patience=10**6))
    state = tenacity.RetryCallState(policy, None, (), {})
    waited = []
    for number in range(1, count + 1):
        state.attempt_number = number
        state.set_exception((type(error), error, None))
        waited.append(float(policy.wait(state)))
    return waited


def test_pauses_are_drawn_up_to_a_bound_that_doubles() -> None:
    waited = pauses(NoAnswerError("a kernel", "gave no answer"), 40)
    assert all(0 <= pause <= min(2 ** (number - 1), LONGEST_PAUSE_SECONDS) for number, pause in enumerate(waited, 1))
    assert len(set(waited)) > 30


def test_kaggles_own_wish_is_the_least() -> None:
    assert min(pauses(NoAnswerError("a kernel", "asks to wait", retry_after=120), 10)) == 120
