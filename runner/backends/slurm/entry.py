"""What the registry knows of the slurm backend: how it is opened, and what a job may say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.backends.base import BackendEntry
from runner.backends.slurm.section import Slurm, asks_for_gpu

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from runner.backends.base import Backend, Check, Known
    from runner.scheduling.slots import Slot


def _open(root: Path) -> Backend:
    from runner.backends.slurm.backend import SlurmBackend  # noqa: PLC0415 - whoever reads jobs.yaml loads this module

    return SlurmBackend(root)


def _memory(job: Mapping[str, Any]) -> int | None:
    stated = job["slurm"]["memory"]
    return None if stated is None else int(stated)


def _needs(root: Path, job: Mapping[str, Any]) -> Iterator[Check]:
    from runner.backends.slurm.health import session_checks  # noqa: PLC0415 - few commands ask

    return session_checks(root, job)


def _slot(job: Mapping[str, Any], _known: Known) -> Slot:
    from runner.scheduling.slots import Slot  # noqa: PLC0415 - only who begins sessions asks

    return Slot(has_gpu=asks_for_gpu(Slurm.model_validate(job["slurm"])))


ENTRY = BackendEntry(_open, Slurm, _memory, needs=_needs, slot=_slot)
