"""What an emulator is told when it starts; each rule of Kaggle's that changes, or is not known for sure, is a setting.

Where what is known contradicts itself, the default is what most of it says, and `STRICT` the worst for whoever has to
live with it. The sources are issues and pull requests of Kaggle/kaggle-cli (`cli`) and Kaggle/kagglehub (`hub`), the
client's own source, and users' public logs of 2026, which nobody here has verified.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

HOUR = 3600.0
GIGABYTE = 10**9
P100 = "NvidiaTeslaP100"
T4 = "NvidiaTeslaT4"
DATASET_FILES = 50
"""Of a dataset's version at the top level (kaggle.com/docs/datasets as users quote it; hub, `MAX_FILES_TO_UPLOAD`)."""
LONGEST_SESSION_SECONDS = 12 * HOUR
"""What Kaggle calls the global maximum of a session's time."""
IMAGE = "gcr.io/kaggle-images/python@sha256:37c64f" + 58 * "0"
"""The default image, by a name of its form; what runs is the executor's."""


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


class RefusedPush(enum.StrEnum):
    """What the first push of a new kernel leaves that is refused for want of a slot or of quota.

    `SHELL`: a kernel without a version. Until it is deleted pushes answer "Notebook not found", its status is a 404 and
    its source a 500 (four users' logs). `NOTHING`: nothing.
    """

    SHELL = "shell"
    NOTHING = "nothing"


class ManyFiles(enum.StrEnum):
    """What becomes of a dataset's version with more than 50 files at its top level.

    `REFUSED`: an error that says so. `DROPPED`: those beyond are missing without a word. `TAKEN`: nothing. That there
    is a limit is documented (hub archives what is beyond); how it shows is not known.
    """

    REFUSED = "refused"
    DROPPED = "dropped"
    TAKEN = "taken"


class Stopped(enum.StrEnum):
    """What becomes of a session at its time limit, or cancelled while it runs.

    `KEPT`: CANCEL_ACKNOWLEDGED, and what it had written by then is its output (six users' logs). `LOST`: no output, and
    ERROR at the time limit (Kaggle's documentation, two users' logs).
    """

    KEPT = "kept"
    LOST = "lost"


class BeyondQuota(enum.StrEnum):
    """What becomes of a session that runs when its user's GPU quota is used up.

    It `GOES_ON` (for 3.6 h in one user's log), or is `STOPPED` as at its limit.
    """

    GOES_ON = "goes-on"
    STOPPED = "stopped"


class MountedVersion(enum.StrEnum):
    """Which version's output a kernel source mounts.

    `COMPLETE`: the last that ended well; a version number is dropped (a user's measurements). `LATEST`: the last that
    left something, or the one with the number.
    """

    COMPLETE = "complete"
    LATEST = "latest"


class MountedExtras(enum.StrEnum):
    """Whether Kaggle's own files lie beside a mounted output: `__script__.py`, `__results__.html` (users' logs)."""

    ADDED = "added"
    NONE = "none"


class GpuGrant(enum.StrEnum):
    """What a session gets that asks for a GPU: one, or a CPU without a word, as accounts without a verified phone do.

    Both are in users' logs. Where one is `GIVEN` and this machine lends none (`host_gpu`), torch counts one in the
    session's own process, and computes nothing on it.
    """

    GIVEN = "given"
    CPU = "cpu"


class EarlyVersion(enum.StrEnum):
    """What becomes of a dataset's second version while the first is processed: a 403 (hub 182), or it is taken."""

    FORBIDDEN = "forbidden"
    TAKEN = "taken"


class LogForm(enum.StrEnum):
    """How a log is cut into records.

    `RECORDS`: anywhere, with a script's standard error as `stderr`, and nbconvert's last words in it at the end (users'
    logs). `LINES`: a line each, both streams as `stdout`.
    """

    RECORDS = "records"
    LINES = "lines"


