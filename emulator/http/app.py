"""The ASGI application: every route of the emulator, and its background task.

What stands around it, faults and all, is in `emulator.server`. `app.state.emulator` is the `Emulator`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse
from starlette.routing import Route

from emulator.calls import access_tokens, dataset_settings
from emulator.calls import datasets as dataset_calls
from emulator.calls import kernels as kernel_calls
from emulator.calls import outputs as output_calls
from emulator.calls import uploads as upload_calls
from emulator.calls.wire import ApiError, Caller, answer
from emulator.http import downloads, page, uploads
from emulator.http.overview import overview
from emulator.sessions.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from emulator.calls.wire import Call
    from emulator.core import Emulator

CALLS: dict[str, Call] = {
    **kernel_calls.CALLS,
    **output_calls.CALLS,
    **dataset_calls.CALLS,
    **dataset_settings.CALLS,
    **upload_calls.CALLS,
    **access_tokens.CALLS,
}
UNAUTHENTICATED = "Authentication required to call the Kaggle API."
_STREAM = CALLS["kernels.KernelsApiService/GetKernelSessionLogsStream"]


def create_app(emulator: Emulator) -> Starlette:
    """The application that answers for `emulator`, moves its sessions along, and closes it at its end."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(Scheduler(emulator).run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        emulator.close()

    app = Starlette(
        routes=[
            Route("/api/v1/{service}/{method}", call, methods=["POST"]),
            Route("/api/v1/kernels/logs/stream/{owner}/{slug}", stream_log, methods=["GET"]),
            Route("/upload/{token}", uploads.put, methods=["PUT"]),
            Route("/files/{kind}/{number:int}/{path:path}", downloads.get, methods=["GET", "HEAD"]),
            Route("/code/{ref:path}", _to_page),
            Route("/datasets/{ref:path}", _to_page),
            *page.routes(lambda: overview(emulator)),
        ],
        exception_handlers={ApiError: _error, 404: _missing, Exception: _error},
        lifespan=lifespan,
    )
    app.state.emulator = emulator
    return app


async def call(request: Request) -> Response:
    """Answer a remote procedure call."""
    called = CALLS.get(f"{request.path_params['service']}/{request.path_params['method']}")
    caller = _caller(request, is_open=called is not None and called.is_open)
    if called is None:
        raise ApiError(404, "Not found")
    body = await request.body()
    try:
        asked = called.parse(json.loads(body) if body else {})
    except ValueError as error:
        raise ApiError(400, "The request is not JSON") from error
    if called.is_slow:
        return answer(await run_in_threadpool(called.handle, caller, asked))
    return answer(called.handle(caller, asked))


async def _to_page(_request: Request) -> Response:
    """A page of Kaggle's that is not there: the status page shows its kernel or dataset."""
    return RedirectResponse("/")


async def stream_log(request: Request) -> Response:
    """The log of a session, by the path that the client uses for it."""
    names = {
        "userName": request.path_params["owner"],
        "kernelSlug": request.path_params["slug"],
        "versionLabel": request.query_params.get("versionLabel", ""),
    }
    return answer(_STREAM.handle(_caller(request), _STREAM.parse(names)))


def _caller(request: Request, *, is_open: bool = False) -> Caller:
    emulator: Emulator = request.app.state.emulator
    user = emulator.accounts.authorized_user(request.headers.get("authorization"))
    if user is None and not is_open:
        raise ApiError(401, UNAUTHENTICATED)
    return Caller(emulator, user or "")


async def _error(request: Request, error: Exception) -> Response:
    emulator: Emulator = request.app.state.emulator
    refused = error if isinstance(error, ApiError) else ApiError(500, "Internal error")
    return refused.response(emulator.settings.error_style)


async def _missing(request: Request, _error_found: Exception) -> Response:
    return await _error(request, ApiError(404, "Not found"))
