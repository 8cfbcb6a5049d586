"""Which machine a kernel gets, and what becomes of it there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.settings import P100, T4

if TYPE_CHECKING:
    from emulator.store.values import KernelOptions

TPU = "TpuV5E8"
_REPLACEMENTS = {"tpuv38": TPU, "tpu1vmv38": TPU, "tpuv232": "", "tpuv2256": ""}
"""Retired machines, and what the client says they are replaced by (`_RETIRED_ACCELERATORS`)."""


def choose_machine(options: KernelOptions, default_gpu: str) -> str:
    """The machine shape of a session; empty for a machine with CPUs only.

    Args:
        options: what the push asked for; a machine shape overrides the two switches.
        default_gpu: what stands in for a GPU that is not named.
    """
    shape = options.machine_shape
    if shape.lower() == P100.lower():
        return P100 if default_gpu == P100 else T4
    if shape.lower() in _REPLACEMENTS:
        return _REPLACEMENTS[shape.lower()]
    if shape.lower() == "none":
        return ""
    if shape:
        return shape
    if options.enable_gpu:
        return default_gpu
    return TPU if options.enable_tpu else ""


def is_trap(machine_shape: str) -> bool:
    """Whether torch sees a GPU there that its kernels do not run on."""
    return machine_shape == P100


def trapped(source: str) -> str:
    """A script that runs `source` where torch sees a P100: available, and useless.

    Current builds of torch (CUDA 12.8) have no kernels for `sm_60`. What they say then is theirs, as on Kaggle:
    https://github.com/Kaggle/docker-python/issues/1546
    """
    return _TRAP.replace("SOURCE = ''", f"SOURCE = {source!r}", 1)


def lent(source: str) -> str:
    """A script that runs `source` where torch counts a GPU that this machine has not: there, and nothing to use."""
    return trapped(source).replace(_LAYS, _COUNTS, 1)


_LAYS, _COUNTS = "prepare = lay", "prepare = count"
_TRAP = r'''
import importlib.abc
import importlib.machinery
import linecache
import sys
import warnings

SOURCE = ''
NAME = "Tesla P100-PCIE-16GB"
SUPPORTED = "sm_70 sm_75 sm_80 sm_86 sm_90 sm_100 sm_120"
WARNINGS = (
    f"""
    Found GPU0 {NAME} which is of cuda capability 6.0.
    Minimum and Maximum cuda capability supported by this version of PyTorch is
    (7.0) - (12.0)
    """,
    """
    Please install PyTorch with a following CUDA
    configurations:  12.6 following instructions at
    https://pytorch.org/get-started/locally/
    """,
    f"""
{NAME} with CUDA capability sm_60 is not compatible with the current PyTorch installation.
The current PyTorch install supports CUDA capabilities {SUPPORTED}.
If you want to use the {NAME} GPU with PyTorch, please check the instructions at https://pytorch.org/get-started/locally/
""",
)
ERROR = """CUDA error: no kernel image is available for execution on the device
CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.
For debugging consider passing CUDA_LAUNCH_BLOCKING=1
Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.
"""


def lay(cuda):
    import torch

    error = getattr(torch, "AcceleratorError", RuntimeError)

    def fail(*_arguments, **_options):
        for warning in WARNINGS:
            warnings.warn(warning, stacklevel=2)
        raise error(ERROR)

    cuda._lazy_init = fail
    cuda.is_available = lambda: True
    cuda.is_initialized = lambda: False
    cuda.device_count = lambda: 1
    cuda.current_device = lambda: 0
    cuda.get_device_name = lambda device=None: NAME
    cuda.get_device_capability = lambda device=None: (6, 0)
    cuda.get_arch_list = lambda: SUPPORTED.split()


def count(cuda):
    cuda.device_count = lambda: 1


prepare = lay


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_prepare(module):
                load(module)
                prepare(module.cuda)

            spec.loader.exec_module = load_and_prepare
        return spec


if "torch" in sys.modules:
    prepare(sys.modules["torch"].cuda)
else:
    sys.meta_path.insert(0, Finder())
linecache.cache[__file__] = (len(SOURCE), None, SOURCE.splitlines(keepends=True), __file__)
exec(compile(SOURCE, __file__, "exec"), {"__name__": "__main__", "__file__": __file__, "__builtins__": __builtins__})
'''