class LiveLog(enum.StrEnum):
    """Whether the log of a running session grows as it prints, or stays empty until its end (37 minutes were seen)."""

    GROWING = "growing"
    EMPTY = "empty"


class BusyAnswer(enum.StrEnum):
    """How a push is refused for want of a slot or of quota: with a 200 (all bodies seen) or a 412 (one list)."""

    OK = "ok"
    STATUS = "status"


class SavedPush(enum.StrEnum):
    """What becomes of a push that saves a version without running it: client, `--no-run`. Nobody was seen refused."""

    TAKEN = "taken"
    REFUSED = "refused"


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
        session_limit_seconds: after which a session is killed.
        output_limit_bytes: what a session may leave.
        dataset_delay_seconds: from the creation of a dataset's version until it is ready.
        visibility_delay_seconds: from the creation of a kernel or dataset until the calls about it know it.
        mount_layout: where sources are mounted.
        default_gpu: what a kernel gets that asks for a GPU and names none.
        host_gpu: whether this machine has a GPU to hand on to kernels.
        error_style: the form of error bodies.
        image: what a session runs in that names none, and is the first of its kernel.
        refused_push: what a refused first push leaves.
        many_files: what becomes of more than 50 files in a dataset.
        stopped: what becomes of a session at its time limit, or cancelled.
        beyond_quota: what becomes of a session that runs when the quota is used up.
        listing_delay_seconds: from a session's end until its output and log are listed.
        mounted_version: which version's output a kernel source mounts.
        mounted_extras: whether Kaggle's own files lie beside it.
        queue_stall_seconds: for which a session stays queued that names no image (users' logs: minutes to hours).
        gpu_grant: what a session gets that asks for a GPU.
        early_version: what becomes of a dataset's version while the first is processed.
        log_form: how a log is cut into records.
        live_log: whether the log of a running session grows.
        busy_answer: how a push is refused for want of a slot or of quota.
        saved_push: what becomes of a push that runs nothing.
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
    default_gpu: str = T4
    host_gpu: bool = False
    error_style: ErrorStyle = ErrorStyle.NESTED
    image: str = IMAGE
    refused_push: RefusedPush = RefusedPush.SHELL
    many_files: ManyFiles = ManyFiles.REFUSED
    stopped: Stopped = Stopped.KEPT
    beyond_quota: BeyondQuota = BeyondQuota.GOES_ON
    listing_delay_seconds: float = 2.0
    mounted_version: MountedVersion = MountedVersion.COMPLETE
    mounted_extras: MountedExtras = MountedExtras.ADDED
    queue_stall_seconds: float = 0.0
    gpu_grant: GpuGrant = GpuGrant.GIVEN
    early_version: EarlyVersion = EarlyVersion.FORBIDDEN
    log_form: LogForm = LogForm.RECORDS
    live_log: LiveLog = LiveLog.GROWING
    busy_answer: BusyAnswer = BusyAnswer.OK
    saved_push: SavedPush = SavedPush.TAKEN


STRICT: Mapping[str, Any] = {
    "refused_push": RefusedPush.SHELL,
    "many_files": ManyFiles.DROPPED,
    "stopped": Stopped.LOST,
    "beyond_quota": BeyondQuota.STOPPED,
    "listing_delay_seconds": 60.0,
    "mounted_version": MountedVersion.COMPLETE,
    "mounted_extras": MountedExtras.ADDED,
    "default_gpu": P100,
    "queue_stall_seconds": 900.0,
    "gpu_grant": GpuGrant.CPU,
    "early_version": EarlyVersion.FORBIDDEN,
    "log_form": LogForm.RECORDS,
    "live_log": LiveLog.EMPTY,
    "busy_answer": BusyAnswer.STATUS,
}
"""The worst of each rule that is not known for sure."""


def strict(settings: EmulatorSettings) -> EmulatorSettings:
    """The same emulator with the worst of each rule."""
    return replace(settings, **STRICT)
