"""Whether the GPU computes: one real operation on it, before anything else is spent.

`torch.cuda.is_available()` does not tell. On a P100 (sm_60), which was Kaggle's default until it was retired, and for
which current CUDA builds of torch have no kernels, the answer is True, and the first operation fails
(https://github.com/Kaggle/kaggle-cli/issues/1151).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch

from contract import events
from contract.errors import SessionError

_SIZE = 64
_NO_KERNELS = "no kernel image is available"
_OUT_OF_MEMORY = "out of memory"
_OTHERWISE = "or set `device: cpu`"
_A_T4 = "`kaggle: {accelerator: NvidiaTeslaT4}`"


@dataclass(frozen=True)
class Gpu:
    """A GPU as torch sees it, and what torch was built for.

    Args:
        name: such as `Tesla T4`.
        architecture: such as `sm_75`.
        supported: the architectures that this build of torch has kernels for.
    """

    name: str
    architecture: str
    supported: tuple[str, ...]


@dataclass(frozen=True)
class GpuFailure:
    """Why nothing is computed on a GPU.

    Args:
        text: what is wrong.
        remedy: what to do next.
        gpu_is_there: whether there is one at all.
    """

    text: str
    remedy: str
    gpu_is_there: bool


def usable_device(wanted: str) -> str:
    """The device that a job trains on: `cpu` or `cuda`.

    Args:
        wanted: `cpu`, `cuda`, or `auto`, which takes the CPU where there is no GPU, and where the GPU
            computes nothing, which it says.

    Raises:
        SessionError: `cuda` was wanted and nothing can be computed there.
    """
    if wanted == "cpu":
        return "cpu"
    failure = gpu_failure()
    if failure is None:
        return "cuda"
    if wanted == "cuda":
        raise SessionError("device cuda", failure.text, failure.remedy)
    if failure.gpu_is_there:
        events.say(f"device auto: {failure.text}; training on the CPU instead ({failure.remedy})")
    return "cpu"


def gpu_failure() -> GpuFailure | None:
    """Why the GPU computes nothing, or None where it does."""
    with warnings.catch_warnings(record=True) as warned:  # torch warns of a missing driver, and says so here alone
        warnings.simplefilter("always")
        is_there = torch.cuda.is_available()
    if not is_there:
        return why_there_is_none(torch.version.cuda, [str(each.message) for each in warned])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an old GPU torch warns at length; the sentence below says it
            compute_once()
    except RuntimeError as error:
        return why_it_fails(str(error), present_gpu())
    return None


def compute_once() -> None:
    """Multiply two matrices on the GPU and wait for the product, which may fail as late as that.

    Raises:
        RuntimeError: it cannot, or the product is wrong.
    """
    ones = torch.ones(_SIZE, _SIZE, device="cuda")
    product = ones @ ones
    torch.cuda.synchronize()
    if float(product.sum()) != _SIZE**3:
        raise RuntimeError("the product of two matrices is wrong")


def present_gpu() -> Gpu:
    """The GPU that torch takes."""
    major, minor = torch.cuda.get_device_capability()
    return Gpu(torch.cuda.get_device_name(), f"sm_{major}{minor}", tuple(torch.cuda.get_arch_list()))


def why_there_is_none(built_for: str | None, warned: list[str]) -> GpuFailure:
    """Why torch sees no GPU.

    Args:
        built_for: the CUDA version that torch was built for, None for a CPU build.
        warned: what torch warned of while it looked.
    """
    if built_for is None:
        text = f"torch {torch.__version__} is a CPU build, which uses no GPU"
        return GpuFailure(text, f"install a CUDA build of torch, {_OTHERWISE}", gpu_is_there=False)
    found = f" ({_first_line(warned[0])})" if warned else ""
    remedy = f"run on a machine with an NVIDIA GPU and its driver (on Kaggle: turn the GPU on), {_OTHERWISE}"
    return GpuFailure(f"torch {torch.__version__} finds no GPU{found}", remedy, gpu_is_there=False)


def why_it_fails(error: str, gpu: Gpu) -> GpuFailure:
    """Why a GPU that is there computes nothing.

    Args:
        error: what torch raised.
        gpu: the GPU.
    """
    if _NO_KERNELS in error:
        text = (
            f"torch says that it can use the {gpu.name}, but has no kernels for it: the GPU is {gpu.architecture}, "
            f"this build of torch is for {', '.join(gpu.supported)}"
        )
        remedy = f"take another GPU (on Kaggle: {_A_T4}), {_OTHERWISE}"
        return GpuFailure(text, remedy, gpu_is_there=True)
    if _OUT_OF_MEMORY in error:
        remedy = f"end what else runs on it, {_OTHERWISE}"
        return GpuFailure(f"the memory of the {gpu.name} is full", remedy, gpu_is_there=True)
    text = f"the {gpu.name} fails at its first operation ({_first_line(error)})"
    return GpuFailure(text, f"look at it with `nvidia-smi`, {_OTHERWISE}", gpu_is_there=True)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
