"""Where the threads and worker processes of a session stand, printed for whoever looks for a hang."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time

import gymnasium as gym
from stable_baselines3.common.vec_env import VecEnv

WORKER_SECONDS = 2.0
"""For worker processes to print where they stand."""

_CALLS = {
    "__init__": "construction",
    "reset": "reset",
    "step": "step",
    "step_async": "step",
    "step_wait": "step",
    "render": "render",
    "close": "close",
}
"""What the functions of environments are called in a sentence."""


def print_stacks() -> None:
    """Print the stack of every thread, and of every thread of the worker processes where the system can."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # somebody took the standard error away
        faulthandler.dump_traceback(all_threads=True)
    if sys.platform == "win32":
        return
    workers = multiprocessing.active_children()
    for worker in workers:
        if worker.pid is not None:
            with contextlib.suppress(OSError):
                os.kill(worker.pid, signal.SIGUSR1)
    if workers:
        time.sleep(WORKER_SECONDS)


def show_stacks_when_asked() -> None:
    """Let a worker process print where it stands when the session asks it to."""
    if sys.platform != "win32":
        faulthandler.register(signal.SIGUSR1, all_threads=True)


def call_of_main_thread() -> str | None:
    """Which call of an environment's the main thread is in, the innermost if there are several."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 - documented, for this use
    while frame is not None:
        name = frame.f_code.co_name
        if name in _CALLS and isinstance(frame.f_locals.get("self"), gym.Env | VecEnv | gym.vector.VectorEnv):
            return _CALLS[name]
        frame = frame.f_back
    return None
