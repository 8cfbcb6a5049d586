"""Faults over real connections: what a client sees, what the app has done, what the journal says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from emulator.faults.middleware import ADMIN_PATH, HEADER
from tests.emulator.toy_server import CONTENT, FILE, LOGS, PUSH, STATUS, UPLOAD, ToyKaggle, ToyServer, journal

if TYPE_CHECKING:
    from collections.abc import Iterator

PUSH_CALL = "kernels.KernelsApiService/SaveKernel"
STATUS_CALL = "kernels.KernelsApiService/GetKernelSessionStatus"


@pytest.fixture(scope="module")
def server() -> Iterator[ToyServer]:
    with ToyServer() as server:
        yield server


@pytest.fixture
def toy(server: ToyServer) -> ToyKaggle:
    server.toy = ToyKaggle()
    return server.toy


@pytest.fixture
def client(server: ToyServer, toy: ToyKaggle) -> Iterator[httpx.Client]:
    assert toy.pushes == 0
    with server.client() as client:
        yield client


def impose(client: httpx.Client, **rule: Any) -> None:
    assert client.post(ADMIN_PATH, json=rule).status_code == 201


def what_arrives(answer: httpx.Response) -> bytes:
    """The body of an answer that breaks off."""
    seen = bytearray()

    def read() -> None:
        for piece in answer.iter_raw():
            seen.extend(piece)

    with pytest.raises(httpx.RemoteProtocolError):
        read()
    return bytes(seen)


@pytest.mark.parametrize(
    ("kind", "code", "retry_after"),
    [("too-many-requests", 429, "7"), ("server-error", 500, None), ("unavailable", 503, "7")],
)
def test_a_refused_call_is_not_carried_out(
    toy: ToyKaggle, client: httpx.Client, kind: str, code: int, retry_after: str | None
) -> None:
    impose(client, kind=kind, call="SaveKernel", first=1, **({"retry_after": 7} if retry_after else {}))
    refused = client.post(PUSH, json={"slug": "ann/a-kernel"})
    assert refused.status_code == code
    assert refused.json()["error"]["code"] == code
    assert refused.headers.get("retry-after") == retry_after
    assert toy.pushes == 0
    assert client.post(PUSH, json={}).json() == {"versionNumber": 1}
    assert journal(client) == [(kind, PUSH_CALL, 1)]


@pytest.mark.parametrize("kind", ["server-error", "reset", "time-out"])
def test_afterwards_only_the_answer_is_lost(toy: ToyKaggle, client: httpx.Client, kind: str) -> None:
    impose(client, kind=kind, call="SaveKernel", first=1, after=True, **({"seconds": 0} if kind == "time-out" else {}))
    if kind == "server-error":
        assert client.post(PUSH, json={}).status_code == 500
    else:
        with pytest.raises(httpx.NetworkError):
            client.post(PUSH, json={})
    assert toy.pushes == 1
    assert client.post(PUSH, json={}).json() == {"versionNumber": 2}


def test_a_reset_connection_is_reset_and_not_merely_closed(toy: ToyKaggle, client: httpx.Client) -> None:
    impose(client, kind="reset", call="SaveKernel", first=1)
    with pytest.raises(httpx.ReadError, match=r"reset|forcibly closed"):
        client.post(PUSH, json={})
    assert toy.pushes == 0


def test_a_call_that_times_out_is_held_and_then_cut(toy: ToyKaggle, client: httpx.Client) -> None:
    impose(client, kind="time-out", call="SaveKernel", seconds=0.3, first=1)
    impose(client, kind="time-out", call="SaveKernel", seconds=2.0, skip=1)
    start = time.monotonic()
    with pytest.raises(httpx.NetworkError):  # no ReadTimeout: it is cut before this client's patience ends
        client.post(PUSH, json={})
    assert time.monotonic() - start >= 0.3
    with pytest.raises(httpx.ReadTimeout):
        client.post(PUSH, json={}, timeout=0.1)
    assert toy.pushes == 0


def test_half_of_a_file_arrives(client: httpx.Client) -> None:
    impose(client, kind="truncated", call="download", first=1)
    with client.stream("GET", FILE) as answer:
        assert answer.headers["content-length"] == str(len(CONTENT))
        assert what_arrives(answer) == CONTENT[: len(CONTENT) // 2]
    assert client.get(FILE).content == CONTENT


def test_a_body_can_be_cut_before_its_first_byte_and_before_its_last(client: httpx.Client) -> None:
    impose(client, kind="truncated", call="download", bytes=0, first=1)
    impose(client, kind="truncated", call="download", bytes=10 * len(CONTENT), skip=1)
    for arrived in (0, len(CONTENT) - 1):
        with client.stream("GET", FILE) as answer:
            assert what_arrives(answer) == CONTENT[:arrived]


def test_a_log_stream_breaks_off_in_its_first_line(client: httpx.Client) -> None:
    impose(client, kind="truncated", call="log-stream")
    with client.stream("GET", LOGS) as answer:
        assert what_arrives(answer) == b"data: latest\n\n"[:7]


def test_a_page_stands_in_for_a_file(client: httpx.Client) -> None:
    impose(client, kind="html-403", call="download", first=1)
    page = client.get(FILE)
    assert (page.status_code, page.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert b"<html>" in page.content


def test_a_dropped_blob_is_acknowledged_and_not_kept(toy: ToyKaggle, client: httpx.Client) -> None:
    impose(client, kind="dropped-blob", call="upload", first=1)
    assert client.put(UPLOAD, content=CONTENT).status_code == 200
    assert toy.uploaded == {}
    assert client.put(UPLOAD, content=CONTENT).status_code == 200
    assert toy.uploaded == {"token-1": CONTENT}


def test_an_upload_is_cut_and_its_beginning_arrives(toy: ToyKaggle, client: httpx.Client) -> None:
    impose(client, kind="cut-upload", call="upload", bytes=1000)
    with pytest.raises(httpx.NetworkError):
        client.put(UPLOAD, content=CONTENT)
    assert toy.uploaded == {"token-1": CONTENT[:1000]}


def test_a_status_is_answered_from_an_earlier_moment(client: httpx.Client) -> None:
    impose(client, kind="earlier-answer", call="GetKernelSessionStatus", every=2)
    answers = [client.post(STATUS, json={"kernelSlug": "a-kernel"}).json()["status"] for _ in range(5)]
    assert answers == ["QUEUED", "RUNNING", "QUEUED", "COMPLETE", "QUEUED"]
    assert journal(client) == [("earlier-answer", STATUS_CALL, 2), ("earlier-answer", STATUS_CALL, 4)]


def test_the_last_status_is_given_twice(client: httpx.Client) -> None:
    impose(client, kind="earlier-answer", call="GetKernelSessionStatus", back=1, every=2)
    answers = [client.post(STATUS, json={}).json()["status"] for _ in range(4)]
    assert answers == ["QUEUED", "RUNNING", "RUNNING", "COMPLETE"]


def test_another_question_has_other_earlier_answers(client: httpx.Client) -> None:
    impose(client, kind="earlier-answer", call="GetKernelSessionStatus")
    answers = [client.post(STATUS, json={"kernelSlug": slug}).json()["status"] for slug in ("one", "two", "one", "two")]
    assert answers == ["QUEUED", "RUNNING", "QUEUED", "RUNNING"]


def test_the_question_is_asked_about_another_version(toy: ToyKaggle, client: httpx.Client) -> None:
    impose(client, kind="other-version", version=3)
    client.post(STATUS, json={"kernelSlug": "a-kernel", "versionLabel": "v9"})
    assert toy.questions == [{"kernelSlug": "a-kernel", "versionLabel": "v3"}]
    with client.stream("GET", LOGS) as answer:
        assert next(answer.iter_raw()) == b"data: v3\n\n"


def test_a_status_that_nobody_knows(client: httpx.Client) -> None:
    impose(client, kind="unknown-status", call="GetKernelSessionStatus", first=1)
    answers = [client.post(STATUS, json={}).json()["status"] for _ in range(2)]
    assert answers == ["FLYING", "RUNNING"]


def test_any_field_of_an_answer_can_be_another(client: httpx.Client) -> None:
    impose(client, kind="answer", call="SaveKernel", fields={"error": "The quota is used up"})
    assert client.post(PUSH, json={}).json() == {"versionNumber": 1, "error": "The quota is used up"}


def test_a_request_brings_its_own_fault(toy: ToyKaggle, client: httpx.Client) -> None:
    refused = client.post(PUSH, json={}, headers={HEADER: "too-many-requests; retry_after=3; after=true"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
    assert toy.pushes == 1
    assert client.get(ADMIN_PATH).json()["journal"][0]["rule"] == 0


@pytest.mark.parametrize("text", ["no-such-fault", "reset; secnds=1", "earlier-answer"])
def test_a_header_that_is_no_rule_is_refused(toy: ToyKaggle, client: httpx.Client, text: str) -> None:
    refused = client.post(PUSH, json={}, headers={HEADER: text})
    assert refused.status_code == 400
    assert "header" in refused.json()["message"]
    assert toy.pushes == 0


def test_the_admin_route_counts_calls_and_forgets_everything(client: httpx.Client) -> None:
    impose(client, kind="server-error", call="SaveKernel", every=2)
    codes = [client.post(PUSH, json={}).status_code for _ in range(4)]
    assert codes == [200, 500, 200, 500]
    state = client.get(ADMIN_PATH).json()
    assert state["rules"] == [
        {"rule": 1, "kind": "server-error", "call": "SaveKernel", "every": 2, "calls_seen": 4, "injected": 2}
    ]
    assert state["calls"] == {PUSH_CALL: 4}
    assert client.delete(ADMIN_PATH).json() == {"rules": [], "journal": [], "calls": {}}
    assert client.post(PUSH, json={}).status_code == 200


@pytest.mark.parametrize(
    ("method", "content", "code"),
    [("POST", b"{", 400), ("POST", b'{"kind": "none"}', 400), ("POST", b"7", 400), ("PATCH", b"", 405)],
)
def test_what_the_admin_route_refuses_it_says(client: httpx.Client, method: str, content: bytes, code: int) -> None:
    refused = client.request(method, ADMIN_PATH, content=content)
    assert refused.status_code == code
    assert ADMIN_PATH in refused.json()["message"]
    assert client.get(ADMIN_PATH).json()["rules"] == []
