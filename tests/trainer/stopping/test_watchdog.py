"""Sessions that hang: each ends by itself, with its checkpoints and the reason, and the next one goes on exactly."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest

from contract import events
from tests.trainer.conftest import ROLLOUT, Ended, SessionProcess, job_values, outcome_of
from trainer.stopping.activity import (
    ALIVE_SECONDS,
    ANSWER_SECONDS,
    END_SECONDS,
    FACTOR,
    GRACE_SECONDS,
    Activity,
    Look,
    disregards_signals,
    seconds_left,
)
from trainer.stopping.watchdog import HUNG_CODE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.trainer.conftest import Relay
    from trainer.stopping.activity import Section

WAY = "TEST_WAY_TO_HANG"
"""The variable that says where an environment hangs and how, so that the job is the same without it."""
FOREVER = 100_000
QUICK = "test_a_call_that_never_comes_back_ends_the_session_with_all_that_it_has"
HANGS_AFTER = 10 * ROLLOUT + 3
"""Steps of the process: beyond the check before the training."""


def block(how: str) -> None:
    """Never come back: in Python, deaf to exceptions, in native code, or there with Python's lock."""
    events.say("the road is blocked")
    ways: dict[str, Callable[[], object]] = {
        "python": lambda: time.sleep(FOREVER),
        "deaf": lambda: time.sleep(FOREVER),
        "native": lambda: ctypes.CDLL(None).sleep(FOREVER),
        "native with the lock": lambda: ctypes.PyDLL(None).sleep(FOREVER),
    }
    if how == "native with the lock":
        time.sleep(1.0)  # the watchdog has looked by then: from here on it cannot
    while True:
        try:
            ways[how]()
        except BaseException:
            if how != "deaf":
                raise


