"""The versions of what a session computes with."""

from __future__ import annotations

import functools
import platform
from importlib import metadata

_VERSION = "Version: "
DISTRIBUTIONS = ("gymnasium", "numpy", "stable-baselines3", "torch")


@functools.cache
def library_versions() -> dict[str, str]:
    """Versions by distribution name, and of `python`."""
    return {name: _version(name) for name in DISTRIBUTIONS} | {"python": platform.python_version()}


def _version(name: str) -> str:
    # `metadata.version` parses the whole document as an e-mail, ten times as slow.
    text = metadata.distribution(name).read_text("METADATA") or ""
    version = next((line for line in text.splitlines() if line.startswith(_VERSION)), None)
    return version.removeprefix(_VERSION).strip() if version else metadata.version(name)
