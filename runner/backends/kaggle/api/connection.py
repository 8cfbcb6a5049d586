"""The edge to Kaggle: requests as the official SDK builds them, answers or our own errors.

`kagglesdk` is the part of the official client that speaks to the server. The package `kaggle` around
it signs in when it is imported, prints, ends the process where it finds no credentials, repeats
some requests by rules of its own and others never: it is not imported.
"""

from __future__ import annotations

import os
import socket
import threading
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import requests
import urllib3
from kagglesdk.blobs.services.blob_api_service import BlobApiClient
from kagglesdk.datasets.services.dataset_api_service import DatasetApiClient
from kagglesdk.kaggle_env import KaggleEnv, get_endpoint, get_env
from kagglesdk.kaggle_http_client import KaggleHttpClient
from kagglesdk.kernels.services.kernels_api_service import KernelsApiClient
from kagglesdk.security.services.oauth_service import OAuthClient
from kagglesdk.security.types.oauth_service import IntrospectTokenRequest
from requests.adapters import HTTPAdapter

from contract.errors import CredentialsError
from runner.backends.kaggle.api.answers import NoAnswerError, UnknownValueError, answer_error
from runner.backends.kaggle.api.retries import patiently

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from runner.backends.kaggle.api.credentials import Credentials
    from runner.backends.kaggle.api.settings import KaggleSettings

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Connection:
    """Speaks to Kaggle for one account.

    Args:
        credentials: who asks.
        settings: how long to wait for answers.

    Raises:
        CredentialsError: they cannot be sent, whoever is asked.
    """

    def __init__(self, credentials: Credentials, settings: KaggleSettings) -> None:
        _refuse_what_no_header_holds(credentials)
        self.settings = settings
        self._credentials = credentials
        self._rpc = _TimedClient(credentials, settings.timeout)
        self._api = get_endpoint(get_env()) + ("" if get_env() is KaggleEnv.PROD else "/api")
        self.kernels = KernelsApiClient(self._rpc)
        self.datasets = DatasetApiClient(self._rpc)
        self.blobs = BlobApiClient(self._rpc)
        self._accounts = OAuthClient(self._rpc)

    @cached_property
    def owner(self) -> str:
        """The account's name, as it stands in addresses.

        Raises:
            CredentialsError: Kaggle does not know the token.
        """
        if self._credentials.username is not None:
            return self._credentials.username
        request = IntrospectTokenRequest()
        request.token = str(self._credentials.token)
        answer = self.ask("who the token belongs to", self._accounts.introspect_token, request)
        if not answer.active or not answer.username:
            remedy = "make a new token on Kaggle's settings page"
            raise CredentialsError(f"the token in {self._credentials.source}", "is not valid any more", remedy)
        return str(answer.username)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the latest answer."""
        return self._rpc.latest_headers

    def ask(self, about: str, method: Callable[[Any], Answer], request: Any) -> Answer:
        """Ask, and while no answer comes ask again; only for requests that may be carried out twice."""
        return patiently(self.settings, lambda: self.ask_once(about, method, request))

    def ask_once(self, about: str, method: Callable[[Any], Answer], request: Any) -> Answer:
        """The answer to a request.

        Args:
            about: what is asked for, in a few words.
            method: of a client of the SDK.
            request: its argument.

        Raises:
            NoAnswerError: none came, or none that can be read.
            UnknownValueError: there is a value in it that the SDK does not know.
            RefusalError: Kaggle refuses.
            CredentialsError: it does not know who asks.
        """
        try:
            return method(request)
        except requests.HTTPError as error:
            answer = error.response
            status = _status(answer)
            raise answer_error(about, status, answer.headers, answer.content) from None
        except KeyError as error:
            raise UnknownValueError(about, str(error.args[0])[:_LONGEST_VALUE]) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise NoAnswerError(about, f"gave no answer ({_in_words(error)})") from None
        except (ValueError, TypeError, AttributeError, IndexError):
            raise NoAnswerError(about, "gave an answer that cannot be read") from None

    @cached_property
    def plain(self) -> httpx.Client:
        """For addresses that Kaggle hands out: they carry their own permission, and get no credentials of ours."""
        trusted = _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        return httpx.Client(timeout=self.settings.timeout, follow_redirects=True, verify=trusted)

    def close(self) -> None:
        """Close what is open; the connection opens again when it is used."""
        self._rpc.close()
        if (plain := self.__dict__.pop("plain", None)) is not None:
            plain.close()

    def stream_url(self, path: str) -> str:
        """The address of `path` below the API."""
        return f"{self._api}/v1/{path}"

    @property
    def authorization(self) -> httpx.Auth:
        """The credentials for a request that the SDK has no method for."""
        if self._credentials.token is not None:
            return _Bearer(self._credentials.token)
        return httpx.BasicAuth(str(self._credentials.username), str(self._credentials.key))


@cache
def _trusted(*_named: str | None) -> ssl.SSLContext:
    """Whose certificates are taken, by the variables that name them: a client would read them for each way out anew."""
    return httpx.create_ssl_context()


class _TimedClient(KaggleHttpClient):  # type: ignore[misc] # the SDK is untyped
    """The SDK's client, which by itself waits for an answer forever."""

    def __init__(self, credentials: Credentials, timeout: float) -> None:
        self._timeout = timeout
        self._making = threading.Lock()
        self.latest_headers: dict[str, str] = {}
        super().__init__(
            username=credentials.username,
            password=credentials.key,
            api_token=credentials.token,
            user_agent="kaggle-relay",
            response_processor=self._note,
        )

    def _init_session(self) -> Any:
        with self._making:  # the SDK's session is there before it has credentials, and uploads go side by side
            is_new = self._session is None
            super()._init_session()
            if is_new:
                for scheme in ("http://", "https://"):
                    self._session.mount(scheme, _TimedAdapter(self._timeout))
            return self._session

    def close(self) -> None:
        """Close the connections that wait to be used again."""
        if self._session is not None:
            self._session.close()

    def _note(self, response: requests.Response) -> None:
        self.latest_headers = dict(response.headers)


