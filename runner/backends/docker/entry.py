"""What the registry knows of the docker backend: how it is opened, and what a job may say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from executors.docker.limits import KAGGLE_MEMORY
from runner.backends.base import BackendEntry
from runner.backends.docker.section import Docker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from runner.backends.base import Backend, Check, Known
    from runner.packages.places import Place
    from runner.scheduling.slots import Slot


def _open(root: Path) -> Backend:
    from runner.backends.docker.backend import DockerBackend  # noqa: PLC0415 - it imports the SDK

    return DockerBackend(root)


def _memory(job: Mapping[str, Any]) -> int:
    return int(job["docker"]["memory"] or KAGGLE_MEMORY)


def _places(job: Mapping[str, Any]) -> Sequence[Place]:
    from runner.backends.docker.place import places  # noqa: PLC0415 - it imports the SDK

    return places(job)


def _needs(_root: Path, job: Mapping[str, Any]) -> Iterator[Check]:
    from runner.backends.docker.health import own_image  # noqa: PLC0415 - it imports the SDK

    yield from own_image(job["docker"]["image"])


def _slot(job: Mapping[str, Any], _known: Known) -> Slot:
    from runner.backends.local import has_gpu  # noqa: PLC0415 - only who begins sessions asks
    from runner.scheduling.slots import THIS_MACHINE, Slot  # noqa: PLC0415 - only who begins sessions asks

    return Slot(THIS_MACHINE, most=1, is_usual=True, has_gpu=has_gpu(job))


ENTRY = BackendEntry(_open, Docker, _memory, places=_places, needs=_needs, slot=_slot)
