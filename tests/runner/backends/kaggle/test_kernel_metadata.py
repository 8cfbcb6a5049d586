"""What Kaggle is told of a kernel: nothing is left to its defaults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contract.errors import InputError
from contract.states import State
from runner.backends.base import Origin, Output
from runner.backends.kaggle.kernels.metadata import (
    LARGE_PARENT_BYTES,
    LONGEST_SESSION_SECONDS,
    SESSION_MARGIN_SECONDS,
    kernel_metadata,
    timeout_seconds,
)
from runner.backends.kaggle.kernels.pushing import first_request, run_request
from runner.backends.kaggle.names import Handle
from tests.runner.conftest import job_json

OUTPUT = Output("kaggle", str(Handle("relay-cart", 3, "ab" * 32)), State.COMPLETE, is_latest=True)


def metadata(parent: Origin | None = None, **changes: Any) -> dict[str, Any]:
    """The metadata of a session of job `cart`."""
    return kernel_metadata(job_json(**changes), parent)


def test_every_field_is_set_on_purpose() -> None:
    assert metadata(kaggle={"accelerator": "NvidiaTeslaT4"}) == {
        "id": "relay-cart",
        "title": "relay-cart",
        "code_file": "script.py",
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": True,
        "enable_tpu": False,
        "enable_internet": False,
        "machine_shape": "NvidiaTeslaT4",
        "docker_image_pinning_type": "original",
        "dataset_sources": ["relay-cart-input"],
        "kernel_sources": [],
        "competition_sources": [],
        "model_sources": [],
        "keywords": [],
        "session_timeout_seconds": 8 * 3600 + 45 * 60 + SESSION_MARGIN_SECONDS,
    }


def test_the_job_decides_which_of_kaggles_data_are_mounted() -> None:
    model = "google/gemma/pyTorch/2b/1"
    told = metadata(kaggle={"datasets": ["bob/heights/3", "my-keys"], "competitions": ["titanic"], "models": [model]})
    assert told["dataset_sources"] == ["relay-cart-input", "bob/heights/3", "my-keys"]
    assert (told["competition_sources"], told["model_sources"]) == (["titanic"], [model])
    request = run_request("alice", "relay-cart", told, "")
    assert request.dataset_data_sources == ["alice/relay-cart-input", "bob/heights/3", "alice/my-keys"]
    first = first_request("alice", "relay-cart", told)
    assert [*first.dataset_data_sources, *first.competition_data_sources, *first.model_data_sources] == []


def test_the_job_decides_on_internet_gpu_and_image() -> None:
    assert metadata(internet=True)["enable_internet"] is True
    for without in ({}, {"kaggle": {"accelerator": "none"}}, {"device": "cpu"}):
        told = metadata(**without)
        assert told["enable_gpu"] is False
        assert "machine_shape" not in told
    assert metadata(kaggle={"accelerator": "NvidiaL4"})["machine_shape"] == "NvidiaL4"
    assert metadata(policy="CnnPolicy")["machine_shape"] == "NvidiaTeslaT4"
    assert metadata(kaggle={"image": "latest"})["docker_image_pinning_type"] == "latest"
    image = f"gcr.io/kaggle-gpu-images/python@sha256:{'0' * 64}"
    told = metadata(kaggle={"image": image})
    assert told["docker_image"] == image
    assert "docker_image_pinning_type" not in told


@pytest.mark.parametrize(
    ("carry", "output", "size", "is_mounted"),
    [
        ("auto", OUTPUT, LARGE_PARENT_BYTES, True),
        ("auto", OUTPUT, LARGE_PARENT_BYTES - 1, False),
        ("auto", None, LARGE_PARENT_BYTES, False),
        ("kernel", OUTPUT, 1, True),
        ("kernel", None, 1, False),
        ("kernel", replace(OUTPUT, handle=str(Handle("relay-other", 3, "ab" * 32))), 1, False),
        ("kernel", replace(OUTPUT, handle="a key of another backend"), 1, False),
        ("kernel", replace(OUTPUT, backend="local"), 1, False),
        ("kernel", replace(OUTPUT, state=State.FAILED), 1, False),
        ("kernel", replace(OUTPUT, is_latest=False), 1, False),
        ("dataset", OUTPUT, LARGE_PARENT_BYTES, False),
    ],
)
def test_a_large_parent_is_mounted_from_the_kernel_that_made_it(
    carry: str, output: Output | None, size: int, is_mounted: bool
) -> None:
    told = metadata(Origin(size, output), kaggle={"carry_parent": carry})
    assert told["kernel_sources"] == (["relay-cart"] if is_mounted else [])


def test_kaggle_kills_later_than_the_session_ends() -> None:
    assert timeout_seconds(60) == 60 + SESSION_MARGIN_SECONDS
    assert timeout_seconds(10**6) == LONGEST_SESSION_SECONDS


def test_a_session_longer_than_kaggles_is_refused() -> None:
    assert metadata(session_limit="11h49m")["session_timeout_seconds"] == LONGEST_SESSION_SECONDS
    with pytest.raises(InputError) as caught:
        metadata(session_limit="15h")
    assert str(caught.value) == (
        "job cart: session_limit is 15h00m, and Kaggle kills a session after 12 h; set it to 11h49m at most"
    )
