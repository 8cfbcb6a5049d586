"""How sessions run and end: by themselves, by the limit, by a cancel, by their output."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from emulator.sessions.session import CANCELLED, OUT_OF_TIME
from emulator.settings import P100, T4, WhenFull
from emulator.store.values import KernelState
from tests.emulated import EmulatedKaggle, emulated

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

LEAVES_A_FILE = "open('left.txt', 'w').write('something')\n"
WAITS = "print('waiting', flush=True)\nimport time\ntime.sleep(60)\n"


def is_running(state: KernelState) -> bool:
    """Whether a session has started."""
    return state is KernelState.RUNNING


def test_a_script_that_fails_is_an_error_and_keeps_its_output(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(LEAVES_A_FILE + "raise SystemExit('it broke')", "breaks-down")))
        assert emulator.wait("breaks-down") is KernelState.ERROR
        assert api.kernels_status("alice/breaks-down").status.name == "ERROR"
        assert [file.name for file in api.kernels_list_files("alice/breaks-down").files] == ["left.txt"]
        assert "it broke" in api.kernels_logs("alice/breaks-down")


def test_a_session_beyond_its_limit_is_killed_and_its_output_lost(tmp_path: Path) -> None:
    with emulated(tmp_path) as kaggle, kaggle.client() as api:
        api.kernels_push(str(kaggle.kernel(LEAVES_A_FILE + WAITS, "takes-too-long")))
        kaggle.wait_for_log("takes-too-long", "waiting")
        clock = kaggle.running.emulator.clock
        kaggle.running.emulator.clock = replace(clock, origin=clock.origin + 12 * 3600)
        assert kaggle.wait("takes-too-long") is KernelState.ERROR
        status = api.kernels_status("alice/takes-too-long")
        assert status.failure_message == OUT_OF_TIME.format(limit=12 * 3600)
        assert api.kernels_list_files("alice/takes-too-long").files == []
        assert "waiting" in api.kernels_logs("alice/takes-too-long"), "its log is not lost"


def test_a_push_may_set_a_shorter_limit(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(LEAVES_A_FILE + WAITS, "limited-by-itself")), timeout="1")
        assert emulator.wait("limited-by-itself") is KernelState.ERROR
        assert "1 seconds" in api.kernels_status("alice/limited-by-itself").failure_message


def test_a_script_that_is_over_but_leaves_a_thread_is_killed_at_the_limit_and_its_output_lost(
    emulator: EmulatedKaggle,
) -> None:
    leaves_one = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(LEAVES_A_FILE + leaves_one, "leaves-a-thread")), timeout="1")
        assert emulator.wait("leaves-a-thread") is KernelState.ERROR
        assert "1 seconds" in api.kernels_status("alice/leaves-a-thread").failure_message
        assert api.kernels_list_files("alice/leaves-a-thread").files == []


def test_too_much_output_is_lost(tmp_path: Path) -> None:
    with emulated(tmp_path, output_limit_bytes=1_000) as kaggle, kaggle.client() as api:
        api.kernels_push(str(kaggle.kernel("open('large', 'wb').write(bytes(1001))", "leaves-too-much")))
        assert kaggle.wait("leaves-too-much") is KernelState.ERROR
        assert "exceeds the limit" in api.kernels_status("alice/leaves-too-much").failure_message
        assert api.kernels_list_files("alice/leaves-too-much").files == []
        api.kernels_push(str(kaggle.kernel("open('large', 'wb').write(bytes(1000))", "leaves-enough")))
        assert kaggle.wait("leaves-enough") is KernelState.COMPLETE


def test_a_cancelled_session_is_killed_and_its_output_lost(emulator: EmulatedKaggle) -> None:
    from kagglesdk.kernels.types.kernels_api_service import (  # noqa: PLC0415 - what the command line has no word for
        ApiCancelKernelSessionRequest,
    )

    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(LEAVES_A_FILE + WAITS, "cancelled-one")))
        emulator.wait_for("cancelled-one", is_running)
        kernel = emulator.running.emulator.kernels.find("alice", "cancelled-one")
        assert kernel is not None
        request = ApiCancelKernelSessionRequest()
        request.kernel_session_id = emulator.running.emulator.kernels.list_versions(kernel.id)[0].id
        with api.build_kaggle_client() as client:
            assert not client.kernels.kernels_api_client.cancel_kernel_session(request).error_message
        assert emulator.wait("cancelled-one") is KernelState.CANCEL_ACKNOWLEDGED
        status = api.kernels_status("alice/cancelled-one")
        assert (status.status.name, status.failure_message) == ("CANCEL_ACKNOWLEDGED", CANCELLED)
        assert api.kernels_list_files("alice/cancelled-one").files == []
        with api.build_kaggle_client() as client:
            ended = client.kernels.kernels_api_client.cancel_kernel_session(request)
        assert ended.error_message == "The session has already ended"


def test_a_session_that_waits_is_cancelled_at_once(tmp_path: Path) -> None:
    with emulated(tmp_path, when_full=WhenFull.QUEUE, cpu_slots=1) as kaggle, kaggle.client() as api:
        for slug in ("runs-first", "never-runs"):
            api.kernels_push(str(kaggle.kernel(WAITS, slug)))
        kernels = kaggle.running.emulator.kernels
        kernel = kernels.find("alice", "never-runs")
        assert kernel is not None
        kernels.move(kernels.list_versions(kernel.id)[0].id, KernelState.CANCEL_REQUESTED)
        assert kaggle.wait("never-runs") is KernelState.CANCEL_ACKNOWLEDGED
        assert kernels.list_versions(kernel.id)[0].started_at is None


def test_a_session_that_was_started_just_before_a_kill_is_adopted(emulator: EmulatedKaggle) -> None:
    script = "import os, time\nprint('started', flush=True)\nwhile not os.path.exists('go'):\n    time.sleep(0.01)\n"
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(script, "adopted-one")))
        emulator.wait_for("adopted-one", is_running)
        kernels = emulator.running.emulator.kernels
        kernel = kernels.find("alice", "adopted-one")
        assert kernel is not None
        before = kernels.list_versions(kernel.id)[0]
        kernels.move(before.id, KernelState.QUEUED)  # as if the emulator had not come to note that it runs
        emulator.wait_for("adopted-one", is_running)
        assert kernels.list_versions(kernel.id)[0].started_at == before.started_at
        for working in (emulator.running.settings.data / "sandboxes").glob("*/kaggle/working"):
            (working / "go").touch()
        assert emulator.wait("adopted-one") is KernelState.COMPLETE
        assert api.kernels_logs("alice/adopted-one").count("started") == 1


def test_deleting_a_kernel_ends_its_session(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(WAITS, "deleted-one")))
        emulator.wait_for("deleted-one", is_running)
        api.kernels_delete("alice/deleted-one", no_confirm=True)
        assert all(kernel.ref != "alice/deleted-one" for kernel in api.kernels_list(mine=True))
    assert emulator.running.emulator.kernels.find("alice", "deleted-one") is None


def test_on_a_p100_torch_sees_a_gpu_that_it_cannot_use(
    emulator: EmulatedKaggle, capsys: pytest.CaptureFixture[str]
) -> None:
    uses_it = """
