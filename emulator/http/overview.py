"""What an emulator knows at a moment, as the status page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.store.quota import refresh_time

if TYPE_CHECKING:
    from emulator.core import Emulator
    from emulator.store.values import Dataset, DatasetState, DatasetVersion, Kernel, Version

_LOG_TAIL_ENTRIES = 20


@dataclass(frozen=True)
class VersionOverview:
    """A version as the status page shows it."""

    version: Version
    output_files: int
    output_bytes: int
    log_tail: str


@dataclass(frozen=True)
class KernelOverview:
    """A kernel with its versions, the newest first."""

    kernel: Kernel
    versions: tuple[VersionOverview, ...]


@dataclass(frozen=True)
class DatasetOverview:
    """A dataset with its versions, the newest first, and where each stands."""

    dataset: Dataset
    versions: tuple[tuple[DatasetVersion, DatasetState], ...]


@dataclass(frozen=True)
class QuotaOverview:
    """A user's GPU time in this week, in seconds."""

    user: str
    used_seconds: float
    allowed_seconds: float
    refresh_at: float


@dataclass(frozen=True)
class Overview:
    """All that an emulator knows, at the emulated time `now`."""

    now: float
    time_scale: float
    executor: str
    gpu_slots: int
    cpu_slots: int
    quotas: tuple[QuotaOverview, ...]
    kernels: tuple[KernelOverview, ...]
    datasets: tuple[DatasetOverview, ...]


def overview(emulator: Emulator) -> Overview:
    """All that the emulator knows now."""
    now = emulator.clock.now()
    settings = emulator.settings
    return Overview(
        now=now,
        time_scale=settings.time_scale,
        executor=settings.executor,
        gpu_slots=settings.gpu_slots,
        cpu_slots=settings.cpu_slots,
        quotas=tuple(
            QuotaOverview(user, emulator.gpu_time.used(user, now), settings.gpu_quota_seconds, refresh_time(now))
            for user in emulator.accounts.names
        ),
        kernels=tuple(
            KernelOverview(kernel, tuple(_seen(emulator, each) for each in emulator.kernels.list_versions(kernel.id)))
            for kernel in emulator.kernels.all()
        ),
        datasets=tuple(
            DatasetOverview(
                dataset, tuple((each, each.state(now)) for each in emulator.datasets.list_versions(dataset.id))
            )
            for dataset in emulator.datasets.all()
        ),
    )


def _seen(emulator: Emulator, version: Version) -> VersionOverview:
    outputs = emulator.kernels.outputs(version.id)
    tail = "".join(entry.data for entry in emulator.kernels.log_tail(version.id, _LOG_TAIL_ENTRIES))
    return VersionOverview(version, len(outputs), sum(each.bytes for each in outputs), tail)
