"""What a container is: its name and labels, its volumes and files, its limits. Decides, and asks no engine.

A workload has two volumes: one is /kaggle with its input and script, filled before the container is made and read-only
in it; the other is /kaggle/working. Whoever makes the container under the workload's name has submitted it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docker.types import DeviceRequest, LogConfig, Mount, Ulimit

from executors.docker.archive import FILE_MODE, OPEN_FOLDER_MODE, ArchiveEntry, folder_entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker import APIClient

    from executors.base import Workload
    from executors.docker.limits import ContainerLimits

SCOPE_LABEL = "io.kaggle-relay.scope"
WORKLOAD_LABEL = "io.kaggle-relay.workload"
WORKING_LABEL = "io.kaggle-relay.working-bytes"
KAGGLE = "/kaggle"
WORKING = "/kaggle/working"
LIMIT_VARIABLE = "RELAY_LIMIT_SECONDS"
SPACE_VARIABLE = "RELAY_WORKING_BYTES"
STOP_PATIENCE_SECONDS = 600
"""How long `docker stop` and the engine's own end wait for a last checkpoint."""

_SCRATCH = dict.fromkeys(("/tmp", "/kaggle/temp"), "rw,exec,nosuid,nodev,mode=1777")  # noqa: S108 - inside
_LOG = {"max-size": "1g"}
"""A log that grows beyond begins anew, so that nobody fills the engine's disk by printing."""


@dataclass(frozen=True)
class Names:
    """Names of what belongs to the workloads of one executor.

    Args:
        scope: tells its workloads from those of others on the same engine.
    """

    scope: str

    def container(self, workload: str) -> str:
        """The container; there can be one of that name only."""
        return f"relay-{workload}-{self.scope}"

    def attempt(self, workload: str) -> Attempt:
        """Names for what is made before the container, which one that comes second throws away."""
        return Attempt(f"{self.container(workload)}-{secrets.token_hex(4)}", self.labels(workload))

    def labels(self, workload: str) -> dict[str, str]:
        """What marks all that belongs to a workload."""
        return {SCOPE_LABEL: self.scope, WORKLOAD_LABEL: workload}

    def filters(self, workload: str) -> dict[str, list[str]]:
        """What finds it again."""
        return {"label": [f"{key}={value}" for key, value in self.labels(workload).items()]}


@dataclass(frozen=True)
class Attempt:
    """The names of one attempt to start a workload, and the labels of what bears them."""

    name: str
    labels: dict[str, str]

    @property
    def volumes(self) -> tuple[str, str]:
        """Those of /kaggle and of /kaggle/working."""
        return f"{self.name}-kaggle", f"{self.name}-working"

    def mounts(self, *, to_fill: bool) -> list[Mount]:
        """The volumes at their places; /kaggle can be written only in the container that fills it."""
        places = ((KAGGLE, not to_fill), (WORKING, False))
        return [
            Mount(place, volume, type="volume", read_only=read_only, no_copy=True, labels=self.labels)
            for (place, read_only), volume in zip(places, self.volumes, strict=True)
        ]


def container_names(root: Path) -> Names:
    """The names for the executor whose folder is `root`: another folder's workloads are none of its business."""
    return Names(hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:8])


def workload_files(workload: Workload) -> Iterator[ArchiveEntry]:
    """What a container finds below `/`."""
    yield from (ArchiveEntry("kaggle"), ArchiveEntry("kaggle/input"))
    for place, folder in {**workload.inputs, **workload.data}.items():
        yield from folder_entries(folder, f"kaggle/input/{place}")
    yield from (ArchiveEntry("kaggle/src"), ArchiveEntry("kaggle/src/script.py", workload.script, FILE_MODE))
    yield from (ArchiveEntry(name, mode=OPEN_FOLDER_MODE) for name in ("kaggle/working", "kaggle/temp"))


def container_environment(workload: Workload, limits: ContainerLimits) -> dict[str, str]:
    """The variables beside those of the image."""
    limit = workload.limit_seconds
    return {
        **workload.environment,
        SPACE_VARIABLE: str(limits.working),
        **({} if limit is None else {LIMIT_VARIABLE: f"{limit:g}"}),
    }


def host_config(
    api: APIClient, workload: Workload, limits: ContainerLimits, attempt: Attempt, *, gpu: bool
) -> dict[str, Any]:
    """How the container of a workload is bounded."""
    config: dict[str, Any] = api.create_host_config(
        mounts=attempt.mounts(to_fill=False),
        tmpfs=_SCRATCH,
        read_only=True,
        network_mode="bridge" if workload.internet else "none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mem_limit=limits.memory,
        memswap_limit=limits.memory,
        nano_cpus=int(limits.cpus * 10**9),
        pids_limit=limits.pids,
        shm_size=limits.shm,
        ulimits=[
            Ulimit(name="fsize", soft=limits.working, hard=limits.working),
            Ulimit(name="core", soft=0, hard=0),
        ],
        log_config=LogConfig(type=LogConfig.types.JSON, config=_LOG),
        device_requests=[DeviceRequest(count=1, capabilities=[["gpu"]])] if gpu else None,
    )
    return config
