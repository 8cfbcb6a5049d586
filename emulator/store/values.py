"""What the store keeps, as values.

Times are emulated seconds since 1970 (`emulator.clock`); sizes are bytes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class KernelState(enum.StrEnum):
    """Where a version's session stands: Kaggle's `KernelWorkerStatus`."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    ERROR = "ERROR"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    CANCEL_ACKNOWLEDGED = "CANCEL_ACKNOWLEDGED"
    NEW_SCRIPT = "NEW_SCRIPT"

    @property
    def is_active(self) -> bool:
        """Whether it takes one of the user's sessions."""
        return self in ACTIVE_STATES


ACTIVE_STATES = (KernelState.QUEUED, KernelState.RUNNING, KernelState.CANCEL_REQUESTED)


class DatasetState(enum.StrEnum):
    """Where a dataset's version stands: those of Kaggle's `DatabundleVersionStatus` that occur here."""

    BLOBS_RECEIVED = "BLOBS_RECEIVED"
    READY = "READY"


@dataclass(frozen=True)
class KernelOptions:
    """What a push asks for, beside the script: the fields of `ApiSaveKernelRequest`."""

    language: str = "python"
    kernel_type: str = "script"
    enable_gpu: bool = False
    enable_tpu: bool = False
    enable_internet: bool = True
    machine_shape: str = ""
    docker_image: str = ""
    docker_image_pinning_type: str = ""
    dataset_sources: tuple[str, ...] = ()
    kernel_sources: tuple[str, ...] = ()
    competition_sources: tuple[str, ...] = ()
    model_sources: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    session_timeout_seconds: int | None = None
    image: str = ""
    """What it runs in, after Kaggle's choice."""


@dataclass(frozen=True)
class Kernel:
    """A kernel; what it runs is in its versions."""

    id: int
    owner: str
    slug: str
    title: str
    is_private: bool
    created_at: float

    @property
    def ref(self) -> str:
        """`owner/slug`."""
        return f"{self.owner}/{self.slug}"


@dataclass(frozen=True)
class Version:
    """A version of a kernel, which is one session.

    Args:
        id: of the session; unique over all kernels, and in the order of the pushes.
        kernel_id: whose version it is.
        number: counted from 1 within the kernel.
        state: where its session stands.
        options: what was asked for.
        machine_shape: the machine that it runs on, after Kaggle's choice; empty for none but CPUs.
        limit_seconds: after which its session is killed.
        failure_message: what the status call says of a failure.
        queued_at: when it was pushed.
        started_at: when its session started, or None.
        ended_at: when it ended, or None.
    """

    id: int
    kernel_id: int
    number: int
    state: KernelState
    options: KernelOptions
    machine_shape: str
    limit_seconds: float
    failure_message: str
    queued_at: float
    started_at: float | None
    ended_at: float | None

    @property
    def uses_gpu(self) -> bool:
        """Whether it runs on a machine with a GPU."""
        return self.machine_shape.startswith("Nvidia")


@dataclass(frozen=True)
class StoredFile:
    """A file of an output or of a dataset: its path below the root, and the blob that holds its bytes."""

    path: str
    sha256: str
    bytes: int
    created_at: float


@dataclass(frozen=True)
class Mount:
    """A source of a version: `kind` is `datasets` or `notebooks`, `id` the dataset's version or the session."""

    kind: str
    owner: str
    slug: str
    id: int


@dataclass(frozen=True)
class LogEntry:
    """What a session printed, `time` seconds after its start."""

    stream_name: str
    time: float
    data: str


@dataclass(frozen=True)
class Dataset:
    """A dataset; its files are in its versions. `settings` are the fields of `DatasetSettings`, as JSON."""

    id: int
    owner: str
    slug: str
    title: str
    is_private: bool
    license_name: str
    created_at: float
    settings: dict[str, object]

    @property
    def ref(self) -> str:
        """`owner/slug`."""
        return f"{self.owner}/{self.slug}"


@dataclass(frozen=True)
class DatasetVersion:
    """A version of a dataset, ready from `ready_at` on."""

    id: int
    dataset_id: int
    number: int
    notes: str
    created_at: float
    ready_at: float
    total_bytes: int

    def state(self, now: float) -> DatasetState:
        """Where it stands at the emulated time `now`."""
        return DatasetState.READY if now >= self.ready_at else DatasetState.BLOBS_RECEIVED
