"""What requests are called, and which patterns are about them."""

from __future__ import annotations

import pytest

from emulator.faults.names import DOWNLOAD, LOG_STREAM, OTHER, UPLOAD, CallName, call_name


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/api/v1/kernels.KernelsApiService/SaveKernel", "kernels.KernelsApiService/SaveKernel"),
        ("POST", "/v1/datasets.DatasetApiService/CreateDataset", "datasets.DatasetApiService/CreateDataset"),
        ("GET", "/api/v1/kernels.KernelsApiService/SaveKernel", OTHER),
        ("GET", "/api/v1/kernels/logs/stream/ann/a-kernel", LOG_STREAM),
        ("PUT", "/upload/some-token", UPLOAD),
        ("GET", "/files/kernels/7/checkpoints/a.zip", DOWNLOAD),
        ("GET", "/", OTHER),
    ],
)
def test_a_request_has_a_name(method: str, path: str, name: str) -> None:
    call = call_name({"type": "http", "method": method, "path": path})
    assert call == CallName(name, f"{method} {path}")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("*", True),
        ("SaveKernel", True),
        ("kernels.KernelsApiService/SaveKernel", True),
        ("kernels.*", True),
        ("POST /api/v1/*", True),
        ("S*", True),
        ("savekernel", False),
        ("SaveKernels", False),
        ("datasets.*", False),
        ("upload", False),
    ],
)
def test_a_pattern_names_a_service_a_method_or_an_address(pattern: str, matches: bool) -> None:
    call = CallName("kernels.KernelsApiService/SaveKernel", "POST /api/v1/kernels.KernelsApiService/SaveKernel")
    assert call.matches(pattern) is matches
