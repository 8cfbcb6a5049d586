"""What an emulator is told when it starts; each rule of Kaggle's that changes is a setting."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOUR = 3600.0
GIGABYTE = 10**9
P100 = "NvidiaTeslaP100"
T4 = "NvidiaTeslaT4"


class WhenFull(enum.StrEnum):
    """What becomes of a push while all batch sessions of its kind are taken."""

    REJECT = "reject"
    QUEUE = "queue"


class MountLayout(enum.StrEnum):
    """Where a source is mounted below `/kaggle/input`.

    `OWNER` is `datasets/<owner>/<slug>` and `notebooks/<owner>/<slug>`, `SLUG` is `<slug>`; `ALTERNATE`
    takes turns from version to version.
    """

    OWNER = "owner"
    SLUG = "slug"
    ALTERNATE = "alternate"


class ErrorStyle(enum.StrEnum):
    """The form of an error's body: `{"error": {"code", "message", "status"}}`, or `{"code", "message"}`."""

    NESTED = "nested"
    FLAT = "flat"


@dataclass(frozen=True)
class EmulatorSettings:
    """How an emulator behaves; times are in the emulated seconds of `time_scale`.

    Args:
        data: the folder of everything that outlives the process.
        users: each user's key, which is also an access token.
        executor: where kernels run: `local` or `docker`.
        host: the address to listen on.
        port: the port, 0 for any free one.
        public_url: how clients reach it, where that is not `http://<host>:<port>`.
        time_scale: emulated seconds in a second.
        gpu_slots: GPU sessions of a user at a time.
        cpu_slots: sessions of a user without a GPU at a time.
        when_full: what becomes of a push beyond that.
        gpu_quota_seconds: of GPU sessions, per user and week.
        session_limit_seconds: after which a session is killed and its output lost.
        output_limit_bytes: what a session may leave.
        dataset_delay_seconds: from the creation of a dataset's version until it is ready.
        visibility_delay_seconds: from the creation of a kernel or dataset until the calls about it know it.
        mount_layout: where sources are mounted.
        default_gpu: what a kernel gets that asks for a GPU and names none.
        host_gpu: whether this machine has a GPU to hand on to kernels.
        error_style: the form of error bodies.
    """

    data: Path
    users: Mapping[str, str]
    executor: str = "local"
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str | None = None
    time_scale: float = 1.0
    gpu_slots: int = 2
    cpu_slots: int = 5
    when_full: WhenFull = WhenFull.REJECT
    gpu_quota_seconds: float = 30 * HOUR
    session_limit_seconds: float = 12 * HOUR
    output_limit_bytes: int = 20 * GIGABYTE
    dataset_delay_seconds: float = 2.0
    visibility_delay_seconds: float = 0.0
    mount_layout: MountLayout = MountLayout.OWNER
    default_gpu: str = P100
    host_gpu: bool = False
    error_style: ErrorStyle = ErrorStyle.NESTED
