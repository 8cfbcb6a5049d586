"""The versions of what a session computes with."""

from __future__ import annotations

import functools
import platform
from importlib import metadata

DISTRIBUTIONS = ("gymnasium", "numpy", "stable-baselines3", "torch")


@functools.cache
def library_versions() -> dict[str, str]:
    """Versions by distribution name, and of `python`."""
    return {name: metadata.version(name) for name in DISTRIBUTIONS} | {"python": platform.python_version()}
