"""The GPU of a session and the software that runs it, recorded beside the versions of libraries."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import torch

from contract.libraries import CUDA, CUDNN, DRIVER, GPU, TF32

_PROC = Path("/proc/driver/nvidia/version")
_VERSION = re.compile(r"(?<![\d.])\d{3,}\.\d+(?:\.\d+)*")
_QUERY = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
_PATIENCE_SECONDS = 10.0


def machine(device: str) -> dict[str, str]:
    """What a GPU's bits depend on beside libraries, by name; nothing on the CPU."""
    if device == "cpu":
        return {}
    has_tf32 = torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
    found = {
        GPU: torch.cuda.get_device_name(),
        DRIVER: driver_version(),
        CUDA: torch.version.cuda,
        CUDNN: str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call] # torch has not typed it
        TF32: "on" if has_tf32 else "off",
    }
    return {name: value for name, value in found.items() if value}


def driver_version(proc: Path = _PROC) -> str | None:
    """The version of NVIDIA's driver, None where nothing tells it."""
    try:
        said = proc.read_text(encoding="utf-8", errors="replace")
    except OSError:
        try:
            asked = subprocess.run(  # noqa: S603 - its name is ours
                _QUERY, capture_output=True, encoding="utf-8", errors="replace", timeout=_PATIENCE_SECONDS, check=False
            )
        except (OSError, subprocess.SubprocessError):
            return None
        said = asked.stdout
    match = _VERSION.search(said)
    return match[0] if match is not None else None
