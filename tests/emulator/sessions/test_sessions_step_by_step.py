"""Sessions step by step: an executor that gives no answer, refuses, or has lost them; and a clock of the test's own."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from contract.errors import BackendError, BackendUnreachableError, SessionLostError
from emulator.core import Emulator
from emulator.http.overview import overview
from emulator.sessions.scheduler import Scheduler
from emulator.settings import T4
from emulator.store.kernels import NewVersion
from emulator.store.values import KernelOptions, KernelState
from executors.local import LocalExecutor
from tests.emulated import PATIENCE_SECONDS, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.store.values import Version
    from executors.base import Status, Workload

LIMIT_SECONDS = 3600.0
WAITS = "import time\nprint('waiting', flush=True)\ntime.sleep(60)\n"


class MoodyExecutor(LocalExecutor):
    """A local executor whose next calls may fail."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.moods: dict[str, Exception] = {}

    def start(self, workload: Workload) -> None:
        self._give_way("start")
        super().start(workload)

    def status(self, name: str) -> Status:
        self._give_way("status")
        return super().status(name)

    def remove(self, name: str) -> None:
        self._give_way("remove")
        super().remove(name)

    def _give_way(self, call: str) -> None:
        if call in self.moods:
            raise self.moods[call]


class Desk:
    """An emulator without a server, whose scheduler steps when it is told to, by a clock that is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.time = 1_000_000.0
        self.executor = MoodyExecutor(folder / "sandboxes")
        self.emulator = Emulator(settings(folder), executor=self.executor, source=lambda: self.time)
        self.scheduler = Scheduler(self.emulator)
        self.session = 0

    def push(self, script: str) -> None:
        """Queue a session with a GPU."""
        kernel = self.emulator.kernels.create("alice", "a-kernel", "A kernel", self.time)
        new = NewVersion(script, KernelOptions(), (), KernelState.QUEUED, T4, LIMIT_SECONDS, self.time)
        self.session = self.emulator.kernels.add_version(kernel.id, new).id

    @property
    def version(self) -> Version:
        """Where the session stands."""
        return self.emulator.kernels.version(self.session)

    def step(self) -> Version:
        """One step."""
        self.scheduler.step()
        return self.version

    def wait_for_log(self) -> None:
        """Step until something was printed."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.emulator.kernels.log(self.session):
            assert time.monotonic() < deadline
            self.step()
            time.sleep(0.01)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    own = Desk(tmp_path)
    yield own
    own.executor.moods.clear()
    with contextlib.suppress(KeyError):
        own.emulator.kernels.delete(own.version.kernel_id)
    own.scheduler.step()
    own.emulator.close()


UNREACHABLE = BackendUnreachableError("the engine", "gives no answer")


def test_an_executor_without_an_answer_costs_time_only(desk: Desk) -> None:
    desk.push(WAITS)
    desk.executor.moods["start"] = UNREACHABLE
    assert desk.step().state is KernelState.QUEUED
    desk.executor.moods.clear()
    assert desk.step().state is KernelState.RUNNING
    desk.executor.moods["status"] = UNREACHABLE
    assert desk.step().state is KernelState.RUNNING
    desk.executor.moods.clear()
    desk.wait_for_log()


def test_a_refusal_ends_the_session_with_its_sentence(desk: Desk) -> None:
    desk.push(WAITS)
    desk.executor.moods["start"] = BackendError("image relay", "is not there", "run `make image`")
    version = desk.step()
    assert version.state is KernelState.ERROR
    assert "image relay: is not there; run `make image`" in version.failure_message


def test_a_lost_session_is_an_error(desk: Desk) -> None:
    desk.push(WAITS)
    desk.step()
    desk.executor.moods["status"] = SessionLostError("session 1", "its sandbox is gone")
    version = desk.step()
    assert (version.state, version.failure_message) == (KernelState.ERROR, "session 1: its sandbox is gone")


def test_an_unforeseen_error_is_logged_and_tried_again(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.push(WAITS)
    desk.step()
    desk.executor.moods["status"] = RuntimeError("what nobody thought of")
    assert desk.step().state is KernelState.RUNNING
    assert "what nobody thought of" in caplog.text


def test_a_sandbox_that_cannot_be_removed_is_tried_again(desk: Desk) -> None:
    desk.push("print('done')")
    desk.executor.moods["remove"] = UNREACHABLE
    desk.wait_for_log()
    while desk.step().state.is_active:
        time.sleep(0.01)
    assert desk.emulator.kernels.sandboxes() == [desk.session]
    desk.executor.moods.clear()
    desk.step()
    assert desk.emulator.kernels.sandboxes() == []


def test_the_limit_is_a_matter_of_the_clock(desk: Desk) -> None:
    desk.push(WAITS)
    desk.step()
    desk.wait_for_log()
    desk.time += LIMIT_SECONDS - 1
    assert desk.step().state is KernelState.RUNNING
    desk.time += 1
    version = desk.step()
    assert (version.state, version.ended_at) == (KernelState.CANCEL_ACKNOWLEDGED, desk.time)
    assert desk.emulator.gpu_time.used("alice", desk.time) == LIMIT_SECONDS


def test_a_session_that_ended_before_anybody_looked_is_complete(desk: Desk) -> None:
    desk.push("print('done')")
    desk.step()
    name = next((desk.executor._root).iterdir()).name  # noqa: SLF001 - the only sandbox
    while not desk.executor.status(name).state.is_terminal:
        time.sleep(0.01)
    desk.time += 2 * LIMIT_SECONDS  # the emulator was down
    assert desk.step().state is KernelState.COMPLETE


def test_the_status_page_shows_what_is_known(desk: Desk) -> None:
    desk.push(WAITS)
    desk.wait_for_log()
    desk.time += 60
    shown = overview(desk.emulator)
    assert shown.kernels[0].versions[0].log_tail == "waiting\n"
    assert shown.quotas[0].used_seconds == pytest.approx(60)
    assert [quota.user for quota in shown.quotas] == ["alice", "bob"]
