"""The backends by name; each is imported when it is used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from contract.errors import InputError

if TYPE_CHECKING:
    from runner.backends.base import Backend
    from runner.layout import RunsFolder

BACKENDS = {
    "local": "runner.backends.local:LocalBackend",
    "docker": "runner.backends.docker.backend:DockerBackend",
    "kaggle": "runner.backends.kaggle.backend:KaggleBackend",
}


def open_backend(name: str, runs: RunsFolder) -> Backend:
    """The backend called `name`.

    Raises:
        InputError: there is none.
    """
    if name not in BACKENDS:
        raise InputError(f"backend {name}", "is unknown", f"choose one of {', '.join(BACKENDS)}")
    module, _, attribute = BACKENDS[name].partition(":")
    backend: Backend = getattr(importlib.import_module(module), attribute)(runs.backend(name))
    return backend
