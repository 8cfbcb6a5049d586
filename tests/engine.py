"""The Docker engine and the image for the tests that need them.

Where no engine answers they are skipped with a reason; in CI on Linux that is a failure, so that they are never skipped
there.
"""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docker import DockerClient, from_env

from executors.docker.container import SCOPE_LABEL, container_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.models.containers import Container

ROOT = Path(__file__).resolve().parent.parent
NEVER_SKIPPED = os.environ.get("CI") == "true" and sys.platform == "linux"
NO_ENGINE = "no Docker engine that runs Linux answers: start one (on a bare Debian: sudo docker/engine.sh)"


def engine_answers() -> bool:
    """Whether there is an engine for Linux containers."""
    try:
        command = ["docker", "info", "--format", "{{.OSType}}"]
        answer = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=30)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.strip() == "linux"


@functools.cache
def image(profile: str = "cpu") -> str:
    """The tag of a profile's image, which is built if it is not what the sources say."""
    if not engine_answers():
        if NEVER_SKIPPED:
            pytest.fail(NO_ENGINE)
        pytest.skip(NO_ENGINE)
    command = [sys.executable, str(ROOT / "docker" / "image.py"), "--profile", profile, "--if-needed"]
    built = subprocess.run(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False)
    if built.returncode:
        pytest.fail(f"the image of the profile {profile} was not built; run `make image` and read what it says")
    return built.stdout.strip()


def docker(*words: str) -> str:
    """What a docker command prints, its complaints included."""
    command = ["docker", *words]
    answer = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", check=False
    )
    if answer.returncode:
        raise AssertionError(f"{' '.join(command)} ended with {answer.returncode}: {answer.stdout}")
    return answer.stdout


@contextlib.contextmanager
def engine_itself() -> Iterator[DockerClient]:
    """The engine, to look behind an executor's back; the image is there."""
    image()
    with contextlib.closing(from_env()) as client:
        yield client


class Containers:
    """The containers of an executor, seen from outside.

    Args:
        engine: where they are.
        root: the executor's folder.
    """

    def __init__(self, engine: DockerClient, root: Path) -> None:
        self._engine = engine
        scope = container_names(root).scope
        self._filters: dict[str, str | list[str] | bool] = {"label": f"{SCOPE_LABEL}={scope}"}

    def all(self) -> list[Container]:
        return self._engine.containers.list(all=True, filters=self._filters)

    def only(self) -> Container:
        """The one that there is."""
        (container,) = self.all()
        return container

    def volumes(self) -> list[str]:
        return [str(each.name) for each in self._engine.volumes.list(filters=self._filters)]

    def remove(self) -> None:
        for container in self.all():
            container.remove(force=True)
        for volume in self._engine.volumes.list(filters=self._filters):
            volume.remove()


def small_container() -> dict[str, str]:
    """What a job's `docker` section says in tests: of the image, as little as a session needs."""
    return {"image": image(), "memory": "1g", "shm": "64m"}


@contextlib.contextmanager
def containers_below(root: Path) -> Iterator[Containers]:
    """The containers of an executor, none of which outlives the block.

    Args:
        root: the executor's folder.
    """
    with engine_itself() as engine:
        there = Containers(engine, root)
        try:
            yield there
        finally:
            there.remove()
