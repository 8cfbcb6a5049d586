"""Sessions that hang: each ends by itself, with its checkpoints and the reason, and the next one goes on exactly."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from contract.storage.layout import Artifacts
from tests.trainer.conftest import JOB, Ended, job_values, outcome_of
from tests.trainer.forks import Order
from tests.trainer.hanging import (
    BLOCKED,
    HANGS_AFTER,
    NATIVE_WITH_THE_LOCK,
    ROLLOUT,
    WAY,
    Hanging,
    be_impatient,
)
from trainer.stopping.interruption import STOP_FILE, STOP_FILE_VARIABLE
from trainer.stopping.watchdog import HUNG_CODE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.trainer.conftest import Relay
    from tests.trainer.forks import ForkingProcess

pytestmark = pytest.mark.slow

HANGING = {"id": f"{Hanging.__module__}:Hanging-v0"}
WORKERS = {**HANGING, "n_envs": 1, "vectorization": "subproc"}
BE_IMPATIENT = f"from {be_impatient.__module__} import be_impatient\nbe_impatient()\n"
PATIENCE_SECONDS = 240.0
NEEDS_THE_C_LIBRARY = pytest.mark.skipif(sys.platform == "win32", reason="it is the C library's sleep that hangs here")


class Fork:
    """A session that hangs."""

    def __init__(self, forking: ForkingProcess, folder: Path, order: Order) -> None:
        self.artifacts = Artifacts(Path(order.output), JOB)
        self._forking = forking
        self._log = folder / "log.txt"
        self.pid = forking.start(order)

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    def wait_for(self, text: str) -> None:
        self._wait_until(lambda: text in self.log)

    def end(self) -> Ended:
        """Wait for its end."""
        code: int | None = None

        def has_ended() -> bool:
            nonlocal code
            code = self._forking.wait(self.pid)
            return code is not None

        self._wait_until(has_ended)
        assert code is not None
        return Ended(code, self.artifacts, self.log)

    def _wait_until(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)


@pytest.fixture
def start(relay: Relay, tmp_path: Path, forking: ForkingProcess) -> Callable[..., Fork]:
    """`start(way, before, **changes)`: a session that hangs in that way, whose watchdog is impatient once it does."""
    started = 0

    def one(way: str, before: str = "", **changes: Any) -> Fork:
        nonlocal started
        started += 1
        job = job_values(**{"env": HANGING, "total_timesteps": 10**6, "save_freq": ROLLOUT, **changes})
        folder, output = relay.input(job), tmp_path / f"hangs-{started}"
        variables = {WAY: way, BLOCKED: str(tmp_path / f"blocked-{started}")}
        order = Order(str(folder), str(output), str(folder / "log.txt"), BE_IMPATIENT + before, variables)
        return Fork(forking, folder, order)

    return one


def assert_the_next_session_is_exact(relay: Relay, ended: Ended) -> None:
    job = job_values(env=HANGING, total_timesteps=ended.steps[-1] + 2 * ROLLOUT)
    assert outcome_of(relay.session(job, ended).latest) == outcome_of(relay.session(job).latest)


def assert_nothing_is_lost(ended: Ended, reason: str) -> None:
    assert (ended.code, ended.metadata.interrupted_by) == (HUNG_CODE, reason), ended.log
    assert ended.manifest.complete
    # A save each rollout: the last one is that of the boundary before the rollout that hung.
    assert ended.metadata.timesteps - ended.steps[-1] <= ROLLOUT


@NEEDS_THE_C_LIBRARY
def test_a_call_that_never_comes_back_ends_the_session_with_all_that_it_has(
    start: Callable[..., Fork], relay: Relay
) -> None:
    ended = start("step native").end()
    assert_nothing_is_lost(ended, "hung in step")
    assert f"environment {HANGING['id']}: its step has not come back in a rollout for " in str(ended.metadata.error)
    assert ended.metadata.timesteps == ended.steps[-1] > 0
    assert "in block" in ended.log, "it shows where each thread stood"
    assert ended.events("ended")[0]["interrupted_by"] == "hung in step"
    assert_the_next_session_is_exact(relay, ended)


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("step in a loop", "hung in step"),
        ("reset asleep", "hung in reset"),
        ("render deaf", "hung in render"),
        ("saving asleep", "hung in save"),
    ],
)
def test_whatever_hangs_is_named(start: Callable[..., Fork], way: str, reason: str) -> None:
    ended = start(way).end()
    assert_nothing_is_lost(ended, reason)
    assert "in block" in ended.log


def test_a_constructor_that_hangs_is_named(start: Callable[..., Fork]) -> None:
    ended = start("construction asleep").end()
    assert (ended.code, ended.metadata.interrupted_by) == (HUNG_CODE, "hung in construction"), ended.log
    assert ended.manifest.complete


def test_a_callback_that_hangs_ends_the_session(start: Callable[..., Fork]) -> None:
    hangs = f"""
