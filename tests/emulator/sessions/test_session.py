"""How sessions run and end: by themselves, by the limit, by a cancel, by their output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.sessions.session import CANCELLED, LAST_WORDS, OUT_OF_TIME, STOPPED
from emulator.settings import P100, T4, BeyondQuota, GpuGrant, LogForm, Stopped, WhenFull
from emulator.store.values import KernelState
from tests.emulated import EmulatedKaggle, emulated, from_a_wednesday

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize(
    ("rule", "state", "message", "left"),
    [
        (Stopped.LOST, KernelState.ERROR, OUT_OF_TIME.format(limit=12 * 3600), []),
        (Stopped.KEPT, KernelState.CANCEL_ACKNOWLEDGED, STOPPED, ["left.txt"]),
    ],
)
def test_a_session_beyond_its_limit_is_killed_and_its_output_kept_or_lost(
    tmp_path: Path, rule: Stopped, state: KernelState, message: str, left: list[str]
) -> None:
    with emulated(tmp_path, stopped=rule) as kaggle, kaggle.client() as api:
        api.kernels_push(str(kaggle.kernel(LEAVES_A_FILE + WAITS, "takes-too-long")))
        kaggle.wait_for_log("takes-too-long", "waiting")
        kaggle.let_time_pass(12 * 3600)
        assert kaggle.wait("takes-too-long") is state
        status = api.kernels_status("alice/takes-too-long")
        assert status.failure_message == message
        assert [each.name for each in api.kernels_list_files("alice/takes-too-long").files] == left
        assert "waiting" in api.kernels_logs("alice/takes-too-long"), "its log is not lost"


def test_a_push_may_set_a_shorter_limit(emulator: EmulatedKaggle) -> None:
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(LEAVES_A_FILE + WAITS, "limited-by-itself")), timeout="1")
        assert emulator.wait("limited-by-itself") is KernelState.CANCEL_ACKNOWLEDGED
        assert api.kernels_status("alice/limited-by-itself").failure_message == STOPPED


def test_a_script_that_is_over_but_leaves_a_thread_is_killed_at_the_limit(
    emulator: EmulatedKaggle,
) -> None:
    leaves_one = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
    with emulator.client() as api:
        api.kernels_push(str(emulator.kernel(LEAVES_A_FILE + leaves_one, "leaves-a-thread")), timeout="1")
        assert emulator.wait("leaves-a-thread") is KernelState.CANCEL_ACKNOWLEDGED
        assert api.kernels_status("alice/leaves-a-thread").failure_message == STOPPED
        assert [file.name for file in api.kernels_list_files("alice/leaves-a-thread").files] == ["left.txt"]


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


def test_on_a_p100_torch_sees_a_gpu_that_it_cannot_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uses_it = """
import torch

