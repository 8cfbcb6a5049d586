"""The versions of what a session computes with."""

from __future__ import annotations

import functools
import platform
from importlib import metadata

_VERSION = "Version: "
GPU, DRIVER, CUDA, CUDNN, TF32 = "gpu", "gpu-driver", "cuda", "cudnn", "tf32"
MACHINE = (GPU, DRIVER, CUDA, CUDNN, TF32)
"""What stands among the versions of a session on a GPU, and of no other: what its bits depend on too."""
DISTRIBUTIONS = ("gymnasium", "numpy", "sb3-contrib", "stable-baselines3", "torch")


@functools.cache
def library_versions(packages: tuple[str, ...] = ()) -> dict[str, str]:
    """Versions by distribution name, and of `python`; what is not installed is left out.

    Args:
        packages: what a job asks for beside what every session computes with, as `name==version`.
    """
    names = (*DISTRIBUTIONS, *(each.partition("==")[0] for each in packages))
    versions = {name: version for name in names if (version := _version(name)) is not None}
    return versions | {"python": platform.python_version()}


def without_machine(versions: dict[str, str]) -> dict[str, str]:
    """The versions without what is known of a GPU where a session runs, and nowhere else."""
    return {name: version for name, version in versions.items() if name not in MACHINE}


def _version(name: str) -> str | None:
    # `metadata.version` parses the whole document as an e-mail, ten times as slow.
    try:
        text = metadata.distribution(name).read_text("METADATA") or ""
    except metadata.PackageNotFoundError:
        return None
    version = next((line for line in text.splitlines() if line.startswith(_VERSION)), None)
    return version.removeprefix(_VERSION).strip() if version else metadata.version(name)
