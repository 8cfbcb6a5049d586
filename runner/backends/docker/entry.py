"""What the registry knows of the docker backend: how it is opened, and what a job may say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.backends.base import BackendEntry
from runner.backends.docker.section import Docker

if TYPE_CHECKING:
    from pathlib import Path

    from runner.backends.base import Backend


def _open(root: Path) -> Backend:
    from runner.backends.docker.backend import DockerBackend  # noqa: PLC0415 - it imports the SDK

    return DockerBackend(root)


ENTRY = BackendEntry(_open, Docker)
