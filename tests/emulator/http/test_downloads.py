"""Files over HTTP, as a downloader of one's own gets them: signed, with ranges and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from contract.storage.files import sha256_of_bytes
from emulator.urls import SIGNATURE

if TYPE_CHECKING:
    from tests.emulated import EmulatedKaggle

CONTENT = bytes(range(256)) * 2_000


@pytest.fixture(scope="module")
def url(emulator: EmulatedKaggle) -> str:
    """The URL of a file that a session left."""
    from kagglesdk.kernels.types.kernels_api_service import (  # noqa: PLC0415 - as a client does
        ApiListKernelSessionOutputRequest,
    )

    script = "open('a file.bin', 'wb').write(bytes(range(256)) * 2_000)"
    request = ApiListKernelSessionOutputRequest()
    request.user_name, request.kernel_slug = "alice", "leaves-one-file"
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(script, "leaves-one-file")))
        emulator.wait("leaves-one-file")
        with api.build_kaggle_client() as client:
            listed = client.kernels.kernels_api_client.list_kernel_session_output(request)
    file_url: str = listed.files[0].url
    return file_url


def test_a_url_needs_neither_credentials_nor_a_proxy(emulator: EmulatedKaggle, url: str) -> None:
    direct = httpx.get(url, trust_env=False)
    with httpx.Client(proxy=emulator.url, trust_env=False) as client:
        through_proxy = client.get(url)
    assert direct.content == through_proxy.content == CONTENT
    assert direct.headers["ETag"] == f'"{sha256_of_bytes(CONTENT)}"'
    assert direct.headers["Content-Length"] == str(len(CONTENT))
    assert direct.headers["Accept-Ranges"] == "bytes"
    assert "Last-Modified" in direct.headers


def test_ranges_go_on_where_a_download_was_cut(url: str) -> None:
    etag = f'"{sha256_of_bytes(CONTENT)}"'
    rest = httpx.get(url, headers={"Range": "bytes=1000-", "If-Range": etag}, trust_env=False)
    assert (rest.status_code, rest.content) == (206, CONTENT[1000:])
    changed = httpx.get(url, headers={"Range": "bytes=1000-", "If-Range": '"another"'}, trust_env=False)
    assert (changed.status_code, changed.content) == (200, CONTENT)
    beyond = httpx.get(url, headers={"Range": f"bytes={len(CONTENT)}-"}, trust_env=False)
    assert beyond.status_code == 416
    assert httpx.head(url, trust_env=False).headers["Content-Length"] == str(len(CONTENT))


@pytest.mark.parametrize("damage", ["no signature", "another path", "a wrong signature"])
def test_a_url_that_was_not_handed_out_is_refused(url: str, damage: str) -> None:
    changed = {
        "no signature": url.partition("?")[0],
        "another path": url.replace("a%20file.bin", "another.bin"),
        "a wrong signature": url.replace(SIGNATURE + "=", SIGNATURE + "=0"),
    }
    refused = httpx.get(changed[damage], trust_env=False)
    assert refused.status_code == 403
    assert "SignatureDoesNotMatch" in refused.text


def test_the_file_of_a_deleted_kernel_is_gone(emulator: EmulatedKaggle) -> None:
    gone = emulator.running.emulator.urls.output(99_999, "a.bin")
    assert httpx.get(gone, trust_env=False).status_code == 404
