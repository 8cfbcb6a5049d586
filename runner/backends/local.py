"""The local backend: sessions as processes of this machine that outlive the one that started them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.backends.executors.local import LocalExecutor
from runner.backends.on_executor import ExecutorBackend

if TYPE_CHECKING:
    from pathlib import Path


class LocalBackend(ExecutorBackend):
    """Sessions as detached processes.

    Args:
        root: the folder of all sandboxes.
    """

    executor: LocalExecutor

    def __init__(self, root: Path) -> None:
        super().__init__("local", LocalExecutor(root))
