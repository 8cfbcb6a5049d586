"""What the engine refuses, in one sentence with the next command."""

from __future__ import annotations

import gc
import hashlib
import json
import re
import socket
import warnings
from typing import TYPE_CHECKING

import pytest
import requests
from docker.errors import APIError, DockerException, ImageNotFound, TLSParameterError
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from contract.errors import BackendError, BackendUnreachableError
from executors.docker.engine import NoGpuError, explained, open_engine, parse_frames, talking_to_engine

if TYPE_CHECKING:
    from pathlib import Path

START_IT = "start Docker Desktop, or run `make engine` on Debian; DOCKER_HOST names another engine"
NO_GPU = 'could not select device driver "" with capabilities: [[gpu]]'
NO_DRIVER = (
    "OCI runtime create failed: container_linux.go:380: starting container process caused: error running hook: exit "
    "status 1, stderr: nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown"
)


def refusal(explanation: str, status: int = 500) -> APIError:
    response = requests.Response()
    response.status_code = status
    return APIError("refused", response=response, explanation=explanation)


def failed_connection(cause: BaseException) -> DockerException:
    """As the SDK raises it when it asks for the engine's version."""
    connection = requests.exceptions.ConnectionError(ProtocolError("Connection aborted.", cause))
    error = DockerException(f"Error while fetching server API version: {connection}")
    error.__cause__ = connection
    return error


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def test_an_engine_that_is_not_there_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = f"unix://{tmp_path}/docker.sock"
    monkeypatch.setenv("DOCKER_HOST", host)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the SDK leaves the socket that found nobody to the collector
        with pytest.raises(BackendUnreachableError) as raised:
            open_engine()
        sentence = str(raised.value)
        del raised
        gc.collect()
    assert sentence == f"Docker engine {host}: gives no answer (No such file or directory); {START_IT}"


def test_an_engine_of_a_context_that_is_not_there_is_named_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"unix://{tmp_path}/docker.sock"
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    described = tmp_path / "contexts" / "meta" / hashlib.sha256(b"moon").hexdigest() / "meta.json"
    described.parent.mkdir(parents=True)
    told = {"Name": "moon", "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}
    described.write_text(json.dumps(told), encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "moon"}), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # likewise
        with pytest.raises(BackendUnreachableError) as raised:
            open_engine()
        sentence = str(raised.value)
        del raised
        gc.collect()
    assert sentence == f"Docker engine {host}, of context moon: gives no answer (No such file or directory); {START_IT}"
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    reset = str(explained(failed_connection(ConnectionResetError(104, "Connection reset by peer"))))
    assert re.match(r"Docker engine (unix|npipe)://\S+: gives no answer \(Connection reset by peer\)", reset)


def test_an_engine_elsewhere_that_is_down_is_unreachable(monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free_port}")
    with pytest.raises(BackendUnreachableError, match=r"gives no answer \(.*\); start Docker Desktop"):
        open_engine()


def test_an_address_that_is_none_is_no_reason_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "moon://docker")
    with pytest.raises(
        BackendError, match=r"Docker engine moon://docker: cannot be used: .*; correct DOCKER_HOST"
    ) as raised:
        open_engine()
    assert not isinstance(raised.value, BackendUnreachableError)


def test_a_socket_of_others_says_how_to_be_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    error = explained(failed_connection(PermissionError(13, "Permission denied")))
    assert not isinstance(error, BackendUnreachableError)
    assert str(error) == (
        "Docker engine: permission to use it is denied; "
        "allow yourself with `sudo usermod --append --groups docker $USER`, then log in again"
    )


@pytest.mark.parametrize(
    "error",
    [
        failed_connection(ConnectionResetError(104, "Connection reset by peer")),
        requests.exceptions.ReadTimeout("timed out"),
        requests.exceptions.ChunkedEncodingError("Connection broken"),
        ReadTimeoutError(None, "/logs", "Read timed out."),  # type: ignore[arg-type] # as it comes out of a stream
    ],
)
def test_an_answer_that_breaks_off_is_asked_for_again(error: Exception) -> None:
    assert isinstance(explained(error), BackendUnreachableError)


@pytest.mark.parametrize(
    ("image", "remedy"),
    [
        ("kaggle-relay:cpu", "run `make image`"),
        ("kaggle-relay:cpu-user", "run `make image`"),
        ("kaggle-relay:cuda", "run `make image PROFILE=cuda`"),
        (
            "debian:12",
            "run `docker pull debian:12`, or name another with `docker: {image: …}` in jobs.yaml",
        ),
    ],
)
def test_a_missing_image_says_how_to_get_it(image: str, remedy: str) -> None:
    error = ImageNotFound(f"No such image: {image}")
    assert str(explained(error, image)) == f"image {image}: is not there; {remedy}"


@pytest.mark.parametrize("text", [NO_GPU, NO_DRIVER])
def test_a_missing_gpu_says_what_it_takes(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    error = explained(refusal(text))
    assert isinstance(error, NoGpuError)
    remedy = "install the NVIDIA driver and the NVIDIA Container Toolkit, or set `device: cpu`"
    assert str(error) == f"Docker engine: has no GPU for the session ({text}); {remedy}"


def test_a_full_disk_says_how_to_free_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    error = explained(refusal("write /var/lib/docker/tmp/x: no space left on device"))
    remedy = "free some with `docker system prune`, then run the same command again"
    assert str(error) == f"Docker engine: its disk is full; {remedy}"


def test_any_other_refusal_is_passed_on_in_one_line() -> None:
    error = explained(refusal("invalid reference\nformat", 400))
    assert "refuses: invalid reference format; see" in str(error)
    assert isinstance(explained(TLSParameterError("no certificate")), BackendError)


def test_what_is_no_answer_of_the_engine_passes() -> None:
    with pytest.raises(KeyError), talking_to_engine():
        raise KeyError("ours")
    with pytest.raises(BackendError, match="refuses: busy"), talking_to_engine():
        raise refusal("busy")


def frame(content: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


@pytest.mark.parametrize("cut", [1, 3, 8, 11])
def test_a_log_is_frames_of_which_the_last_may_be_cut_off(cut: int) -> None:
    whole = frame(b"one\n") + frame(b"", 2) + frame(b"two\n", 2)
    assert parse_frames(whole) == [b"one\n", b"", b"two\n"]
    assert parse_frames(whole[:-cut]) == [b"one\n", b""]
    assert parse_frames(b"") == []


def test_a_log_that_the_engine_cannot_read_to_its_end_is_asked_for_again() -> None:
    answer = frame(b"one\n") + frame(b"Error grabbing logs: unexpected EOF\n", 3)
    with pytest.raises(BackendUnreachableError), talking_to_engine():
        parse_frames(answer)
