"""Uploads in pieces: what has arrived stays, and the client goes on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from contract.storage.files import sha256_of_bytes
from emulator.store.uploads import first_byte

if TYPE_CHECKING:
    from tests.emulated import EmulatedKaggle

CONTENT = bytes(range(256)) * 4_000


def start(api: Any, size: int = len(CONTENT)) -> str:
    """Reserve a place for an upload; return its URL."""
    from kagglesdk.blobs.types.blob_api_service import ApiStartBlobUploadRequest  # noqa: PLC0415 - as the client does

    request = ApiStartBlobUploadRequest()
    request.name, request.content_length = "large.bin", size
    with api.build_kaggle_client() as client:
        url: str = client.blobs.blob_api_client.start_blob_upload(request).create_url
    return url


def put(url: str, content: bytes = b"", content_range: str | None = None) -> httpx.Response:
    """Send bytes."""
    headers = {"Content-Range": content_range} if content_range else {}
    return httpx.put(url, content=content, headers=headers, trust_env=False)


def test_an_interrupted_upload_goes_on_where_it_was(emulator: EmulatedKaggle) -> None:
    total = len(CONTENT)
    with emulator.client() as api:
        url = start(api)
        asked = put(url, content_range=f"bytes */{total}")
        assert (asked.status_code, asked.headers.get("Range")) == (308, None)
        part = put(url, CONTENT[:1000], f"bytes 0-999/{total}")
        assert (part.status_code, part.headers["Range"]) == (308, "bytes=0-999")
        assert put(url, content_range=f"bytes */{total}").headers["Range"] == "bytes=0-999"
        path = emulator.folder() / "large.bin"
        path.write_bytes(CONTENT)
        from kaggle.api.kaggle_api_extended import ResumableUploadResult  # noqa: PLC0415 - it authenticates on import

        assert api.upload_complete(str(path), url, quiet=True, resume=True) == ResumableUploadResult.COMPLETE
        whole = put(url, content_range=f"bytes */{total}")
    assert whole.status_code == 200
    assert whole.json()["sha256"] == sha256_of_bytes(CONTENT)


def test_a_connection_that_breaks_keeps_what_has_arrived(emulator: EmulatedKaggle) -> None:
    def breaks() -> Any:
        yield CONTENT[:5000]
        raise OSError("the network is gone")

    with emulator.client() as api:
        url = start(api)
    with pytest.raises(OSError, match="network is gone"):
        httpx.put(url, content=breaks(), headers={"Content-Length": str(len(CONTENT))}, trust_env=False)
    arrived = int(put(url, content_range=f"bytes */{len(CONTENT)}").headers["Range"].removeprefix("bytes=0-")) + 1
    assert arrived == 5000
    rest = put(url, CONTENT[arrived:], f"bytes {arrived}-{len(CONTENT) - 1}/{len(CONTENT)}")
    assert rest.json()["sha256"] == sha256_of_bytes(CONTENT)


def test_a_gap_is_not_filled(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        url = start(api, 10)
    assert put(url, b"56789", "bytes 5-9/10").status_code == 308
    assert put(url, content_range="bytes */10").headers.get("Range") is None
    assert put(url, b"0123456789").status_code == 200


def test_what_is_too_much_is_cut_off_and_nothing_is_a_file_too(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        short, empty = start(api, 3), start(api, 0)
    assert put(short, b"abcdef").json()["sha256"] == sha256_of_bytes(b"abc")
    assert put(empty).json()["sha256"] == sha256_of_bytes(b"")


def test_unknown_uploads_have_expired_and_strange_ranges_are_refused(emulator: EmulatedKaggle) -> None:
    assert put(f"{emulator.url}/upload/no-such-token", b"a").status_code == 404
    with emulator.client() as api:
        url = start(api)
    assert put(url, b"a", "lines 1-2/3").status_code == 400


def test_a_file_that_never_arrived_is_left_out(emulator: EmulatedKaggle) -> None:
    from kagglesdk.datasets.types.dataset_api_service import (  # noqa: PLC0415 - as the client does
        ApiCreateDatasetRequest,
        ApiDatasetNewFile,
    )

    request = ApiCreateDatasetRequest()
    request.slug, request.title, request.owner_slug = "lost-a-file", "Lost a file", "alice"
    files = []
    with emulator.client() as api:
        for content in (b"arrived", b""):
            url = start(api, 7)
            put(url, content)
            file = ApiDatasetNewFile()
            file.token = url.rpartition("/")[2]
            files.append(file)
        request.files = files
        with api.build_kaggle_client() as client:
            assert client.datasets.dataset_api_client.create_dataset(request).status == "ok"
        assert [file.name for file in api.dataset_list_files("alice/lost-a-file").files] == ["large.bin"]


@pytest.mark.parametrize(
    ("header", "first"), [(None, 0), ("bytes */10", None), ("bytes 3-9/10", 3), ("bytes 0-4/*", 0)]
)
def test_ranges_say_where_a_body_begins(header: str | None, first: int | None) -> None:
    assert first_byte(header) == first
