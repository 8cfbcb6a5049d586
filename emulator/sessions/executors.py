"""The executors by name; each is imported when it is used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from contract.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from executors.base import Executor

EXECUTORS = {
    "local": "executors.local:LocalExecutor",
    "docker": "executors.docker.executor:DockerExecutor",
}


def open_executor(name: str, root: Path) -> Executor:
    """The executor called `name`, with its sandboxes in `root`.

    Raises:
        InputError: there is none.
    """
    module, _, attribute = EXECUTORS.get(name, "").partition(":")
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except (ValueError, ModuleNotFoundError) as error:
        raise InputError(f"executor {name}", "is not there", f"choose one of {', '.join(EXECUTORS)}") from error
    root.mkdir(parents=True, exist_ok=True)
    executor: Executor = kind(root)
    return executor
