"""The calls about what sessions print and leave."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from kagglesdk.kernels.types.kernels_api_service import (
    ApiDownloadKernelOutputRequest,
    ApiGetKernelSessionLogsStreamRequest,
    ApiKernelSessionOutputFile,
    ApiListKernelFilesItem,
    ApiListKernelFilesRequest,
    ApiListKernelFilesResponse,
    ApiListKernelSessionOutputRequest,
    ApiListKernelSessionOutputResponse,
)
from starlette.responses import RedirectResponse, Response, StreamingResponse

from emulator.calls.kernels import version_called, visible_kernel
from emulator.calls.paging import paginate
from emulator.calls.wire import ApiError, Call, Caller, moment, version_header
from emulator.settings import LiveLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from emulator.core import Emulator
    from emulator.store.values import LogEntry, StoredFile, Version

END_OF_LOG = "END_OF_LOG"
_POLL_SECONDS = 0.05
_KEEP_ALIVE_SECONDS = 15.0


def list_output(caller: Caller, request: Any) -> Any:
    """The files that a session left, in pages, each with a URL; and its log once it has ended."""
    version = _version(caller, request)
    emulator = caller.emulator
    outputs, token = paginate(_listed(emulator, version), request.page_size, request.page_token)
    response = ApiListKernelSessionOutputResponse()
    files = []
    for output in outputs:
        file = ApiKernelSessionOutputFile()
        file.url = emulator.urls.output(version.id, output.path)
        file.file_name = output.path
        files.append(file)
    response.files = files
    response.next_page_token = token
    response.log = written_log(emulator.kernels.log(version.id)) if _is_listed(emulator, version) else ""
    return response


def _is_listed(emulator: Emulator, version: Version) -> bool:
    """Whether what a session left is there by now: a while after its end."""
    if version.state.is_active:
        return False
    return emulator.clock.now() >= (version.ended_at or 0.0) + emulator.settings.listing_delay_seconds


def _listed(emulator: Emulator, version: Version) -> list[StoredFile]:
    return emulator.kernels.outputs(version.id) if _is_listed(emulator, version) else []


def list_files(caller: Caller, request: Any) -> Any:
    """The names and sizes of those files."""
    version = _version(caller, request)
    outputs, token = paginate(_listed(caller.emulator, version), request.page_size, request.page_token)
    response = ApiListKernelFilesResponse()
    items = []
    for output in outputs:
        item = ApiListKernelFilesItem()
        item.name = output.path
        item.size = output.bytes
        item.creation_date = spoken_date(output.created_at)
        items.append(item)
    response.files = items
    response.next_page_token = token
    return response


def download_output(caller: Caller, request: Any) -> Response:
    """Lead to one of those files."""
    kernel = visible_kernel(caller, request.owner_slug, request.kernel_slug)
    version = version_called(caller, kernel, f"v{request.version_number}" if request.version_number else "")
    for output in _listed(caller.emulator, version):
        if output.path == request.file_path:
            return RedirectResponse(caller.emulator.urls.output(version.id, output.path), 302)
    raise ApiError(404, "Not found")


def stream_log(caller: Caller, request: Any) -> Response:
    """The log as it grows, as server-sent events; of a session that has ended, the whole of it."""
    if request.kernel_session_id:
        try:
            version = caller.emulator.kernels.version(request.kernel_session_id)
        except KeyError:
            raise ApiError(404, "Not found") from None
        owner = caller.emulator.kernels.by_id(version.kernel_id)
        visible_kernel(caller, owner.owner if owner else "", owner.slug if owner else "")
    else:
        version = _version(caller, request)
    if _is_listed(caller.emulator, version):
        log = written_log(caller.emulator.kernels.log(version.id))
        return Response(log, media_type="application/json", headers=version_header())
    headers = {"Cache-Control": "no-cache", **version_header()}
    return StreamingResponse(_events(caller.emulator, version), media_type="text/event-stream", headers=headers)


async def _events(emulator: Emulator, version: Version) -> AsyncIterator[str]:
    sent = 0
    silence = 0.0
    while True:
        is_active = _is_active(emulator, version)
        is_silent = is_active and emulator.settings.live_log is LiveLog.EMPTY
        for entry in () if is_silent else emulator.kernels.log(version.id, sent):
            sent += 1
            silence = 0.0
            yield f"data: {_entry(entry)}\n\n"
        if not is_active:
            yield f"data: {END_OF_LOG}\n\n"
            return
        await asyncio.sleep(_POLL_SECONDS)
        silence += _POLL_SECONDS
        if silence >= _KEEP_ALIVE_SECONDS:
            silence = 0.0
            yield ": keep-alive\n\n"


def _is_active(emulator: Emulator, version: Version) -> bool:
    try:
        return emulator.kernels.version(version.id).state.is_active
    except KeyError:  # its kernel was deleted
        return False


def _version(caller: Caller, request: Any) -> Version:
    kernel = visible_kernel(caller, request.user_name, request.kernel_slug)
    return version_called(caller, kernel, request.version_label)


def written_log(entries: list[LogEntry]) -> str:
    """A log as Kaggle keeps it: one JSON array, an entry a line, the commas at the beginnings."""
    return "[" + "\n,".join(map(_entry, entries)) + "\n]" if entries else ""


def _entry(entry: LogEntry) -> str:
    value = {"stream_name": entry.stream_name, "time": entry.time, "data": entry.data}
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def spoken_date(seconds: float) -> str:
    """A time as `kaggle kernels files` shows it, such as `4:41 pm, Wednesday 23 September 2026 UTC`."""
    at = moment(seconds)
    hour = at.hour % 12 or 12
    return f"{hour}:{at:%M} {'am' if at.hour < 12 else 'pm'}, {at:%A} {at.day} {at:%B %Y} UTC"  # noqa: PLR2004 - noon


CALLS = {
    "kernels.KernelsApiService/ListKernelSessionOutput": Call(ApiListKernelSessionOutputRequest, list_output),
    "kernels.KernelsApiService/ListKernelFiles": Call(ApiListKernelFilesRequest, list_files),
    "kernels.KernelsApiService/DownloadKernelOutput": Call(ApiDownloadKernelOutputRequest, download_output),
    "kernels.KernelsApiService/GetKernelSessionLogsStream": Call(ApiGetKernelSessionLogsStreamRequest, stream_log),
}
