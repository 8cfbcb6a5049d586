"""A small app behind the faults' middleware, on a real server: what faults do to connections needs real ones."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from typing import TYPE_CHECKING, Self

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from emulator.faults.middleware import ADMIN_PATH, FaultInjection
from emulator.faults.plan import FaultPlan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

PUSH = "/api/v1/kernels.KernelsApiService/SaveKernel"
STATUS = "/api/v1/kernels.KernelsApiService/GetKernelSessionStatus"
LOGS = "/api/v1/kernels/logs/stream/ann/a-kernel"
FILE = "/files/3/model.bin"
UPLOAD = "/upload/token-1"
CONTENT = bytes(range(256)) * 400
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Whose certificates a client takes: none is shown, and to read whom the world trusts takes long."""


class ToyKaggle:
    """Counts what it was asked to do; its kernel's status moves on with each question."""

    def __init__(self) -> None:
        self.plan = FaultPlan()
        self.pushes = 0
        self.uploaded: dict[str, bytes] = {}
        self.questions: list[dict[str, str]] = []
        self._states = iter(["QUEUED", "RUNNING", *["COMPLETE"] * 100])
        routes = [
            Route(PUSH, self._push, methods=["POST"]),
            Route(STATUS, self._status, methods=["POST"]),
            Route("/upload/{token}", self._upload, methods=["PUT"]),
            Route(FILE, self._file),
            Route(LOGS, self._logs),
        ]
        self.app = FaultInjection(Starlette(routes=routes), self.plan)

    async def _push(self, _: Request) -> Response:
        self.pushes += 1
        return JSONResponse({"versionNumber": self.pushes})

    async def _status(self, request: Request) -> Response:
        self.questions.append(await request.json())
        return JSONResponse({"status": next(self._states)})

    async def _upload(self, request: Request) -> Response:
        kept = bytearray()
        token = request.path_params["token"]
        try:
            async for piece in request.stream():
                kept += piece
        finally:
            self.uploaded[token] = bytes(kept)
        return JSONResponse({})

    async def _file(self, _: Request) -> Response:
        return PlainTextResponse(CONTENT, media_type="application/octet-stream")

    async def _logs(self, request: Request) -> Response:
        async def lines() -> AsyncIterator[str]:
            yield f"data: {request.query_params.get('versionLabel', 'latest')}\n\n"
            await asyncio.sleep(30)
            yield "data: END_OF_LOG\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")


class ToyServer:
    """Serves an app, or else whichever toy is set, on a free port.

    Starting a server for each test would take most of the time.
    """

    def __init__(self, app: ASGIApp | None = None) -> None:
        self.toy = ToyKaggle()
        self._app = app
        config = uvicorn.Config(
            self._serve, host="127.0.0.1", port=0, interface="asgi3", lifespan="off", log_level="error"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._app or self.toy.app)(scope, receive, send)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def client(self) -> httpx.Client:
        """A client of it."""
        return httpx.Client(base_url=self.url, timeout=10, trust_env=False, verify=NOBODY)


def journal(client: httpx.Client) -> list[tuple[str, str, int]]:
    """What was injected: each fault's kind, its call, and which of the rule's calls that was."""
    injected = client.get(ADMIN_PATH).json()["journal"]
    return [(each["kind"], each["call"], each["nth"]) for each in injected]