class Hanging(gym.Env[Any, Any]):
    """A walk that hangs where the variable says."""

    steps = 0

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Box(-1e3, 1e3, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self._where, _, self._how = os.environ.get(WAY, "").partition(" ")
        self._place = np.zeros(2, np.float32)
        self._block_in("construction")
        if self._where == "thread":
            threading.Thread(target=time.sleep, args=(FOREVER,), name="simulator").start()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_where", "_how")}

    def _block_in(self, call: str) -> None:
        if self._where == call and (call == "construction" or Hanging.steps >= HANGS_AFTER):
            block(self._how)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self._place = self.np_random.normal(size=2).astype(np.float32)
        return self._place.copy(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        Hanging.steps += 1
        self._block_in("step")
        self._place += np.float32(action - 0.5)
        return self._place.copy(), float(self._place[0]), bool(self.np_random.random() < 0.1), False, {}

    def close(self) -> None:
        self._block_in("close")


if "Hanging-v0" not in gym.registry:
    gym.register("Hanging-v0", f"{Hanging.__module__}:Hanging")

LITTLE_PATIENCE = """
from trainer.stopping import activity
from trainer.stopping import watchdog
activity.ALIVE_SECONDS = 4.0
bound = watchdog.seconds_left
watchdog.seconds_left = lambda look, limit, patience: bound(look, limit, 5.0 if look.section == "rollout" else patience)
"""
"""Of a session with rollouts; what comes before them takes its time on a busy machine."""

HANGING = {"id": f"{Hanging.__module__}:Hanging-v0"}


@pytest.mark.parametrize(
    ("look", "left"),
    [
        (Look("rollout", lasts=50, silent=1, longest=0, elapsed=100), 199),  # a step may take as long as patience goes
        (Look("rollout", lasts=300, silent=0, longest=1, elapsed=700), -100),  # and a rollout, which never ends so
        (Look("rollout", lasts=300, silent=0, longest=40, elapsed=700), FACTOR * 40 - 300),
        (Look("rollout", lasts=900, silent=ALIVE_SECONDS, longest=0, elapsed=990), 10),
        (Look("rollout", lasts=900, silent=0, longest=0, elapsed=1000), GRACE_SECONDS),
        (Look("learning", lasts=150, silent=150, longest=1, elapsed=500), 50),
        (Look("learning", lasts=150, silent=150, longest=60, elapsed=500), 450),
        (Look("evaluation", lasts=900, silent=1, longest=1, elapsed=901), 119),
        (Look("save", lasts=60, silent=60, longest=1, elapsed=1010), 10),
        (Look("check", lasts=120, silent=120, longest=0, elapsed=130), 80),
        (Look("preparation", lasts=2, silent=2, longest=0, elapsed=1001), GRACE_SECONDS - 1),
        (Look("end", lasts=5, silent=5, longest=0, elapsed=5000), END_SECONDS - 5),
    ],
)
def test_each_section_has_a_bound_of_its_own(look: Look, left: float) -> None:
    assert seconds_left(look, limit=1000, patience=200) == left


@pytest.mark.parametrize(
    ("section", "signals", "disregards"),
    [
        ("check", 0, False),
        ("check", 1, True),
        ("preparation", 1, True),
        ("rollout", 1, False),
        ("rollout", 2, True),
        ("evaluation", 2, True),
        ("save", 2, False),
        ("end", 3, False),
    ],
)
def test_signals_are_disregarded_where_a_session_that_should_end_goes_on(
    section: Section, signals: int, *, disregards: bool
) -> None:
    assert disregards_signals(section, signals, ANSWER_SECONDS) is disregards
    assert not disregards_signals(section, signals, ANSWER_SECONDS / 2)


def test_the_longest_of_each_section_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    activity = Activity()
    for seconds, section in ((1.0, "rollout"), (4.0, "learning"), (2.0, "rollout"), (3.0, "learning")):
        now += seconds
        activity.enter(section)  # type: ignore[arg-type] # they are its words
    now += 0.5
    activity.enter("rollout")
    activity.show_sign(now + 2.0)
    now += 5.0
    assert activity.look(started=90.0) == Look("rollout", lasts=5.0, silent=3.0, longest=4.0, elapsed=now - 90.0)


# Processes.


@pytest.fixture
def start(
    relay: Relay, tmp_path: Path, processes: list[SessionProcess], request: pytest.FixtureRequest
) -> Callable[..., SessionProcess]:
    """`start(way, before, **changes)`: a session that hangs in that way; of most ways with `--long` alone."""
    if request.node.name != QUICK and not request.config.getoption("--long"):
        pytest.skip("takes its time: --long runs it")

    def started(way: str, before: str = "", **changes: Any) -> SessionProcess:
        job = job_values(**{"env": HANGING, "total_timesteps": 10**6, "save_freq": ROLLOUT, **changes})
        process = SessionProcess(relay.input(job), tmp_path / f"hangs-{len(processes)}", before, **{WAY: way})
        processes.append(process)
        return process

    return started


def assert_the_next_session_is_exact(relay: Relay, ended: Ended, **changes: Any) -> None:
    job = job_values(env=HANGING, total_timesteps=ended.steps[-1] + 2 * ROLLOUT, **changes)
    assert outcome_of(relay.session(job, ended).latest) == outcome_of(relay.session(job).latest)


@pytest.mark.slow
def test_a_call_that_never_comes_back_ends_the_session_with_all_that_it_has(
    start: Callable[..., SessionProcess], relay: Relay
) -> None:
    if sys.platform == "win32":
        pytest.skip("it is the C library's sleep that hangs here")
    ended = start("step native", LITTLE_PATIENCE).end()
    assert ended.code == HUNG_CODE, ended.log
    assert ended.metadata.interrupted_by == "hung in step"
    assert f"environment {HANGING['id']}: its step has not come back in a rollout for " in str(ended.metadata.error)
    assert ended.metadata.timesteps == ended.steps[-1] > 0
    assert ended.manifest.complete
    assert "in block" in ended.log, "it shows where each thread stood"
    assert ended.events("ended")[0]["interrupted_by"] == "hung in step"
    assert_the_next_session_is_exact(relay, ended)


@pytest.mark.slow
def test_a_worker_process_that_hangs_ends_with_the_session(start: Callable[..., SessionProcess]) -> None:
    workers = {**HANGING, "n_envs": 2, "vectorization": "subproc"}
    ended = start("step python", LITTLE_PATIENCE, env=workers).end()
    assert (ended.code, ended.metadata.interrupted_by) == (HUNG_CODE, "hung in step"), ended.log
    assert ended.metadata.timesteps == ended.steps[-1] > 0
    if sys.platform != "win32":
        assert "in block" in ended.log, "it shows where the worker stood"


@pytest.mark.slow
def test_native_code_that_keeps_pythons_lock_is_ended_from_outside_of_python(
    start: Callable[..., SessionProcess], relay: Relay
) -> None:
    if sys.platform == "win32":
        pytest.skip("it is the C library's sleep that hangs here")
    soon = f"{LITTLE_PATIENCE}\nwatchdog.LAST_RESORT_SECONDS = 1.0\nwatchdog.LOOK_SECONDS = 0.05"
    ended = start("step native with the lock", soon).end()
    assert ended.code == 1
    assert "in block" in ended.log
    assert_the_next_session_is_exact(relay, ended)


@pytest.mark.slow
def test_environments_that_do_not_close_cost_no_finished_session(start: Callable[..., SessionProcess]) -> None:
    soon = "from trainer import activity\nactivity.END_SECONDS = 1.0"
    ended = start("close python", soon, total_timesteps=HANGS_AFTER).end()
    assert (ended.code, ended.metadata.interrupted_by, ended.metadata.goal_met) == (0, None, True), ended.log
    assert ended.manifest.complete
    assert "the closing of the environments has not come to its end; the session ends without it" in ended.log


@pytest.mark.slow
def test_a_thread_that_an_environment_leaves_is_named_and_keeps_nothing(start: Callable[..., SessionProcess]) -> None:
    ended = start("thread", total_timesteps=ROLLOUT).end()
    assert (ended.code, ended.metadata.goal_met) == (0, True), ended.log
    assert "thread simulator was left running; it ends with the session" in ended.log.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "signals", "reason"),
    [
        ("construction deaf", ["SIGTERM"], "SIGTERM"),
        ("step deaf", ["SIGTERM", "SIGINT"], "SIGTERM, then SIGINT"),
    ],
)
def test_signals_end_a_session_that_is_deaf_to_them(
    start: Callable[..., SessionProcess], way: str, signals: list[str], reason: str
) -> None:
    soon = "from trainer import activity\nactivity.ANSWER_SECONDS = 0.1"
    session = start(way, soon)
    session.wait_for("the road is blocked")
    for name in signals:
        session.process.send_signal(signal.Signals[name])
    ended = session.end()
    assert (ended.code, ended.metadata.interrupted_by) == (143, reason), ended.log
    assert ended.manifest.complete
