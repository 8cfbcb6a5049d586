"""The calls that reserve a place for a file, which is then put there over plain HTTP (`emulator.http.uploads`)."""

from __future__ import annotations

from typing import Any

from kagglesdk.blobs.types.blob_api_service import ApiStartBlobUploadRequest, ApiStartBlobUploadResponse
from kagglesdk.datasets.types.dataset_api_service import ApiUploadDatasetFileRequest, ApiUploadDatasetFileResponse

from emulator.calls.wire import ApiError, Call, Caller


def start_upload(caller: Caller, request: Any) -> Any:
    """Reserve a place for a blob."""
    return _reserved(caller, request.name, request.content_length, ApiStartBlobUploadResponse())


def start_dataset_upload(caller: Caller, request: Any) -> Any:
    """The same under its deprecated name."""
    return _reserved(caller, request.file_name, request.content_length, ApiUploadDatasetFileResponse())


def _reserved(caller: Caller, name: str, size: int, response: Any) -> Any:
    if not name:
        raise ApiError(400, "A name must be specified")
    emulator = caller.emulator
    upload = emulator.uploads.start(caller.user, name, size, emulator.clock.now())
    response.token = upload.token
    response.create_url = emulator.urls.upload(upload.token)
    return response


CALLS = {
    "blobs.BlobApiService/StartBlobUpload": Call(ApiStartBlobUploadRequest, start_upload),
    "datasets.DatasetApiService/UploadDatasetFile": Call(ApiUploadDatasetFileRequest, start_dataset_upload),
}
