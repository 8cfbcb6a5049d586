"""A file comes whole or not at all, whatever the server does."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import httpx
import pytest

from runner.backends.kaggle.api.answers import NoAnswerError
from runner.backends.kaggle.files.transfer import AddressExpiredError, WantedFile, partial_path, transfer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 4000
PAGE = b"<html>Forbidden</html>"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT as each test wants it."""

    protocol_version = "HTTP/1.1"
    behaviour: ClassVar[str] = ""
    ranges: ClassVar[list[str | None]] = []

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the library's name
        """Nothing."""

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.ranges.append(asked)
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        status, headers, content = answer_of(self.behaviour, begin, is_part=asked is not None)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        is_cut = self.behaviour.startswith("cut")
        if self.behaviour == "cut without a length":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # a client that has seen enough
            self.wfile.write(content[: len(content) // 2] if is_cut else content)
        self.close_connection = is_cut


def answer_of(behaviour: str, begin: int, *, is_part: bool) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and content from `begin` on."""
    place = {"Content-Range": f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"} if is_part else {}
    status, content = 206 if is_part else 200, CONTENT[begin:]
    answers: dict[str, tuple[int, dict[str, str], bytes]] = {
        "no ranges": (200, {}, CONTENT),
        "wrong range": (206, {"Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"}, content),
        "page": (403, {"Content-Type": "text/html"}, PAGE),
        "page as a file": (200, {"Content-Type": "text/html"}, PAGE),
        "busy": (503, {"Retry-After": "3"}, b""),
        "other": (status, place, b"x" * len(content)),
        "endless": (status, place, CONTENT + b"x" * 10_000_000),
        "416": (416, {}, b""),
    }
    return answers.get(behaviour, (status, place, content))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the file is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/a.zip"
        server.shutdown()
        thread.join()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A client as the connection makes one."""
    Server.behaviour, Server.ranges = "", []
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with httpx.Client(timeout=60) as own:
        yield own


@pytest.fixture
def wanted(address: str) -> WantedFile:
    """The file as a manifest lists it."""
    return WantedFile("checkpoints/a.zip", address, SHA256, len(CONTENT))


def test_a_file_comes_whole(client: httpx.Client, wanted: WantedFile, tmp_path: Path) -> None:
    target = tmp_path / "checkpoints" / "a.zip"
    transfer(client, wanted, target)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["a.zip"]
    assert Server.ranges == [None]


@pytest.mark.parametrize("cut", ["cut", "cut without a length"])
def test_what_broke_off_goes_on_where_it_did(
    client: httpx.Client, wanted: WantedFile, tmp_path: Path, cut: str
) -> None:
    Server.behaviour = cut
    with pytest.raises(NoAnswerError, match="broke off"):
        transfer(client, wanted, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
    arrived = partial_path(wanted, tmp_path / "a.zip").stat().st_size
    assert 0 < arrived < len(CONTENT)
    Server.behaviour = ""
    transfer(client, wanted, tmp_path / "a.zip")
    assert Server.ranges == [None, f"bytes={arrived}-"]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_it_all_again(client: httpx.Client, wanted: WantedFile, tmp_path: Path) -> None:
    partial_path(wanted, tmp_path / "a.zip").write_bytes(CONTENT[:1000])
    Server.behaviour = "no ranges"
    transfer(client, wanted, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("behaviour", ["wrong range", "other", "416"])
def test_a_beginning_that_does_not_fit_is_given_up(
    client: httpx.Client, wanted: WantedFile, tmp_path: Path, behaviour: str
) -> None:
    partial_path(wanted, tmp_path / "a.zip").write_bytes(CONTENT[:1000])
    Server.behaviour = behaviour
    with pytest.raises(NoAnswerError):
        transfer(client, wanted, tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []
    Server.behaviour = ""
    transfer(client, wanted, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("behaviour", ["page as a file", "other", "endless"])
def test_anything_else_under_its_name_is_never_a_file(
    client: httpx.Client, wanted: WantedFile, tmp_path: Path, behaviour: str
) -> None:
    Server.behaviour = behaviour
    with pytest.raises(NoAnswerError):
        transfer(client, wanted, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_an_address_that_does_not_work_any_more_is_told_apart(
    client: httpx.Client, wanted: WantedFile, tmp_path: Path
) -> None:
    Server.behaviour = "page"
    with pytest.raises(AddressExpiredError, match="403"):
        transfer(client, wanted, tmp_path / "a.zip")
    Server.behaviour = "busy"
    with pytest.raises(NoAnswerError) as caught:
        transfer(client, wanted, tmp_path / "a.zip")
    assert caught.value.retry_after == 3
    assert list(tmp_path.iterdir()) == []


def test_a_whole_file_that_was_only_not_renamed_is_not_fetched(
    client: httpx.Client, wanted: WantedFile, tmp_path: Path
) -> None:
    partial_path(wanted, tmp_path / "a.zip").write_bytes(CONTENT)
    Server.behaviour = "416"
    transfer(client, wanted, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_a_server_that_is_gone_is_no_answer(client: httpx.Client, tmp_path: Path) -> None:
    with pytest.raises(NoAnswerError, match="ConnectError"):
        transfer(client, WantedFile("a.zip", "http://127.0.0.1:1/a.zip", SHA256, 1), tmp_path / "a.zip")
    with pytest.raises(NoAnswerError):
        transfer(client, WantedFile("a.zip", "", SHA256, 1), tmp_path / "a.zip")