class _TimedAdapter(HTTPAdapter):
    """Sends with a time limit, and at once: through a proxy, urllib3 would hold small requests back for 40 ms."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        super().__init__(pool_maxsize=_POOL_SIZE)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        return super().send(request, **{**options, "timeout": self._timeout})

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        at_once = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        return super().proxy_manager_for(proxy, **{**options, "socket_options": at_once})


_POOL_SIZE = 10
_LONGEST_VALUE = 60


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def _refuse_what_no_header_holds(credentials: Credentials) -> None:
    given = (each for each in (credentials.token, credentials.username, credentials.key) if each is not None)
    if not all(each.isascii() and each.isprintable() for each in given):
        problem, remedy = "hold characters that cannot be sent", "save them again as Kaggle gave them"
        raise CredentialsError(f"the credentials in {credentials.source}", problem, remedy)


def _status(answer: requests.Response) -> int:
    """The status of an error; the API may say it in the body of a 200."""
    if answer.status_code >= requests.codes.bad_request:
        return answer.status_code
    try:
        return int(answer.json()["code"])
    except (ValueError, KeyError, TypeError):
        return int(requests.codes.server_error)


def _in_words(error: Exception) -> str:
    """Why there was no answer; the error itself may hold the whole request."""
    cut = (requests.exceptions.InvalidJSONError, requests.exceptions.ChunkedEncodingError)
    if isinstance(error, cut):
        return "it was cut short, or cannot be read"
    if isinstance(error, requests.Timeout):
        return "timed out"
    if isinstance(error, requests.exceptions.ProxyError):
        return "no connection through the proxy"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate cannot be trusted"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return type(error).__name__
