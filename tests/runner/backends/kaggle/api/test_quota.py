"""GPU time in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from runner.backends.kaggle.api.quota import Quota, parse_quota


def answer(used: float, reserved: float = 0, total: float = 30) -> SimpleNamespace:
    """Kaggle's answer; hours."""
    hours = {"time_used": used, "time_reserved": reserved, "total_time_allowed": total}
    gpu = SimpleNamespace(**{name: timedelta(hours=value) for name, value in hours.items()})
    return SimpleNamespace(gpu_quota=gpu, quota_refresh_time=datetime(2026, 1, 3, 0, 0))  # noqa: DTZ001 - as the SDK does


def test_what_is_left_is_what_is_not_used() -> None:
    quota = parse_quota(answer(29.5, 9))
    half = timedelta(minutes=30)
    assert quota == Quota(half, timedelta(hours=30), datetime(2026, 1, 3, tzinfo=UTC), reserved=half)
    assert not quota.is_used_up
    assert quota.free == timedelta(0)
    assert str(quota) == (
        "30m00s of 30h00m of GPU quota left, 30m00s of it for sessions that run, renewed on 2026-01-03 at 00:00 UTC"
    )


def test_quota_is_used_up_and_never_below_zero() -> None:
    quota = parse_quota(answer(31))
    assert quota is not None
    assert quota.is_used_up
    assert str(quota).startswith("0s of 30h00m")


def test_an_account_without_quota_is_not_stopped_by_it() -> None:
    assert parse_quota(SimpleNamespace(gpu_quota=None, quota_refresh_time=None)) is None
    quota = parse_quota(answer(0, 0, 0))
    assert quota is not None
    assert not quota.is_used_up
