"""A GPU is taken at its deeds: one operation on it before the training; what `auto` and `cuda` do without one."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

import pytest
import torch
import yaml

from contract.errors import SessionError
from job.model import parse_job
from runner.backends.registry import sections
from runner.jobs.sections import job_with
from tests.trainer.conftest import job_values
from trainer.algorithms import gpu
from trainer.algorithms.gpu import Gpu, usable_device, why_it_fails, why_there_is_none

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.trainer.conftest import Relay

T4 = Gpu("Tesla T4", "sm_75", ("sm_70", "sm_75", "sm_80"))
P100 = Gpu("Tesla P100-PCIE-16GB", "sm_60", ("sm_70", "sm_75", "sm_80"))
NO_KERNELS = """CUDA error: no kernel image is available for execution on the device
CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.
For debugging consider passing CUDA_LAUNCH_BLOCKING=1
Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.
"""
OLD_GPU = "\nTesla P100-PCIE-16GB with CUDA capability sm_60 is not compatible with the current PyTorch installation."
NO_DRIVER = (
    "CUDA initialization: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and "
    "installed a driver from http://www.nvidia.com/Download/index.aspx"
)
P100_TRAP = (
    "torch says that it can use the Tesla P100-PCIE-16GB, but has no kernels for it: the GPU is sm_60, this build of "
    "torch is for sm_70, sm_75, sm_80"
)
TAKE_T4 = "take another GPU (on Kaggle: `kaggle: {accelerator: NvidiaTeslaT4}`), or set `device: cpu`"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a GPU into this machine, which fails at its first operation with `error` if one is given."""

    def put_in(present: Gpu, error: Exception | None = None) -> None:
        def compute_once() -> None:
            warnings.warn(OLD_GPU, stacklevel=1)
            if error is not None:
                raise error

        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(gpu, "present_gpu", lambda: present)
        monkeypatch.setattr(gpu, "compute_once", compute_once)

    return put_in


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_a_gpu_that_computes_is_taken(machine: Callable[..., None], wanted: str) -> None:
    machine(T4)
    assert usable_device(wanted) == "cuda"


def test_a_job_for_the_cpu_looks_at_no_gpu(machine: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    machine(P100, torch.AcceleratorError(NO_KERNELS))
    assert usable_device("cpu") == "cpu"
    assert capsys.readouterr().out == ""


def test_the_p100_trap_is_explained(machine: Callable[..., None]) -> None:
    machine(P100, torch.AcceleratorError(NO_KERNELS))
    with pytest.raises(SessionError) as raised:
        usable_device("cuda")
    assert str(raised.value) == f"device cuda: {P100_TRAP}; {TAKE_T4}"


def test_auto_says_that_it_falls_back_where_the_gpu_fails(
    machine: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    machine(P100, torch.AcceleratorError(NO_KERNELS))
    assert usable_device("auto") == "cpu"
    assert capsys.readouterr().out == f"device auto: {P100_TRAP}; training on the CPU instead ({TAKE_T4})\n"


def test_what_the_sentence_tells_to_set_is_a_key_of_a_job(machine: Callable[..., None]) -> None:
    machine(P100, torch.AcceleratorError(NO_KERNELS))
    with pytest.raises(SessionError) as raised:
        usable_device("cuda")
    advised = [yaml.safe_load(each) for each in re.findall(r"`([^`]+)`", str(raised.value.remedy))]
    assert [each for advice in advised for each in advice] == ["kaggle", "device"]
    for advice in advised:
        parse_job(job_values(**advice), job_with(sections()))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("CUDA out of memory. Tried to allocate 20.00 MiB.", "the memory of the Tesla T4 is full"),
        (
            "CUDA error: unspecified launch failure\nCUDA kernel errors might be",
            "the Tesla T4 fails at its first operation (CUDA error: unspecified launch failure)",
        ),
        (
            "the product of two matrices is wrong",
            "the Tesla T4 fails at its first operation (the product of two matrices is wrong)",
        ),
    ],
)
def test_other_failures_are_told_in_a_sentence(error: str, text: str) -> None:
    problem = why_it_fails(error, T4)
    assert problem.text == text
    assert problem.gpu_is_there
    assert problem.remedy.endswith("or set `device: cpu`")


def test_without_a_driver_cuda_is_an_error_and_auto_the_cpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def looks_in_vain() -> bool:
        warnings.warn(NO_DRIVER, stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", looks_in_vain)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    with pytest.raises(SessionError, match=r"finds no GPU \(CUDA initialization: Found no NVIDIA driver .*; run on a"):
        usable_device("cuda")
    assert usable_device("auto") == "cpu"
    assert capsys.readouterr().out == ""


def test_a_cpu_build_of_torch_is_named_as_one() -> None:
    problem = why_there_is_none(None, [])
    assert problem.text == f"torch {torch.__version__} is a CPU build, which uses no GPU"
    assert not problem.gpu_is_there


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_session_that_asks_for_a_gpu_does_not_train_without_one(relay: Relay) -> None:
    # Stable-Baselines3 by itself would train on the CPU and say nothing.
    ended = relay.session(job_values(device="cuda"))
    assert ended.code == 1
    assert ended.metadata.interrupted_by == "SessionError"
    assert (ended.metadata.error or "").startswith("device cuda: torch ")
    assert ended.steps == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_one_operation_is_done_on_the_gpu_of_this_machine() -> None:
    gpu.compute_once()
    assert gpu.present_gpu().architecture.startswith("sm_")
