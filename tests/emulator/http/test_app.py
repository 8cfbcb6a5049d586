"""Who may call, and what is answered to calls that cannot be."""

from __future__ import annotations

import importlib.metadata
import inspect
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from emulator.http.app import CALLS, UNAUTHENTICATED
from emulator.settings import ErrorStyle
from tests.emulated import KEY, USER, EmulatedKaggle, emulated

if TYPE_CHECKING:
    from pathlib import Path

STATUS = "/api/v1/kernels.KernelsApiService/GetKernelSessionStatus"
LIST = "/api/v1/kernels.KernelsApiService/ListKernels"


def post(emulator: EmulatedKaggle, path: str, **options: Any) -> httpx.Response:
    """Call without the official client, and without a proxy."""
    given: dict[str, Any] = {"auth": (USER, KEY), "json": {}, **options}
    return emulator.plain.post(path, **given)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_wrong_credentials_are_refused_everywhere(emulator: EmulatedKaggle, name: str) -> None:
    for authorization in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic wrong"}):
        response = post(emulator, f"/api/v1/{name}", auth=None, headers=authorization)
        if name.endswith("/IntrospectToken"):
            assert response.json() == {}, "the token is not active"
            continue
        assert response.status_code == 401
        error = {"code": 401, "message": UNAUTHENTICATED, "status": "UNAUTHENTICATED"}
        assert response.json() == {"error": error}


def test_a_key_of_somebody_else_is_refused(emulator: EmulatedKaggle) -> None:
    assert post(emulator, LIST, auth=(USER, "key-of-bob")).status_code == 401
    assert post(emulator, LIST, auth=("carol", KEY)).status_code == 401
    assert post(emulator, LIST, auth=(USER.upper(), KEY)).status_code == 200


def test_a_key_is_an_access_token_too(emulator: EmulatedKaggle) -> None:
    assert post(emulator, LIST, auth=None, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200


def test_the_command_line_refuses_wrong_keys(emulator: EmulatedKaggle) -> None:
    refused = emulator.cli("kernels", "list", "--mine", KAGGLE_KEY="wrong")
    assert refused.returncode != 0
    assert "Authentication required" in refused.stdout


def test_the_command_line_takes_an_access_token(emulator: EmulatedKaggle) -> None:
    taken = emulator.cli("config", "view", KAGGLE_API_TOKEN=KEY, KAGGLE_USERNAME="", KAGGLE_KEY="")
    assert "- username: alice" in taken.stdout
    assert "ACCESS_TOKEN" in taken.stdout


def test_answers_ask_for_no_newer_client(emulator: EmulatedKaggle) -> None:
    assert post(emulator, LIST).headers["X-Kaggle-ApiVersion"] == importlib.metadata.version("kaggle")


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/api/v1/kernels.KernelsApiService/NoSuchCall", {}, 404),
        ("/api/v1/nothing", {}, 404),
        (STATUS, {"json": None, "content": b"{"}, 400),
        (STATUS, {"json": [1]}, 400),
        (LIST, {"json": {"group": "NO_SUCH_GROUP"}}, 400),
        (LIST, {"json": {"pageToken": "none-of-ours"}}, 400),
        (STATUS, {"json": {"userName": "alice", "kernelSlug": "not-there"}}, 403),
    ],
)
def test_calls_that_cannot_be_are_answered_in_kaggles_form(
    emulator: EmulatedKaggle, path: str, options: dict[str, object], status: int
) -> None:
    response = post(emulator, path, **options)
    assert response.status_code == status
    assert response.json()["error"]["code"] == status
    assert response.json()["error"]["message"]


def test_errors_can_be_flat(tmp_path: Path) -> None:
    with emulated(tmp_path, error_style=ErrorStyle.FLAT) as kaggle, kaggle.client() as api:
        response = post(kaggle, STATUS, json={"userName": "alice", "kernelSlug": "not-there"})
        assert response.json() == {"code": 403, "message": "Permission 'kernels.get' was denied"}
        with pytest.raises(ValueError, match="denied"):
            api.kernels_status("alice/not-there")


def test_the_same_server_answers_with_and_without_a_proxy(emulator: EmulatedKaggle) -> None:
    through_proxy = httpx.Client(proxy=emulator.url, trust_env=False)
    with through_proxy:
        answered = through_proxy.post(f"http://localhost{LIST}", auth=(USER, KEY), json={})
    assert answered.json() == post(emulator, LIST).json()


def test_pages_of_kernels_lead_to_the_status_page(emulator: EmulatedKaggle) -> None:
    shown = httpx.get(f"{emulator.url}/code/alice/a-kernel", follow_redirects=True, trust_env=False)
    assert shown.status_code == 200
    assert "text/html" in shown.headers["content-type"]


def test_every_call_of_the_sdk_about_kernels_datasets_and_uploads_is_known() -> None:
    from kagglesdk.blobs.services import blob_api_service  # noqa: PLC0415 - as the client does
    from kagglesdk.datasets.services import dataset_api_service  # noqa: PLC0415 - as the client does
    from kagglesdk.kernels.services import kernels_api_service  # noqa: PLC0415 - as the client does

    sources = [inspect.getsource(each) for each in (kernels_api_service, dataset_api_service, blob_api_service)]
    sent = {f"{service}/{name}" for text in sources for service, name in re.findall(r'call\("([\w.]+)", "(\w+)"', text)}
    assert len(sent) > 20
    assert {call.partition("/")[2] for call in sent - set(CALLS)} == {
        "CreateKernelSession",
        "DownloadKernelOutputZip",
        "GetDatasetFilesSummary",
        "ListTreeDatasetFiles",
    }, "the client sends none of these"
