"""Files over HTTP, as a storage bucket serves them: signed, with ranges, entity tags and dates.

`emulator.urls` says under which paths.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from emulator.urls import ARCHIVES, OUTPUTS, SIGNATURE, files_path

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from emulator.core import Emulator

_ERROR = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"


async def get(request: Request) -> Response:
    """Serve a file to whoever has its URL."""
    emulator: Emulator = request.app.state.emulator
    kind, number, path = (request.path_params[name] for name in ("kind", "number", "path"))
    if not emulator.urls.is_signed(files_path(kind, number, path), request.query_params.get(SIGNATURE, "")):
        message = "The request signature we calculated does not match the signature you provided."
        return _error(403, "SignatureDoesNotMatch", message)
    if kind == ARCHIVES:
        archive = await run_in_threadpool(_archive, emulator, number)
        return FileResponse(archive, media_type="application/zip")
    stored = emulator.kernels.outputs(number) if kind == OUTPUTS else emulator.datasets.files(number)
    for file in stored:
        if file.path == path:
            headers = {"ETag": f'"{file.sha256}"'}
            blob = emulator.blobs.path(file.sha256)
            return FileResponse(blob, headers=headers, media_type="application/octet-stream")
    return _error(404, "NoSuchKey", "The specified key does not exist.")


def _archive(emulator: Emulator, version: int) -> Path:
    """The zip of a dataset's version, packed when it is first asked for."""
    archive = emulator.settings.data / "archives" / f"{version}.zip"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        building = archive.with_suffix(".building")
        with zipfile.ZipFile(building, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in emulator.datasets.files(version):
                packed.write(emulator.blobs.path(file.sha256), file.path)
        building.replace(archive)
    return archive


def _error(status: int, code: str, message: str) -> Response:
    return Response(_ERROR.format(code=code, message=message), status, media_type="application/xml")
