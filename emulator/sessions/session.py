"""One session on the executor: how it starts, how its log is copied, how it ends."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from contract.errors import BackendError, BackendUnreachableError, SessionLostError
from contract.states import State
from contract.storage import files
from emulator.sessions.accelerators import is_trap, lent, trapped
from emulator.sessions.scripts import UnrunnableError, as_script
from emulator.sessions.sources import lay_out
from emulator.sessions.streams import STDERR, STDOUT, apart, split_streams
from emulator.settings import BeyondQuota, GpuGrant, LogForm, Stopped
from emulator.store.values import KernelState, LogEntry, StoredFile
from executors.base import Workload

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.core import Emulator
    from emulator.store.values import Version
    from executors.base import Status

OUT_OF_TIME = "The session exceeded its maximum run time of {limit:g} seconds and was stopped; its output is lost."
STOPPED = "Your notebook was stopped because it exceeded the max allowed execution duration."
TOO_MUCH_OUTPUT = "The output of {found} exceeds the limit of {limit}; it is lost."
CANCELLED = "The kernel was killed due to a requested cancel."
LAST_WORDS = (
    "[NbConvertApp] Converting notebook __script__.ipynb to html\n",
    "[NbConvertApp] Writing 299873 bytes to __results__.html\n",
)
"""What Kaggle prints when a script has ended, as `stderr`."""
_GRACE_SECONDS = 60.0
_RECORD_CHARACTERS = 60


class Sessions:
    """The sessions of an emulator on its executor; every step may be cut off and is then done again.

    Args:
        emulator: the emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._kernels = emulator.kernels
        self._executor = emulator.executor
        self._prefix = f"emulator-{emulator.database.name()}"

    def start(self, version: Version, owner: str) -> None:
        """Start a queued session, or adopt the one that was started just before a kill."""
        name = self._name(version.id)
        now = version.started_at or self._emulator.clock.now()
        with self._emulator.database.transaction():
            self._kernels.hold_sandbox(version.id)
            self._kernels.move(version.id, KernelState.QUEUED, started_at=now)
        try:
            if not self._executor.has(name):
                self._executor.start(self._workload(version, name))
        except BackendUnreachableError:
            return
        except UnrunnableError as error:
            self._end(version, KernelState.ERROR, str(error))
            return
        except (BackendError, OSError) as error:
            self._end(version, KernelState.ERROR, f"The session could not start: {error}")
            return
        with self._emulator.database.transaction():
            self._kernels.move(version.id, KernelState.RUNNING)
            if version.uses_gpu:
                self._emulator.gpu_time.start(version.id, owner, now)

    def look(self, version: Version, owner: str) -> None:
        """See how a running session is, copy what it has printed, and end it where it is time."""
        name = self._name(version.id)
        try:
            if version.started_at is None:  # cancelled before it started
                self._end(version, KernelState.CANCEL_ACKNOWLEDGED, CANCELLED)
                return
            status = self._executor.status(name)
            self._copy_log(version, name, is_whole=status.state.is_terminal)
            self._judge(version, owner, status)
        except BackendUnreachableError:
            return
        except SessionLostError as error:
            self._end(version, KernelState.ERROR, str(error))

    def clean_up(self) -> None:
        """Remove the sandboxes of sessions that have ended, or whose kernels were deleted."""
        sandboxes = self._kernels.sandboxes()
        active = {version.id for _, version in self._kernels.active()} if sandboxes else set()
        for session in sandboxes:
            if session in active:
                continue
            name = self._name(session)
            try:
                self._executor.kill(name)
                self._executor.remove(name)
            except SessionLostError:
                pass
            except BackendUnreachableError:
                continue
            with self._emulator.database.transaction():
                self._emulator.gpu_time.end(session, self._emulator.clock.now())
                self._kernels.release_sandbox(session)

    def _name(self, session: int) -> str:
        return f"{self._prefix}-{session}"

    def _workload(self, version: Version, name: str) -> Workload:
        source = as_script(version.options, self._kernels.source(version.id))
        script = self._emulator.settings.data / "scripts" / f"{version.id}.py"
        settings = self._emulator.settings
        has_gpu = version.uses_gpu and settings.gpu_grant is GpuGrant.GIVEN
        if has_gpu and is_trap(version.machine_shape):
            source = trapped(source)
        elif has_gpu and not settings.host_gpu:
            source = lent(source)
        if settings.log_form is LogForm.RECORDS:
            source = apart(source)
        files.write_bytes(script, source.encode())
        return Workload(
            name=name,
            script=script,
            inputs=lay_out(self._emulator, version.id),
            internet=version.options.enable_internet,
            gpu=has_gpu and settings.host_gpu,
            # Should nobody start the emulator again, the executor ends what the emulator no longer can.
            limit_seconds=self._emulator.clock.real_seconds(version.limit_seconds) + _GRACE_SECONDS,
        )

    def _copy_log(self, version: Version, name: str, *, is_whole: bool) -> None:
        copied = self._kernels.log_bytes(version.id)
        news = self._executor.logs(name, copied)
        if not is_whole:  # a line is copied when its end is there
            news = news[: news.rfind(b"\n") + 1]
        if not news:
            return
        elapsed = self._emulator.clock.now() - (version.started_at or 0.0)
        text = news.decode(errors="replace")
        if self._emulator.settings.log_form is LogForm.LINES:
            records = [(STDOUT, line) for line in text.splitlines(keepends=True)]
        else:
            records = [
                (stream, printed[at : at + _RECORD_CHARACTERS])
                for stream, printed in split_streams(text)
                for at in range(0, len(printed), _RECORD_CHARACTERS)
            ]
        entries = [LogEntry(stream, round(elapsed, 6), piece) for stream, piece in records]
        self._kernels.add_log(version.id, entries, copied + len(news))

    def _judge(self, version: Version, owner: str, status: Status) -> None:
        name, now = self._name(version.id), self._emulator.clock.now()
        is_late = version.started_at is not None and now >= version.started_at + version.limit_seconds
        if status.state is State.COMPLETE:
            self._keep_output(version, name, KernelState.COMPLETE)
        elif version.state is KernelState.CANCEL_REQUESTED or is_late or self._is_beyond_quota(version, owner, now):
            self._stop(version, name)
        elif status.state.is_terminal:
            self._keep_output(version, name, KernelState.ERROR)

    def _is_beyond_quota(self, version: Version, owner: str, now: float) -> bool:
        """Whether a session is stopped since its user's GPU time is used up."""
        settings = self._emulator.settings
        if not version.uses_gpu or settings.beyond_quota is BeyondQuota.GOES_ON:
            return False
        return self._emulator.gpu_time.used(owner, now) >= settings.gpu_quota_seconds

    def _stop(self, version: Version, name: str) -> None:
        """End a session that was cancelled, or whose time is over."""
        self._executor.kill(name)
        self._copy_log(version, name, is_whole=True)
        is_cancelled = version.state is KernelState.CANCEL_REQUESTED
        if self._emulator.settings.stopped is Stopped.KEPT:
            self._keep_output(version, name, KernelState.CANCEL_ACKNOWLEDGED, CANCELLED if is_cancelled else STOPPED)
        elif is_cancelled:
            self._end(version, KernelState.CANCEL_ACKNOWLEDGED, CANCELLED)
        else:
            self._end(version, KernelState.ERROR, OUT_OF_TIME.format(limit=version.limit_seconds))

    def _keep_output(self, version: Version, name: str, state: KernelState, message: str = "") -> None:
        folder = self._emulator.settings.data / "fetched" / str(version.id)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._executor.fetch(name, folder)
        found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        total, limit = sum(path.stat().st_size for path in found), self._emulator.settings.output_limit_bytes
        if total > limit:
            message = TOO_MUCH_OUTPUT.format(found=files.human_bytes(total), limit=files.human_bytes(limit))
            self._end(version, KernelState.ERROR, message)
        else:
            self._end(version, state, message, [self._stored(path, folder) for path in found])
        shutil.rmtree(folder, ignore_errors=True)

    def _stored(self, path: Path, folder: Path) -> StoredFile:
        name = path.relative_to(folder).as_posix()
        digest, size = self._emulator.blobs.adopt(path)
        return StoredFile(name, digest, size, self._emulator.clock.now())

    def _end(self, version: Version, state: KernelState, message: str, outputs: list[StoredFile] | None = None) -> None:
        now = self._emulator.clock.now()
        with self._emulator.database.transaction():
            if version.started_at is not None and self._emulator.settings.log_form is LogForm.RECORDS:
                elapsed = round(now - version.started_at, 6)
                words = [LogEntry(STDERR, elapsed, each) for each in LAST_WORDS]
                self._kernels.add_log(version.id, words, self._kernels.log_bytes(version.id))
            self._kernels.set_outputs(version.id, outputs or ())
            self._kernels.move(version.id, state, ended_at=now, failure_message=message)
            self._emulator.gpu_time.end(version.id, now)
