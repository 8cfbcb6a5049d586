"""What the registry knows of the kaggle backend: how it is opened, and what a job may say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from executors.docker.limits import KAGGLE_MEMORY
from runner.backends.base import BackendEntry
from runner.backends.kaggle.section import Kaggle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runner.backends.base import Backend


def _open(root: Path) -> Backend:
    from runner.backends.kaggle.backend import KaggleBackend  # noqa: PLC0415 - it imports Kaggle's SDK

    return KaggleBackend(root)


def _memory(_job: Mapping[str, Any]) -> int:
    return KAGGLE_MEMORY


ENTRY = BackendEntry(_open, Kaggle, _memory)
