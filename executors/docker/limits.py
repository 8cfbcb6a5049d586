"""How much of a machine a container gets: as much as on Kaggle, scaled down where the engine's machine is smaller."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contract.storage.files import human_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

KAGGLE_CPUS = 4.0
KAGGLE_MEMORY = 29 << 30
"""Of a session with a GPU (https://www.kaggle.com/docs/notebooks#technical-specifications)."""
KAGGLE_WORKING = 20 * 10**9
"""What may lie in /kaggle/working, as the same page says."""
KAGGLE_SHM = 2 << 30
"""What Kaggle's own tests of its image give to /dev/shm (https://github.com/Kaggle/docker-python)."""
KAGGLE_PIDS = 4096
"""Kaggle names none: enough for every honest program, and a bound for one that forks without end."""

LOCAL_SOCKET = "http+docker://localhost"
"""What the SDK calls a Unix socket."""
FREE_DISK = 2 << 30
"""What stays free on the engine's disk, or half of what is free where that is less."""
LEFT_TO_MACHINE = 2 << 30
"""Memory that stays with the engine's machine, or a quarter of it where that is less."""


@dataclass(frozen=True)
class DockerSettings:
    """How containers are made; what is None is as on Kaggle.

    Args:
        image: what they are made from.
        memory: bytes of memory.
        cpus: how many, 0.5 being half of one.
        shm: bytes of /dev/shm.
        working: bytes that may lie in /kaggle/working.
        pids: processes and threads at a time.
        user: `uid` or `uid:gid` that the script runs as; None for the image's own.
        gpu_is_optional: a workload that needs a GPU runs without where there is none.
    """

    image: str = "kaggle-relay:cpu"
    memory: int | None = None
    cpus: float | None = None
    shm: int | None = None
    working: int = KAGGLE_WORKING
    pids: int = KAGGLE_PIDS
    user: str | None = None
    gpu_is_optional: bool = False


@dataclass(frozen=True)
class ContainerLimits:
    """What a container gets, in the units of `DockerSettings`, and what it was cut down to."""

    memory: int
    cpus: float
    shm: int
    working: int
    pids: int
    cuts: tuple[str, ...]


def container_limits(settings: DockerSettings, engine: Mapping[str, Any], free: int | None) -> ContainerLimits:
    """The limits of a container.

    Args:
        settings: what is wanted.
        engine: what the engine says of its machine: `MemTotal` in bytes, `NCPU`.
        free: bytes that are free on the engine's disk, None where that is not known.
    """
    total = int(engine["MemTotal"])
    memory, most_memory = settings.memory or KAGGLE_MEMORY, total - min(LEFT_TO_MACHINE, total // 4)
    cpus, most_cpus = settings.cpus or KAGGLE_CPUS, float(engine["NCPU"])
    shm = settings.shm or KAGGLE_SHM
    cuts = []
    if cpus > most_cpus:
        cuts.append(f"{most_cpus:g} CPUs instead of {cpus:g}")
        cpus = most_cpus
    if memory > most_memory:
        cuts.append(f"{human_bytes(most_memory)} of memory instead of {human_bytes(memory)}")
        memory = most_memory
    working = settings.working
    if free is not None and working > max(free - FREE_DISK, free // 2):
        working = max(free - FREE_DISK, free // 2)
        cuts.append(f"{human_bytes(working)} of disk instead of {human_bytes(settings.working)}")
    return ContainerLimits(memory, cpus, min(shm, memory), working, settings.pids, tuple(cuts))


def free_disk(engine: Mapping[str, Any], base_url: str) -> int | None:
    """Bytes that are free on the engine's disk, where that is a disk of this machine; else None.

    Args:
        engine: what the engine says of itself: `DockerRootDir`.
        base_url: where the SDK reaches it.
    """
    if base_url != LOCAL_SOCKET:
        return None
    try:
        return shutil.disk_usage(str(engine["DockerRootDir"])).free
    except OSError:  # the engine runs in a virtual machine, as on macOS
        return None
