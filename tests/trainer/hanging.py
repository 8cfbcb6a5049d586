"""An environment that hangs where and how a variable says, and a watchdog that is impatient from then on."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from contract import events

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainer.stopping.activity import Look

WAY, BLOCKED = "TEST_WAY_TO_HANG", "TEST_BLOCKED_FILE"
"""The variables that say where and how it hangs, and which file is there from then on: the job is the same without."""
FOREVER = 100_000
ROLLOUT = 16
HANGS_AFTER = 10 * ROLLOUT + 3
"""Steps of the process: beyond the check before the training."""
SOON = 0.3
NATIVE_WITH_THE_LOCK = "native with the lock"


class Looks:
    """How often the watchdog has looked."""

    count = 0


def block(how: str) -> None:
    """Never come back: in Python, deaf to exceptions, in native code, there with Python's lock, or in the log."""
    events.say("the road is blocked")
    Path(os.environ[BLOCKED]).touch()
    ways: dict[str, Callable[[], object]] = {
        "asleep": lambda: time.sleep(FOREVER),
        "in a loop": _go_round,
        "deaf": lambda: time.sleep(FOREVER),
        "native": lambda: ctypes.CDLL(None).sleep(FOREVER),
        NATIVE_WITH_THE_LOCK: lambda: ctypes.PyDLL(None).sleep(FOREVER),
        "in the log": _fill_the_log,
    }
    looks = Looks.count
    while how == NATIVE_WITH_THE_LOCK and Looks.count < looks + 2:
        time.sleep(0.01)  # the watchdog must have looked since: from here on it cannot
    while True:
        try:
            ways[how]()
        except BaseException:
            if how != "deaf":
                raise


def _go_round() -> None:
    while True:
        pass


def _fill_the_log() -> None:
    reads, writes = os.pipe()
    for stream in (1, 2):
        os.dup2(writes, stream)
    os.set_inheritable(reads, True)  # nobody reads there, and nobody notices
    while True:
        sys.stdout.write("and again " * 1000)


def block_in(call: str) -> None:
    """Hang if it is here that the variable says, once a process has made its steps; in a constructor at once."""
    where, _, how = os.environ.get(WAY, "").partition(" ")
    if where == call and (call == "construction" or Hanging.steps >= HANGS_AFTER):
        block(how)


class Part:
    """What is saved of an environment."""

    def __getstate__(self) -> dict[str, Any]:
        block_in("saving")
        return vars(self)


class Hanging(gym.Env[Any, Any]):
    """A walk that hangs where the variable says."""

    steps = 0

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Box(-1e3, 1e3, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self._place = np.zeros(2, np.float32)
        self._part = Part()
        block_in("construction")
        if os.environ.get(WAY) == "thread":
            threading.Thread(target=time.sleep, args=(FOREVER,), name="simulator").start()
        if os.environ.get(WAY) == "simulator":
            waits = [sys.executable, "-S", "-c", f"import time; time.sleep({FOREVER})"]
            simulator = subprocess.Popen(waits, start_new_session=True)
            events.say(f"the simulator is process {simulator.pid}")

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        block_in("reset")
        self._place = self.np_random.normal(size=2).astype(np.float32)
        return self._place.copy(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        Hanging.steps += 1
        block_in("step")
        if os.environ.get(WAY, "").startswith("render"):
            self.render()
        self._place += np.float32(action - 0.5)
        return self._place.copy(), float(self._place[0]), bool(self.np_random.random() < 0.1), False, {}

    def render(self) -> None:
        block_in("render")

    def close(self) -> None:
        block_in("close")


if "Hanging-v0" not in gym.registry:
    gym.register("Hanging-v0", f"{Hanging.__module__}:Hanging")


def be_impatient() -> None:
    """Let this session's watchdog look often, and wait for next to nothing once an environment is blocked.

    Before that it is as patient as ever, so that nothing depends on how busy the machine is.
    """
    from trainer import __main__  # noqa: PLC0415 - they take seconds, and a worker needs none
    from trainer.stopping import activity, watchdog  # noqa: PLC0415 - likewise

    bound, blocked = activity.seconds_left, Path(os.environ[BLOCKED])
    has_the_lock = os.environ[WAY].endswith(NATIVE_WITH_THE_LOCK)

    def seconds_left(look: Look, limit: float, patience: float) -> float:
        Looks.count += 1
        if not blocked.exists():
            return bound(look, limit, patience)
        if has_the_lock:  # what ends it then has been set when the watchdog looked last
            watchdog.LAST_RESORT_SECONDS = SOON - FOREVER
            return FOREVER
        activity.END_SECONDS = SOON
        return bound(look, limit, SOON)

    activity.ALIVE_SECONDS = 0.0
    activity.ANSWER_SECONDS = 0.1
    watchdog.LOOK_SECONDS = 0.05
    if os.environ[WAY].endswith("in the log"):
        watchdog.SPEAKING_SECONDS = 1.0
        __main__.LAST_LINES_SECONDS = 0.1
    watchdog.seconds_left = seconds_left  # type: ignore[attr-defined] # it is there, and not meant for others
