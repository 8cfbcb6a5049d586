"""The GPU quota of a week: what is left of it, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from runner.display import duration_text

if TYPE_CHECKING:
    from runner.backends.kaggle.api.connection import Connection


@dataclass(frozen=True)
class Quota:
    """GPU time of a week.

    Args:
        left: what no session has used, as `kaggle quota` counts it.
        total: what there is each week.
        renewed_at: when there is all of it again, in UTC.
        reserved: what of what is left those may still use that run.
    """

    left: timedelta
    total: timedelta
    renewed_at: datetime | None
    reserved: timedelta = timedelta(0)

    @property
    def is_known(self) -> bool:
        """Whether there is any, so that what is left means something."""
        return self.total > timedelta(0)

    @property
    def free(self) -> timedelta:
        """What a further session may use."""
        return max(self.left - self.reserved, timedelta(0))

    @property
    def is_used_up(self) -> bool:
        """Whether no session can start any more."""
        return self.is_known and self.left <= timedelta(0)

    def __str__(self) -> str:
        left, total = (duration_text(each.total_seconds()) for each in (self.left, self.total))
        renewal = f", renewed on {self.renewed_at:%Y-%m-%d at %H:%M} UTC" if self.renewed_at else ""
        share = f", {duration_text(self.reserved.total_seconds())} of it for sessions that run" if self.reserved else ""
        return f"{left} of {total} of GPU quota left{share}{renewal}"


def parse_quota(answer: Any) -> Quota | None:
    """The GPU quota in Kaggle's answer, None where it says nothing of it."""
    gpu = answer.gpu_quota
    if gpu is None or gpu.total_time_allowed is None:
        return None
    used = gpu.time_used or timedelta(0)
    renewed_at = answer.quota_refresh_time
    if renewed_at is not None and renewed_at.tzinfo is None:
        renewed_at = renewed_at.replace(tzinfo=UTC)
    left = max(gpu.total_time_allowed - used, timedelta(0))
    reserved = min(gpu.time_reserved or timedelta(0), left)
    return Quota(left, gpu.total_time_allowed, renewed_at, reserved)


def ask_quota(connection: Connection) -> Quota | None:
    """What is left, as Kaggle says; asked once, since no session depends on it."""
    from kagglesdk.kernels.types.kernels_api_service import (  # noqa: PLC0415 - not before it is asked
        ApiGetAcceleratorQuotaStatisticsRequest,
    )

    method = connection.kernels.get_accelerator_quota_statistics
    return parse_quota(connection.ask_once("the GPU quota", method, ApiGetAcceleratorQuotaStatisticsRequest()))
