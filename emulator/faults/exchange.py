"""One request and its answer, and what can be done to them: read, replay, capture, cut."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import ClientDisconnect

from emulator.faults.plan import Answer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HANG_UP_SECONDS = 5.0
_DISCONNECT: dict[str, str] = {"type": "http.disconnect"}
# On close, drop what is not sent and answer with a reset: linger on, for 0 seconds (winsock.h has shorts there).
_RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


@dataclass(frozen=True)
class Exchange:
    """A request on its way to the app.

    Args:
        app: which would answer it.
        scope: of the request.
        receive: its body, in pieces.
        send: takes the answer, in pieces: uvicorn's own, since the connection is behind it.
    """

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send

    async def body(self) -> bytes:
        """The request's whole body, of which nothing must have been received."""
        pieces = []
        more = True
        while more:
            message = await self.receive()
            pieces.append(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
        return b"".join(pieces)

    def with_body(self, body: bytes) -> Exchange:
        """This exchange with another body, or with the one that was read."""
        given = False

        async def receive() -> Message:
            nonlocal given
            if given:
                return await self.receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        headers = [(name, value) for name, value in self.scope["headers"] if name != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        return replace(self, scope={**self.scope, "headers": headers}, receive=receive)

    async def pass_on(self) -> None:
        """Let the app answer as if nothing were."""
        await self.app(self.scope, self.receive, self.send)

    async def carry_out(self) -> None:
        """Let the app do its work, and drop its answer; what it did not read of the body is read afterwards."""
        more = True

        async def receive() -> Message:
            nonlocal more
            message = await self.receive()
            more = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def drop(_: Message) -> None:
            """Nobody hears it."""

        with contextlib.suppress(ClientDisconnect):
            await self.app(self.scope, receive, drop)
        while more:
            await receive()

    async def answer_of_app(self) -> Answer:
        """What the app answers, unsent."""
        start: Message = {}
        pieces: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                pieces.append(message.get("body", b""))

        await self.app(self.scope, self.receive, keep)
        return Answer(start["status"], list(start.get("headers", [])), b"".join(pieces))

    async def give(self, answer: Answer) -> None:
        """Send an answer whole; its length is told anew."""
        headers = [(name, value) for name, value in answer.headers if name.lower() != b"content-length"]
        headers.append((b"content-length", str(len(answer.body)).encode()))
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": answer.body})

    async def wait_for_client(self, seconds: float) -> None:
        """Return once the client has gone, or `seconds` later."""

        async def gone() -> None:
            while (await self.receive())["type"] != "http.disconnect":
                pass

        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(gone(), seconds)

    async def reset(self) -> None:
        """Cut the connection so that the client sees it reset."""
        transport = self._transport()
        with contextlib.suppress(OSError):
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
        await self.wait_for_client(_HANG_UP_SECONDS)

    async def hang_up(self) -> None:
        """Close the connection after what was sent, as if the answer ended here."""
        self._transport().close()
        await self.wait_for_client(_HANG_UP_SECONDS)

    def _transport(self) -> asyncio.Transport:
        # ASGI has no word for cutting a connection. Each of uvicorn's HTTP protocols hands the app the bound method
        # `send` of the object that holds the connection.
        cycle: Any = getattr(self.send, "__self__", None)
        return cast("asyncio.Transport", cycle.transport)


def disconnected() -> Message:
    """What a server tells an app whose client has gone."""
    return dict(_DISCONNECT)
