"""What a script asks of Ray, and the note of it that its sandbox keeps."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STOP_WAIT_SECONDS = 300
"""How long Ray waits between its SIGTERM and its SIGKILL, where somebody has it stop a job: a rollout and a save."""


@dataclass(frozen=True)
class RaySettings:
    """What a script asks for.

    Args:
        address: of the cluster's dashboard; without one it is as Ray itself finds it.
        cpus, gpus: of a script; a GPU may be shared.
        memory: bytes, by which Ray counts and which it does not enforce.
        resources: the cluster's own, by name.
        folder: of its sandbox, on a file system that the nodes share; the executor's own if not given.
        python: the interpreter that runs it on its node.
        note: for people who look at the jobs.
    """

    address: str | None = None
    cpus: float = 1
    gpus: float = 0
    memory: int | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    folder: Path | None = None
    python: str = sys.executable
    note: str = ""


@dataclass(frozen=True)
class Submission:
    """What is submitted, as the sandbox keeps it: by it later commands find the job, and hand it in again.

    Args:
        address: of the dashboard of the cluster that is asked.
        python: the interpreter.
        cpus, gpus, memory, resources: as the settings have them.
        note: likewise.
        attempt: 1, and one more each time that Ray has given up waiting for a node.
    """

    address: str
    python: str
    cpus: float
    gpus: float
    memory: int | None
    resources: Mapping[str, float]
    note: str
    attempt: int = 1

    @staticmethod
    def made(settings: RaySettings, address: str) -> Submission:
        """The first submission of a script for a cluster."""
        return Submission(
            address=address,
            python=settings.python,
            cpus=settings.cpus,
            gpus=settings.gpus,
            memory=settings.memory,
            resources=dict(settings.resources),
            note=settings.note,
        )

    @staticmethod
    def read(document: Mapping[str, Any]) -> Submission:
        """A submission that was written down."""
        return Submission(**document)

    def document(self) -> dict[str, Any]:
        """To be written down."""
        return asdict(self)

    def submission_id(self, job_name: str) -> str:
        """What Ray knows the job by."""
        return job_name if self.attempt == 1 else f"{job_name}-{self.attempt}"

    def needs(self) -> dict[str, float]:
        """What a node has to have free, by Ray's names."""
        named = {"CPU": self.cpus, "GPU": self.gpus, "memory": float(self.memory or 0), **self.resources}
        return {name: amount for name, amount in named.items() if amount}
