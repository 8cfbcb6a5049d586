"""Kaggle's remote procedure calls: requests become the client's own types, answers the JSON that it reads."""

from __future__ import annotations

import functools
import importlib.metadata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from emulator.settings import ErrorStyle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.core import Emulator

_STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    500: "INTERNAL",
}
API_VERSION_HEADER = "X-Kaggle-ApiVersion"


class ApiError(Exception):
    """What ends a call with an error body.

    Args:
        status: the HTTP status.
        message: the sentence that the client shows.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def response(self, style: ErrorStyle) -> Response:
        """Its body in one of Kaggle's two forms."""
        body: dict[str, Any] = {"code": self.status, "message": self.message}
        if style is ErrorStyle.NESTED:
            body = {"error": {**body, "status": _STATUS_NAMES.get(self.status, "UNKNOWN")}}
        return JSONResponse(body, self.status, headers=version_header())


def denied(permission: str) -> ApiError:
    """What Kaggle answers about what is not there as well as about what somebody may not see."""
    return ApiError(403, f"Permission '{permission}' was denied")


@dataclass(frozen=True)
class Caller:
    """Who calls, and what is called.

    Args:
        emulator: the emulator.
        user: who has shown a valid key.
    """

    emulator: Emulator
    user: str


@dataclass(frozen=True)
class Call:
    """A procedure.

    Args:
        request: the client's type of its request.
        handle: answers with an object of the client's, with plain JSON, or with a whole response.
        is_slow: whether it reads or writes whole files, so that other calls are not to wait for it.
        is_open: whether it needs no credentials; then the user's name is empty.
    """

    request: Any
    handle: Callable[[Caller, Any], Any]
    is_slow: bool = False
    is_open: bool = False

    def parse(self, body: Any) -> Any:
        """The request that `body` is.

        Raises:
            ApiError: it is none.
        """
        if not isinstance(body, dict):
            raise ApiError(400, "The request is not a JSON object")
        try:
            return self.request.from_dict(body)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ApiError(400, f"The request cannot be read: {error}") from error


def answer(result: Any) -> Response:
    """The response for what a procedure returned; default values are left out, as Kaggle does."""
    if isinstance(result, Response):
        return result
    body = result if isinstance(result, dict) else result.to_dict()
    return JSONResponse(body, headers=version_header())


@functools.cache
def version_header() -> Mapping[str, str]:
    """The newest client that there is: the installed one, so that it does not ask for an update."""
    return {API_VERSION_HEADER: importlib.metadata.version("kaggle")}


def moment(seconds: float) -> datetime:
    """A time as the client's types have it: UTC, without saying so."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
