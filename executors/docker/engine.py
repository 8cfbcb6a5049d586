"""The Docker engine: how it is reached, and what its refusals mean in one sentence."""

from __future__ import annotations

import contextlib
import os
import struct
from typing import TYPE_CHECKING

import docker
from docker.context import ContextAPI
from docker.errors import APIError, DockerException, ImageNotFound, create_api_error_from_http_exception
from requests.exceptions import HTTPError as RequestHTTPError
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from contract.errors import BackendError, BackendUnreachableError
from contract.make import target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response

HOST_VARIABLE = "DOCKER_HOST"
CONTEXT_VARIABLE = "DOCKER_CONTEXT"
DEFAULT_CONTEXT = "default"
OWN_IMAGE = "kaggle-relay"
ANSWER_SECONDS = 60
"""How long one answer may take; an engine that removes gigabytes takes its time."""

_NO_SPACE = "no space left on device"
_NO_GPU = ("could not select device driver", "nvidia-container-cli", "unresolvable CDI devices", "libnvidia-ml")


_FRAME = struct.Struct(">BxxxL")
"""The head of a frame: which stream, and how many bytes follow
(https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach)."""

_ERROR_STREAM = 3


class NoGpuError(BackendError):
    """The engine has no GPU to give to a container."""


def open_engine() -> docker.DockerClient:
    """The engine that `docker` on the command line talks to: by DOCKER_HOST, else by its context.

    Raises:
        BackendUnreachableError: it gives no answer.
        BackendError: this user may not talk to it.
    """
    with talking_to_engine():
        return docker.from_env(timeout=ANSWER_SECONDS)


def ask(api: docker.APIClient, of: str, *, stream: bool, **parameters: str | float) -> Response:
    """The engine's answer to a GET request, within a time: the SDK would wait forever for a stream that stalls.

    Args:
        api: the engine.
        of: what is asked for, below the version, such as `/info`.
        stream: whether the answer is read piece by piece.
        parameters: of the request.

    Raises:
        APIError: it refuses.
        RequestException: it gives no answer in time.
    """
    url = f"{api.base_url}/v{api.api_version}{of}"
    response = api.get(url, params=parameters, timeout=ANSWER_SECONDS, stream=stream)
    try:
        response.raise_for_status()
    except RequestHTTPError as error:
        create_api_error_from_http_exception(error)
    return response


def parse_frames(answer: bytes) -> list[bytes]:
    """The frames of a log as the engine sends it; one that was cut off at the end is left out.

    Raises:
        RequestException: the engine failed half-way, and says why.
    """
    frames, at = [], 0
    while at + _FRAME.size <= len(answer):
        stream, length = _FRAME.unpack_from(answer, at)
        at += _FRAME.size
        if stream == _ERROR_STREAM:
            raise RequestException(answer[at : at + length].decode(errors="replace"))
        if at + length <= len(answer):
            frames.append(answer[at : at + length])
        at += length
    return frames


@contextlib.contextmanager
def talking_to_engine(image: str = "") -> Iterator[None]:
    """Turn what the engine refuses inside into errors of ours.

    Args:
        image: that a container is made from.

    Raises:
        BackendUnreachableError: the engine gives no answer.
        BackendError: it refuses.
    """
    try:
        yield
    except (DockerException, RequestException, HTTPError) as error:
        raise explained(error, image) from error


def explained(error: Exception, image: str = "") -> BackendError:
    """What an exception of the SDK says, with the next command."""
    if isinstance(error, ImageNotFound):
        return _missing_image(image)
    if isinstance(error, APIError):
        return _refusal(" ".join(str(error.explanation or error).split()))
    if _holds(error, PermissionError):
        remedy = "allow yourself with `sudo usermod --append --groups docker $USER`, then log in again"
        return BackendError(_engine(), "permission to use it is denied", remedy)
    if _holds(error, OSError) or _holds(error, HTTPError):
        remedy = f"start Docker Desktop, or run `make engine` on Debian; {HOST_VARIABLE} names another engine"
        return BackendUnreachableError(_engine_asked(), f"gives no answer ({_reason(error)})", remedy)
    return BackendError(_engine(), f"cannot be used: {' '.join(str(error).split())}", f"correct {HOST_VARIABLE}")


def _missing_image(image: str) -> BackendError:
    name, _, tag = image.partition(":")
    profile = tag.removesuffix("-user")
    if name == OWN_IMAGE:
        remedy = f"run `{target('image')}`" if profile == "cpu" else f"run `{target('image', profile=profile)}`"
    else:
        remedy = f"run `docker pull {image}`, or name another with `docker: {{image: …}}` in jobs.yaml"
    return BackendError(f"image {image}", "is not there", remedy)


def _refusal(text: str) -> BackendError:
    if _NO_SPACE in text:
        remedy = "free some with `docker system prune`, then run the same command again"
        return BackendError(_engine(), "its disk is full", remedy)
    if any(each in text for each in _NO_GPU):
        remedy = "install the NVIDIA driver and the NVIDIA Container Toolkit, or set `device: cpu`"
        return NoGpuError(_engine(), f"has no GPU for the session ({text})", remedy)
    return BackendError(_engine(), f"refuses: {text}", "see `docker info` and the settings below `docker` in jobs.yaml")


def _engine() -> str:
    host = os.environ.get(HOST_VARIABLE)
    return f"Docker engine {host}" if host else "Docker engine"


def _engine_asked() -> str:
    """The engine with the address that was asked, and the context that names it."""
    if os.environ.get(HOST_VARIABLE):
        return _engine()
    try:
        context = ContextAPI.get_context(os.environ.get(CONTEXT_VARIABLE))
    except (DockerException, OSError, ValueError, KeyError, TypeError, AttributeError):
        return _engine()  # a context that the SDK cannot read, which it says elsewhere
    if context is None or not context.Host:
        return _engine()
    named = f", of context {context.name}" if context.name != DEFAULT_CONTEXT else ""
    return f"Docker engine {context.Host.removeprefix('http+')}{named}"


def _causes(error: object) -> Iterator[BaseException]:
    """The exception, what it was raised from, and the exceptions that it was given as arguments."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]


def _holds(error: Exception, kind: type[BaseException]) -> bool:
    return any(isinstance(each, kind) for each in _causes(error))


def _reason(error: Exception) -> str:
    """What the system said, where it said something."""
    said = [each.strerror for each in _causes(error) if isinstance(each, OSError) and each.strerror]
    return said[-1] if said else type(error).__name__
