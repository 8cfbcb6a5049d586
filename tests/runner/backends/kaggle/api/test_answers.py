"""Which error an answer is."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from contract.errors import BackendUnreachableError, CredentialsError
from runner.backends.kaggle.api.answers import NoAnswerError, RejectedError, answer_error, retry_after

FLAT = b'{"code": 403, "message": "Permission \'kernels.get\' was denied"}'
NESTED = b'{"error": {"code": 404, "message": "Not found", "status": "NOT_FOUND"}}'
PAGE = b"<html><body>Forbidden</body></html>"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_no_answer(status: int) -> None:
    error = answer_error("a kernel", status, {"Retry-After": "7"}, FLAT)
    assert isinstance(error, NoAnswerError)
    assert isinstance(error, BackendUnreachableError)
    assert error.retry_after == 7
    assert error.may_be_done is (status != 429)


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_page_of_html_is_not_kaggles_word(status: int) -> None:
    assert isinstance(answer_error("a kernel", status, {}, PAGE), NoAnswerError)
    assert isinstance(answer_error("a kernel", status, {}, b""), NoAnswerError)


@pytest.mark.parametrize(("status", "body"), [(403, FLAT), (404, NESTED), (400, NESTED)])
def test_a_refusal_has_kaggles_words_and_may_mean_absence(status: int, body: bytes) -> None:
    error = answer_error("a kernel", status, {}, body)
    assert isinstance(error, RejectedError)
    assert error.is_absence is (status != 400)
    assert "denied" in str(error) or "Not found" in str(error)


def test_a_refusal_is_one_line_of_bounded_length() -> None:
    error = answer_error("a kernel", 400, {}, b'{"message": "' + b"a\\nb " * 1000 + b'"}')
    assert "\n" not in str(error)
    assert len(str(error)) < 400


@pytest.mark.parametrize("body", [FLAT, NESTED, PAGE])
def test_wrong_credentials_are_said_with_what_to_set(body: bytes) -> None:
    error = answer_error("a kernel", 401, {}, body)
    assert isinstance(error, CredentialsError)
    assert "set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY" in str(error)


def test_when_to_ask_again_is_a_number_or_a_date() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    later = format_datetime(now.replace(second=35), usegmt=True)
    assert retry_after({"retry-after": "2.5"}) == 2.5
    assert retry_after({"Retry-After": later}, now.timestamp()) == 30
    assert retry_after({"Retry-After": "-3"}) == 0
    assert retry_after({"Retry-After": "soon"}) is None
    assert retry_after({}) is None