import torch

print("available", torch.cuda.is_available(), torch.cuda.get_device_name(0), torch.cuda.get_device_capability())
print("on the CPU", torch.ones(2).sum().item())
torch.ones(2, device="cuda")
print("not reached")
"""
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(uses_it, "trapped-one", enable_gpu=True)))
        capsys.readouterr()
        assert emulator.wait("trapped-one") is KernelState.ERROR
        printed = "".join(entry["data"] for entry in json.loads(api.kernels_logs("alice/trapped-one")))
    assert "available True Tesla P100-PCIE-16GB (6, 0)" in printed
    assert "on the CPU 2.0" in printed
    assert "with CUDA capability sm_60 is not compatible with the current PyTorch installation" in printed
    assert "CUDA error: no kernel image is available for execution on the device" in printed
    assert 'torch.ones(2, device="cuda")' in printed, "the traceback shows the script's own line"
    assert "not reached" not in printed


def test_which_gpu_a_session_has_is_a_choice(tmp_path: Path) -> None:
    with emulated(tmp_path, default_gpu=T4) as kaggle, kaggle.client() as api:
        asked: dict[str, dict[str, Any]] = {
            "any-gpu-at-all": {"enable_gpu": True},
            "a-retired-gpu": {"machine_shape": P100},
            "one-by-name": {"machine_shape": T4},
        }
        for slug, fields in asked.items():
            api.kernels_push(str(kaggle.kernel(slug=slug, **fields)))
            kernel = kaggle.running.emulator.kernels.find("alice", slug)
            assert kernel is not None
            assert kaggle.running.emulator.kernels.list_versions(kernel.id)[0].machine_shape == T4
            kaggle.wait(slug)