print("available", torch.cuda.is_available(), torch.cuda.get_device_name(0), torch.cuda.get_device_capability())
print("on the CPU", torch.ones(2).sum().item())
torch.ones(2, device="cuda")
print("not reached")
"""
    with emulated(tmp_path, default_gpu=P100) as kaggle, kaggle.client() as api:
        api.kernels_push(str(kaggle.kernel(uses_it, "trapped-one", enable_gpu=True)))
        capsys.readouterr()
        assert kaggle.wait("trapped-one") is KernelState.ERROR
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


@pytest.mark.parametrize(("grant", "counted"), [(GpuGrant.GIVEN, "1 False"), (GpuGrant.CPU, "0 False")])
def test_whether_a_gpu_is_given_that_was_asked_for_is_a_choice(tmp_path: Path, grant: GpuGrant, counted: str) -> None:
    counts = "import torch\nprint(torch.cuda.device_count(), torch.cuda.is_available(), torch.ones(2).sum().item())"
    with emulated(tmp_path, gpu_grant=grant) as kaggle, kaggle.client() as api:
        api.kernels_push(str(kaggle.kernel(counts, "counts-gpus", machine_shape=T4)))
        assert kaggle.wait("counts-gpus") is KernelState.COMPLETE
        assert f"{counted} 2.0" in "".join(each["data"] for each in json.loads(api.kernels_logs("alice/counts-gpus")))


def test_a_logs_records_are_no_lines_and_nbconvert_speaks_last(tmp_path: Path) -> None:
    with emulated(tmp_path, log_form=LogForm.RECORDS) as kaggle, kaggle.client() as api:
        api.kernels_push(str(kaggle.kernel(f"print({'x' * 100!r})", "long-line")))
        kaggle.wait("long-line")
        entries = json.loads(api.kernels_logs("alice/long-line"))
    assert [each["stream_name"] for each in entries] == ["stdout", "stdout", "stderr", "stderr"]
    assert [each["data"] for each in entries] == ["x" * 60, f"{'x' * 40}\n", *LAST_WORDS]


COMPLAINS = """
import sys, warnings
print("one")
sys.stderr.write("a warn")
sys.stderr.write("ing\\n")
warnings.warn("look out")
print("two", flush=True)
print("half a line", end="", flush=True)
sys.exit("it cannot go on")
"""


@pytest.mark.parametrize("form", list(LogForm))
def test_what_a_script_writes_to_its_standard_error_is_apart_in_records(tmp_path: Path, form: LogForm) -> None:
    with emulated(tmp_path, log_form=form) as kaggle, kaggle.client() as api:
        api.kernels_push(str(kaggle.kernel(COMPLAINS, "complains")))
        assert kaggle.wait("complains") is KernelState.ERROR
        entries = json.loads(api.kernels_logs("alice/complains"))
    streams: dict[str, str] = {"stdout": "", "stderr": ""}
    for each in entries:
        streams[each["stream_name"]] += each["data"]
    if form is LogForm.LINES:
        assert streams["stderr"] == ""
        assert streams["stdout"].endswith("half a lineit cannot go on\n")
    else:
        assert streams["stdout"] == "one\ntwo\nhalf a line"
        assert streams["stderr"].startswith("a warning\n")
        assert "UserWarning: look out\n" in streams["stderr"]
        assert streams["stderr"].endswith("it cannot go on\n" + "".join(LAST_WORDS))


def test_output_is_listed_a_while_after_the_end(tmp_path: Path) -> None:
    with emulated(tmp_path, listing_delay_seconds=60.0) as kaggle, kaggle.client() as api:
        api.kernels_push(str(kaggle.kernel(LEAVES_A_FILE, "listed-late")))
        assert kaggle.wait("listed-late") is KernelState.COMPLETE
        assert api.kernels_list_files("alice/listed-late").files == []
        kaggle.let_time_pass(61)
        assert [file.name for file in api.kernels_list_files("alice/listed-late").files] == ["left.txt"]


def test_a_session_that_names_no_image_may_hang_in_the_queue(tmp_path: Path) -> None:
    with emulated(tmp_path, queue_stall_seconds=900.0) as kaggle, kaggle.client() as api:
        api.kernels_push(str(kaggle.kernel("print('in time')", "hangs")))
        api.kernels_push(
            str(kaggle.kernel("print('at once')", "named-image", docker_image="gcr.io/kaggle-images/python"))
        )
        assert kaggle.wait("named-image") is KernelState.COMPLETE
        assert api.kernels_status("alice/hangs").status.name == "QUEUED"
        kaggle.let_time_pass(901)
        assert kaggle.wait("hangs") is KernelState.COMPLETE


@pytest.mark.parametrize("rule", list(BeyondQuota))
def test_a_session_goes_on_beyond_the_quota_or_is_stopped(tmp_path: Path, rule: BeyondQuota) -> None:
    with emulated(tmp_path, source=from_a_wednesday(), beyond_quota=rule, gpu_quota_seconds=3600) as kaggle:
        with kaggle.client() as api:
            api.kernels_push(str(kaggle.kernel(LEAVES_A_FILE + WAITS, "spends-all", enable_gpu=True)))
            api.kernels_push(str(kaggle.kernel(WAITS, "spends-none")))
        for slug in ("spends-all", "spends-none"):
            kaggle.wait_for_log(slug, "waiting")
        kaggle.let_time_pass(3600)
        if rule is BeyondQuota.STOPPED:
            assert kaggle.wait("spends-all") is KernelState.CANCEL_ACKNOWLEDGED
        else:
            kaggle.running.emulator.on_change()
            assert kaggle.wait_for("spends-all", is_running) is KernelState.RUNNING
        assert kaggle.wait_for("spends-none", is_running) is KernelState.RUNNING
