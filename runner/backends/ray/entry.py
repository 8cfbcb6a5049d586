"""What the registry knows of the ray backend: how it is opened, and what a job may say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.backends.base import BackendEntry
from runner.backends.ray.section import Ray

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from runner.backends.base import Backend, Check, Known
    from runner.scheduling.slots import Slot


def _open(root: Path) -> Backend:
    from runner.backends.ray.backend import RayBackend  # noqa: PLC0415 - whoever reads jobs.yaml loads this module

    return RayBackend(root)


def _memory(job: Mapping[str, Any]) -> int | None:
    stated = job["ray"]["memory"]
    return None if stated is None else int(stated)


def _needs(root: Path, job: Mapping[str, Any]) -> Iterator[Check]:
    from runner.backends.ray.health import session_checks  # noqa: PLC0415 - few commands ask

    return session_checks(root, job)


def _slot(job: Mapping[str, Any], _known: Known) -> Slot:
    from runner.scheduling.slots import Slot  # noqa: PLC0415 - only who begins sessions asks

    return Slot(has_gpu=bool(Ray.model_validate(job["ray"]).gpus))


ENTRY = BackendEntry(_open, Ray, _memory, needs=_needs, slot=_slot)