from {Hanging.__module__} import HANGS_AFTER, Hanging, block
from trainer.callback import RelayCallback
goes_on = RelayCallback._on_step
RelayCallback._on_step = lambda self: goes_on(self) if Hanging.steps < HANGS_AFTER else block("asleep")
"""
    assert_nothing_is_lost(start("", hangs).end(), "hung in rollout")


def test_a_log_that_nobody_takes_any_more_keeps_no_session(start: Callable[..., Fork]) -> None:
    ended = start("step in the log").end()
    assert ended.code == HUNG_CODE, ended.log
    assert ended.metadata.timesteps == ended.steps[-1] > 0  # what the last save said: nothing more can be said


def test_a_worker_process_that_hangs_ends_with_the_session(start: Callable[..., Fork]) -> None:
    ended = start("step asleep", env=WORKERS).end()
    assert_nothing_is_lost(ended, "hung in step")
    assert ended.metadata.timesteps == ended.steps[-1] > 0
    assert "in block" in ended.log, "it shows where the worker stood"


@NEEDS_THE_C_LIBRARY
def test_native_code_that_keeps_pythons_lock_is_ended_from_outside_of_python(
    start: Callable[..., Fork], relay: Relay
) -> None:
    ended = start(f"step {NATIVE_WITH_THE_LOCK}").end()
    assert ended.code == 1
    assert "in block" in ended.log
    assert_the_next_session_is_exact(relay, ended)


def test_environments_that_do_not_close_cost_no_finished_session(start: Callable[..., Fork]) -> None:
    ended = start("close asleep", total_timesteps=HANGS_AFTER).end()
    assert (ended.code, ended.metadata.interrupted_by, ended.metadata.goal_met) == (0, None, True), ended.log
    assert ended.manifest.complete
    assert "the closing of the environments has not come to its end; the session ends without it" in ended.log


def test_a_thread_that_an_environment_leaves_is_named_and_keeps_nothing(start: Callable[..., Fork]) -> None:
    ended = start("thread", total_timesteps=ROLLOUT).end()
    assert (ended.code, ended.metadata.goal_met) == (0, True), ended.log
    assert "thread simulator was left running; it ends with the session" in ended.log.splitlines()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who was started by whom")
def test_what_an_environment_has_started_ends_with_the_session(start: Callable[..., Fork]) -> None:
    ended = start("simulator", total_timesteps=ROLLOUT).end()
    assert (ended.code, ended.metadata.goal_met) == (0, True), ended.log
    simulators = [int(pid) for pid in re.findall(r"the simulator is process (\d+)", ended.log)]
    assert simulators
    for pid in simulators:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("way", "code", "reason"), [("construction deaf", 143, STOP_FILE), ("step asleep", HUNG_CODE, "hung in step")]
)
def test_the_stop_file_ends_what_hangs_before_the_training_and_never_keeps_the_rest(
    start: Callable[..., Fork], tmp_path: Path, way: str, code: int, reason: str
) -> None:
    """It comes with the hang, and before the training nothing else ends this session."""
    blocked = tmp_path / "blocked-1"  # as `start` calls the first one's
    stops = f"import os\nos.environ[{STOP_FILE_VARIABLE!r}] = {str(blocked)!r}\n"
    patient = HEARS_SIGNALS_ONLY if code != HUNG_CODE else ""
    ended = start(way, stops + patient).end()
    assert (ended.code, ended.metadata.interrupted_by) == (code, reason), ended.log
    assert ended.manifest.complete


HEARS_SIGNALS_ONLY = """
from trainer.stopping import watchdog
from contract import events
bound, listen = watchdog.seconds_left, watchdog.Watchdog._listen
watchdog.seconds_left = lambda look, limit, patience: 60.0

def tell(self, seconds):
    before = len(self._heard)
    listen(self, seconds)
    if len(self._heard) > before:
        events.say(f"heard {len(self._heard)}")

watchdog.Watchdog._listen = tell
"""
"""Two signals that come at once are one, says POSIX; and nothing but signals ends this session."""
SIGNALS = [
    ("construction deaf", ["SIGTERM"], "SIGTERM", HANGING),
    ("step deaf", ["SIGTERM", "SIGINT"], "SIGTERM, then SIGINT", HANGING),
    ("step native", ["SIGTERM", "SIGTERM"], "SIGTERM, then SIGTERM", HANGING),
    ("step asleep", ["SIGTERM", "SIGTERM"], "SIGTERM, then SIGTERM", WORKERS),
]


@NEEDS_THE_C_LIBRARY
@pytest.mark.parametrize(("way", "signals", "reason", "env"), SIGNALS)
def test_signals_end_a_session_that_does_not_heed_them(
    start: Callable[..., Fork], way: str, signals: list[str], reason: str, env: dict[str, Any]
) -> None:
    session = start(way, HEARS_SIGNALS_ONLY, env=env)
    session.wait_for("the road is blocked")
    for count, name in enumerate(signals, start=1):
        os.kill(session.pid, signal.Signals[name])
        session.wait_for(f"heard {count}")
    ended = session.end()
    assert (ended.code, ended.metadata.interrupted_by) == (143, reason), ended.log
    assert ended.manifest.complete
