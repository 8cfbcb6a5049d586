"""The local backend: sessions as processes of this machine that outlive the one that started them."""

from __future__ import annotations

import functools
import os
import shutil
from typing import TYPE_CHECKING, Any

from contract.storage.files import human_bytes
from executors.local import LocalExecutor
from runner.backends.base import BackendEntry, Check
from runner.backends.on_executor import ExecutorBackend

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from runner.backends.base import Known
    from runner.scheduling.slots import Slot

_TOOL_OF_GPUS = "nvidia-smi"
LEAST_FREE_BYTES = 1 << 30
"""For two checkpoints, a parent and what is about to replace them."""


class LocalBackend(ExecutorBackend):
    """Sessions as detached processes.

    Args:
        root: the folder of all sandboxes.
    """

    name = "local"
    executor: LocalExecutor

    def __init__(self, root: Path) -> None:
        super().__init__(LocalExecutor(root))
        self._root = root

    def diagnose(self) -> Iterator[Check]:
        """Where the sandboxes lie, and how much room there is."""
        place = self._root
        while not place.exists():
            place = place.parent
        free = shutil.disk_usage(place).free
        if not os.access(place, os.W_OK):
            problem, remedy = f"{place} is not writable: make it so", f"chmod u+rwx '{place}'"
            yield Check("sandboxes", problem, is_well=False, remedy=remedy)
        elif free < LEAST_FREE_BYTES:
            needed = human_bytes(LEAST_FREE_BYTES)
            problem = f"{human_bytes(free)} are free in {place}: make it {needed}"
            yield Check("sandboxes", problem, is_well=False, remedy="make room there")
        else:
            yield Check("sandboxes", f"{human_bytes(free)} are free in {place}")


def _memory(_job: Mapping[str, Any]) -> int:
    return _memory_of_this_machine()


@functools.cache
def _memory_of_this_machine() -> int:
    import psutil  # noqa: PLC0415 - few commands ask

    return psutil.virtual_memory().total


def has_gpu(job: Mapping[str, Any]) -> bool:
    """Whether a session of a job (as JSON) on this machine uses a GPU."""
    return job["device"] == "cuda" or (job["device"] == "auto" and shutil.which(_TOOL_OF_GPUS) is not None)


def _slot(job: Mapping[str, Any], _known: Known) -> Slot:
    from runner.scheduling.slots import THIS_MACHINE, Slot  # noqa: PLC0415 - only who begins sessions asks

    return Slot(THIS_MACHINE, most=1, is_usual=True, has_gpu=has_gpu(job))


ENTRY = BackendEntry(LocalBackend, memory=_memory, slot=_slot)
