"""A container gets as much as a session on Kaggle, or what the engine's machine has."""

from __future__ import annotations

from pathlib import Path

import pytest

from executors.docker.limits import (
    FREE_DISK,
    KAGGLE_MEMORY,
    KAGGLE_WORKING,
    LEFT_TO_MACHINE,
    LOCAL_SOCKET,
    DockerSettings,
    container_limits,
    free_disk,
)

LARGE = {"MemTotal": 64 << 30, "NCPU": 16}
SMALL = {"MemTotal": 16 << 30, "NCPU": 2}


def test_a_large_machine_gives_what_kaggle_gives() -> None:
    limits = container_limits(DockerSettings(), LARGE, 10**12)
    assert (limits.cpus, limits.memory, limits.shm, limits.working) == (4.0, KAGGLE_MEMORY, 2 << 30, KAGGLE_WORKING)
    assert limits.cuts == ()
    assert container_limits(DockerSettings(), LARGE, None) == limits


def test_a_smaller_machine_gives_what_it_has_and_says_so() -> None:
    limits = container_limits(DockerSettings(), SMALL, 10 << 30)
    assert (limits.cpus, limits.memory, limits.working) == (2.0, (16 << 30) - LEFT_TO_MACHINE, (10 << 30) - FREE_DISK)
    assert limits.cuts == (
        "2 CPUs instead of 4",
        "14.0 GiB of memory instead of 29.0 GiB",
        "8.0 GiB of disk instead of 18.6 GiB",
    )


def test_a_tiny_machine_keeps_a_part_of_what_it_has() -> None:
    limits = container_limits(DockerSettings(shm=8 << 30), {"MemTotal": 4 << 30, "NCPU": 1}, 1 << 30)
    assert (limits.memory, limits.shm, limits.working) == (3 << 30, 3 << 30, 1 << 29)


def test_a_job_may_ask_for_less_and_for_more_than_kaggle() -> None:
    less = DockerSettings(memory=1 << 30, cpus=0.5, shm=1 << 20)
    limits = container_limits(less, SMALL, None)
    assert (limits.memory, limits.cpus, limits.shm, limits.cuts) == (1 << 30, 0.5, 1 << 20, ())
    assert container_limits(DockerSettings(memory=40 << 30, cpus=8), LARGE, None).cuts == ()


@pytest.mark.parametrize(
    ("folder", "url"), [(Path("/there is no such folder"), LOCAL_SOCKET), (Path.cwd(), "http+docker://ssh")]
)
def test_the_disk_of_another_machine_is_not_known(folder: Path, url: str) -> None:
    assert free_disk({"DockerRootDir": str(folder)}, url) is None


def test_the_disk_of_this_machine_is() -> None:
    assert (free_disk({"DockerRootDir": str(Path.cwd())}, LOCAL_SOCKET) or 0) > 0
