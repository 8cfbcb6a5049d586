"""Uploads over HTTP: a resumable upload as Google's storage has it.

Source: what the client sends (`KaggleApi.upload_complete`), which names
https://developers.google.com/drive/api/guides/manage-uploads#resume-upload
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response

from emulator.store.uploads import first_byte

if TYPE_CHECKING:
    from starlette.requests import Request

    from emulator.core import Emulator
    from emulator.store.uploads import Upload

RESUME_INCOMPLETE = 308


async def put(request: Request) -> Response:
    """Take the bytes of an upload, from the first that is missing on."""
    emulator: Emulator = request.app.state.emulator
    upload = emulator.uploads.find(request.path_params["token"])
    if upload is None:
        return PlainTextResponse("Not Found", 404)
    try:
        start = first_byte(request.headers.get("content-range"))
    except ValueError:
        return PlainTextResponse("Invalid Content-Range", 400)
    if upload.sha256 is None and start is not None and start <= emulator.uploads.received(upload):
        with contextlib.suppress(ClientDisconnect):  # what has arrived is kept
            await _take(request, emulator, upload, start)
    if upload.sha256 is None and emulator.uploads.received(upload) != upload.bytes:
        return _incomplete(emulator.uploads.received(upload))
    digest = upload.sha256 or await run_in_threadpool(emulator.uploads.finish, upload, emulator.blobs)
    return JSONResponse({"name": upload.name, "size": str(upload.bytes), "sha256": digest})


async def _take(request: Request, emulator: Emulator, upload: Upload, start: int) -> None:
    path = emulator.uploads.path(upload)
    path.touch()
    with path.open("rb+") as stream:
        stream.truncate(start)
        stream.seek(start)
        room = upload.bytes - start
        async for chunk in request.stream():
            stream.write(chunk[:room])
            stream.flush()
            room -= min(room, len(chunk))


def _incomplete(received: int) -> Response:
    headers = {"Range": f"bytes=0-{received - 1}"} if received else {}
    return Response(status_code=RESUME_INCOMPLETE, headers=headers)
