"""The edge to Kaggle: every failure is one of our errors, and no secret leaves with it."""

from __future__ import annotations

import socket
import time
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelSessionStatusRequest

from contract.errors import BackendError, CredentialsError
from runner.backends.kaggle.api.answers import NoAnswerError, RejectedError, UnknownValueError
from runner.backends.kaggle.api.connection import Connection
from runner.backends.kaggle.api.credentials import Credentials
from runner.backends.kaggle.api.settings import KaggleSettings
from tests.emulated import KEY, USER
from tests.runner.backends.kaggle.conftest import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.runner.backends.kaggle.conftest import Kaggle


def ask(connection: Connection, slug: str = "nothing-here") -> Any:
    """Ask for the status of a kernel, once."""
    request = ApiGetKernelSessionStatusRequest()
    request.user_name, request.kernel_slug = USER, slug
    return connection.ask_once("a status", connection.kernels.get_kernel_session_status, request)


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        ("reset", {}, "gave no answer ("),
        ("time-out", {"seconds": 2}, "gave no answer (timed out)"),
        ("truncated", {"bytes": 3}, "gave no answer (it was cut short"),
        ("html-403", {}, "gave a web page instead of an answer (403)"),
        ("server-error", {}, "gave no answer (500)"),
        ("unavailable", {}, "gave no answer (503)"),
        ("too-many-requests", {}, "asks for fewer requests (429)"),
    ],
)
def test_each_failure_is_no_answer_in_one_sentence(
    kaggle: Kaggle, kind: str, options: dict[str, Any], problem: str
) -> None:
    folder, key = kaggle.package("edge")
    kaggle.backend().submit(folder, key)
    kaggle.fault(kind, "GetKernelSessionStatus", **options)
    with pytest.raises(NoAnswerError) as caught:
        ask(kaggle.backend(**({"timeout": 0.5} if kind == "time-out" else {})).connection, "relay-edge")
    assert str(caught.value).startswith(f"Kaggle (a status): {problem}")
    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told
    assert "Authorization" not in told


def test_a_word_that_the_sdk_does_not_know_is_told(kaggle: Kaggle) -> None:
    folder, key = kaggle.package("word")
    kaggle.backend().submit(folder, key)
    kaggle.fault("unknown-status", "GetKernelSessionStatus")
    with pytest.raises(UnknownValueError) as caught:
        ask(kaggle.backend().connection, "relay-word")
    assert caught.value.value == "FLYING"


def test_a_refusal_is_final(kaggle: Kaggle) -> None:
    with pytest.raises(RejectedError) as caught:
        ask(kaggle.backend().connection)
    assert caught.value.is_absence
    assert kaggle.calls("GetKernelSessionStatus") == 1


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
        for name, value in {"http_proxy": address, "no_proxy": "", "NO_PROXY": ""}.items():
            monkeypatch.setenv(name, value)
        yield address


def test_a_server_that_says_nothing_is_not_waited_for_forever(silent: str) -> None:
    assert silent
    connection = Connection(Credentials("a test", username=USER, key=KEY), KaggleSettings(timeout=0.2))
    began = time.monotonic()
    with pytest.raises(NoAnswerError, match="timed out"):
        ask(connection)
    connection.close()
    assert time.monotonic() - began < KaggleSettings.timeout


def test_a_machine_without_a_network_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    connection = Connection(Credentials("a test", username=USER, key=KEY), SETTINGS)
    with pytest.raises(BackendError, match="no connection through the proxy"):
        ask(connection)
    connection.close()


@pytest.mark.parametrize("token", ["5ecret\n", "\N{ZERO WIDTH NO-BREAK SPACE}5ecret"])
def test_credentials_that_cannot_be_sent_are_told_at_once(token: str) -> None:
    with pytest.raises(CredentialsError, match="cannot be sent") as caught:
        Connection(Credentials("a test", token=token), SETTINGS)
    assert "5ecret" not in str(caught.value)


def test_the_owner_of_a_token_is_asked_for_once(kaggle: Kaggle) -> None:
    connection = Connection(Credentials("a test", token=KEY), SETTINGS)
    assert connection.owner == connection.owner == USER
    assert kaggle.calls("IntrospectToken") == 1
    connection.close()
    stranger = Connection(Credentials("a test", token="nobody"), SETTINGS)  # noqa: S106 - nobody's
    with pytest.raises(CredentialsError) as caught:
        stranger.owner  # noqa: B018 - asks
    assert "nobody" not in str(caught.value)
    stranger.close()
