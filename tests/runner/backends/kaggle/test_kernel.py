"""Pushes, and what Kaggle says of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contract.errors import BackendBusyError, BackendError, RefusedError, SessionLostError
from contract.states import State
from contract.storage.layout import key_line
from runner.backends.kaggle.kernels.kernel import Kernel
from runner.backends.kaggle.names import Handle
from tests.emulated import USER
from tests.runner.backends.kaggle.conftest import follow
from tests.runner.backends.kaggle.test_kernel_metadata import metadata

if TYPE_CHECKING:
    from tests.runner.backends.kaggle.conftest import Kaggle

KEYS = [f"{number:064x}" for number in range(1, 4)]


def told(slug: str, **changes: Any) -> dict[str, Any]:
    """The metadata of a kernel without any input."""
    return (
        metadata(kaggle={"accelerator": "NvidiaTeslaT4"}) | {"id": slug, "title": slug, "dataset_sources": []} | changes
    )


def push(kaggle: Kaggle, slug: str, key: str = KEYS[0], **changes: Any) -> int:
    """Push a script that does nothing."""
    return Kernel(kaggle.backend().connection, slug).push(told(slug, **changes), f"{key_line(key)}\n")


def test_a_key_is_found_in_the_version_that_it_became(kaggle: Kaggle) -> None:
    kernel = Kernel(kaggle.backend().connection, "relay-found")
    assert kernel.find(KEYS[0]) is None
    assert [push(kaggle, "relay-found", key) for key in KEYS[:2]] == [1, 2]
    assert [kernel.find(key) for key in KEYS] == [1, 2, None]


def test_everything_that_the_metadata_says_reaches_kaggle(kaggle: Kaggle) -> None:
    image = f"gcr.io/kaggle-gpu-images/python@sha256:{'0' * 64}"
    changes: dict[str, Any] = {"docker_image": image, "enable_internet": True, "session_timeout_seconds": 77}
    push(kaggle, "relay-told", **changes)
    kernels = kaggle.emulator.running.emulator.kernels
    kernel = kernels.find(USER, "relay-told")
    assert kernel is not None
    assert kernel.is_private
    version = kernels.find_version(kernel.id)
    assert version is not None
    options = version.options
    assert (options.docker_image, options.machine_shape) == (image, "NvidiaTeslaT4")
    assert (options.enable_gpu, options.enable_tpu, options.enable_internet) == (True, False, True)
    assert options.session_timeout_seconds == 77
    assert version.limit_seconds == 77


def test_a_source_that_kaggle_does_not_mount_is_named_without_the_account(kaggle: Kaggle) -> None:
    with pytest.raises(BackendError, match="Kaggle does not mount no-such-input, no-such-kernel") as caught:
        push(kaggle, "relay-sources", dataset_sources=["no-such-input"], kernel_sources=["no-such-kernel"])
    assert USER not in str(caught.value)


def test_what_kaggle_has_against_a_push_is_told_in_its_words(kaggle: Kaggle) -> None:
    kaggle.fault("answer", "SaveKernel", fields={"error": f"Kernel {USER}/relay-cart is\nlocked"}, first=1)
    with pytest.raises(RefusedError, match="kernel relay-words: Kaggle refuses it: Kernel relay-cart is locked"):
        push(kaggle, "relay-words")
    with pytest.raises(RefusedError, match="Kaggle refuses it: Title must be at least 5 characters"):
        push(kaggle, "relay-words", title="four")
    for busy in ("Maximum batch CPU session count of 5 reached", "Your weekly GPU quota is used up"):
        kaggle.fault("answer", "SaveKernel", fields={"error": busy}, first=1)
        with pytest.raises(BackendBusyError, match=busy):
            push(kaggle, "relay-words")
        kaggle.emulator.running.faults.clear()


@pytest.mark.parametrize(
    ("status", "failure", "state", "reason"),
    [
        ("QUEUED", "", State.QUEUED, "waits in Kaggle's queue"),
        ("NEW_SCRIPT", "", State.QUEUED, "waits in Kaggle's queue"),
        ("RUNNING", "", State.RUNNING, None),
        ("CANCEL_REQUESTED", "", State.RUNNING, "is being cancelled on Kaggle"),
        ("COMPLETE", "", State.COMPLETE, None),
        ("ERROR", "", State.FAILED, None),
        ("ERROR", f"/kaggle/{USER}/x\nis full", State.FAILED, "/kaggle/x is full"),
        ("CANCEL_ACKNOWLEDGED", "", State.CANCELLED, "it was cancelled on Kaggle"),
        ("DREAMING", "", State.RUNNING, "Kaggle calls its state DREAMING, which is unknown here"),
    ],
)
def test_each_status_of_kaggles_is_one_of_ours(
    kaggle: Kaggle, status: str, failure: str, state: State, reason: str | None
) -> None:
    slug = f"relay-{status}-{len(failure)}".lower().replace("_", "-")
    version = push(kaggle, slug)
    kaggle.fault("answer", "GetKernelSessionStatus", fields={"status": status, "failureMessage": failure})
    found = Kernel(kaggle.backend().connection, slug).status(Handle(slug, version, KEYS[0]))
    assert (found.state, found.reason) == (state, reason)


def test_an_output_of_many_pages_is_read_whole(kaggle: Kaggle) -> None:
    leaves = {f"many/{number:03d}": 1 for number in range(210)}
    folder, key = kaggle.package("pages", settings={"accelerator": "none"}, leaves=leaves)  # others hold the quota
    handle = kaggle.backend().submit(folder, key)
    follow(kaggle.backend(), handle)
    before = kaggle.calls("ListKernelSessionOutput")
    output = Kernel(kaggle.backend().connection, "relay-pages").output(Handle.parse(handle))
    assert set(leaves) <= set(output.urls)
    assert kaggle.calls("ListKernelSessionOutput") > before + 1
    assert "ends" in output.log


def test_what_is_not_there_is_a_lost_session(kaggle: Kaggle) -> None:
    for slug in ("relay-absent", "relay-found"):
        kernel = Kernel(kaggle.backend().connection, slug)
        for ask in (kernel.status, kernel.output):
            with pytest.raises(SessionLostError):
                ask(Handle(slug, 99, KEYS[0]))
