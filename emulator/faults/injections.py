"""What each kind of fault does to an exchange."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.requests import ClientDisconnect

from emulator.faults.exchange import disconnected
from emulator.faults.plan import Answer
from emulator.faults.rules import Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message

    from emulator.faults.exchange import Exchange
    from emulator.faults.rules import Rule

_JSON = [(b"content-type", b"application/json")]
_HTML = [(b"content-type", b"text/html; charset=utf-8")]
_FORBIDDEN_PAGE = b"""<!doctype html>
<html><head><title>Error 403 (Forbidden)</title></head>
<body><h1>403. That's an error.</h1><p>Your client does not have permission to get this URL.</p></body></html>
"""
_REFUSALS = {
    Kind.TOO_MANY_REQUESTS: (429, "RESOURCE_EXHAUSTED", "Too many requests"),
    Kind.SERVER_ERROR: (500, "INTERNAL", "Internal server error"),
    Kind.UNAVAILABLE: (503, "UNAVAILABLE", "The service is unavailable"),
}


async def inject(rule: Rule, exchange: Exchange) -> None:
    """Do to the exchange what the rule says."""
    await _INJECTIONS[rule.kind](rule, exchange)


async def _refuse(rule: Rule, exchange: Exchange) -> None:
    code, status, message = _REFUSALS[rule.kind]
    headers = list(_JSON)
    if rule.kind is not Kind.SERVER_ERROR and rule.retry_after is not None:
        headers.append((b"retry-after", f"{rule.retry_after:g}".encode()))
    await _work_or_read(rule, exchange)
    body = {"error": {"code": code, "message": message, "status": status}}
    await exchange.give(Answer(code, headers, json.dumps(body).encode()))


async def _forbid_in_html(rule: Rule, exchange: Exchange) -> None:
    await _work_or_read(rule, exchange)
    await exchange.give(Answer(403, _HTML, _FORBIDDEN_PAGE))


async def _time_out(rule: Rule, exchange: Exchange) -> None:
    await _work_or_read(rule, exchange)
    await exchange.wait_for_client(rule.seconds)
    await exchange.reset()


async def _reset(rule: Rule, exchange: Exchange) -> None:
    # Reset while the client still sends, a client would see one of several errors, depending on the moment.
    await _work_or_read(rule, exchange)
    await exchange.reset()


async def _drop_blob(_: Rule, exchange: Exchange) -> None:
    await exchange.body()
    await exchange.give(Answer(200, _JSON, b"{}"))


async def _work_or_read(rule: Rule, exchange: Exchange) -> None:
    if rule.after:
        await exchange.carry_out()
    else:
        await exchange.body()


async def _truncate(rule: Rule, exchange: Exchange) -> None:
    """Send the head of the answer and some of its body, and close the connection."""
    left = rule.bytes
    is_cut = False

    async def send(message: Message) -> None:
        nonlocal left, is_cut
        if is_cut:
            return
        if message["type"] == "http.response.start":
            if left is None and (length := _content_length(message)) is not None:
                left = length // 2
            await exchange.send(message)
            return
        body = message.get("body", b"")
        if left is None and body:  # a stream, whose length nobody knows: half of its first piece
            left = len(body) // 2
        if left is not None and (len(body) > left or not message.get("more_body", False)):
            is_cut = True
            await exchange.send({**message, "body": body[: min(left, max(0, len(body) - 1))], "more_body": True})
            await exchange.hang_up()
            return
        left = left if left is None else left - len(body)
        await exchange.send(message)

    await exchange.app(exchange.scope, exchange.receive, send)


def _content_length(start: Message) -> int | None:
    lengths = [int(value) for name, value in start.get("headers", []) if name.lower() == b"content-length"]
    return lengths[0] if lengths else None


async def _cut_upload(rule: Rule, exchange: Exchange) -> None:
    """Give the app the beginning of the request's body, then cut the connection."""
    lengths = [int(value) for name, value in exchange.scope["headers"] if name == b"content-length"]
    left = (lengths[0] // 2 if lengths else 0) if rule.bytes is None else rule.bytes

    async def receive() -> Message:
        nonlocal left
        if left <= 0:
            return disconnected()
        message = await exchange.receive()
        body = message.get("body", b"")[:left]
        left = left - len(body) if message.get("more_body", False) else 0
        return {**message, "body": body, "more_body": True} if message["type"] == "http.request" else message

    with contextlib.suppress(ClientDisconnect):
        await replace(exchange, receive=receive).carry_out()
    await exchange.reset()


async def _answer_of_other_version(rule: Rule, exchange: Exchange) -> None:
    """Ask the app about a version that the client did not ask about."""
    label = f"v{rule.version}"
    if exchange.scope["method"] != "POST":
        query = urlencode({"versionLabel": label}).encode()
        await replace(exchange, scope={**exchange.scope, "query_string": query}).pass_on()
        return
    question = _mapping(await exchange.body())
    await exchange.with_body(json.dumps({**question, "versionLabel": label}).encode()).pass_on()


async def _patch_answer(rule: Rule, exchange: Exchange) -> None:
    """Replace fields of the true answer, where there is one."""
    answer = await exchange.answer_of_app()
    fields = {"status": rule.status} if rule.kind is Kind.UNKNOWN_STATUS else rule.fields
    body = json.dumps({**_mapping(answer.body), **fields}).encode()
    await exchange.give(replace(answer, body=body))


def _mapping(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


_INJECTIONS: dict[Kind, Callable[[Rule, Exchange], Awaitable[None]]] = {
    Kind.TOO_MANY_REQUESTS: _refuse,
    Kind.SERVER_ERROR: _refuse,
    Kind.UNAVAILABLE: _refuse,
    Kind.TIME_OUT: _time_out,
    Kind.RESET: _reset,
    Kind.TRUNCATED: _truncate,
    Kind.HTML_403: _forbid_in_html,
    Kind.DROPPED_BLOB: _drop_blob,
    Kind.CUT_UPLOAD: _cut_upload,
    Kind.OTHER_VERSION: _answer_of_other_version,
    Kind.UNKNOWN_STATUS: _patch_answer,
    Kind.ANSWER: _patch_answer,
}
