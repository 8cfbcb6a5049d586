"""What `doit doctor` asks of the Docker engine: whether it answers, what it has, and whether the image is there."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from contract.errors import BackendError
from contract.storage.files import human_bytes
from executors.docker.engine import open_engine, talking_to_engine
from executors.docker.limits import DockerSettings
from runner.backends.base import Check, failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker

_NVIDIA = "nvidia"


def checks(image: str = DockerSettings.image) -> Iterator[Check]:
    """One finding after the other; what depends on a failed one is left out.

    Args:
        image: that sessions are made from where a job names no other.
    """
    try:
        engine = open_engine()
    except BackendError as error:
        yield failed("Docker engine", error)
        return
    with contextlib.closing(engine):
        with talking_to_engine():
            described = engine.info()
        size = f"{described['NCPU']} CPUs, {human_bytes(described['MemTotal'])} of memory"
        yield Check("Docker engine", f"{described['ServerVersion']} answers: {size}")
        yield _image(engine, image)
    has_gpu = _NVIDIA in described.get("Runtimes", {})
    yield Check("GPU", "NVIDIA's runtime is installed" if has_gpu else "none: sessions train on the CPU")


def own_image(image: str) -> Iterator[Check]:
    """Whether the image that a job names is there; the usual one was looked at with the engine."""
    if image == DockerSettings.image:
        return
    with contextlib.closing(open_engine()) as engine:
        yield _image(engine, image)


def _image(engine: docker.DockerClient, image: str) -> Check:
    try:
        with talking_to_engine(image):
            found = engine.images.get(image)
    except BackendError as error:
        return failed("image", error)
    return Check("image", f"{image} is there ({human_bytes(found.attrs['Size'])})")
