"""The worker processes of environments: none of them outlives what it was started for."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from typing import TYPE_CHECKING

from stable_baselines3.common.vec_env import SubprocVecEnv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.process import BaseProcess

    from stable_baselines3.common.vec_env import VecEnv

ANSWER_SECONDS = 2.0
"""For the step that worker processes are in when a session ends in the middle of a rollout."""


@contextlib.contextmanager
def closing(venv: VecEnv) -> Iterator[VecEnv]:
    """`venv`, which is closed when the block ends; its worker processes end with it, even if one has died."""
    workers: Iterable[BaseProcess] = getattr(venv.unwrapped, "processes", ())
    try:
        yield venv
    finally:
        try:
            _end_the_silent(venv, workers)
            with contextlib.suppress(EOFError, ConnectionError):  # who has died cannot be asked to end
                venv.close()
        finally:
            _end(workers)


def _end_the_silent(venv: VecEnv, workers: Iterable[BaseProcess]) -> None:
    """Kill worker processes of which one owes an answer and does not give it: nobody may wait for that at the end."""
    unwrapped = venv.unwrapped
    if isinstance(unwrapped, SubprocVecEnv) and unwrapped.waiting:
        deadline = time.monotonic() + ANSWER_SECONDS
        for remote in unwrapped.remotes:
            with contextlib.suppress(OSError):
                if not remote.poll(max(0.0, deadline - time.monotonic())):
                    _end(workers)
                    return


@contextlib.contextmanager
def all_or_none() -> Iterator[None]:
    """Where the block raises, the worker processes that were started in it end."""
    there = multiprocessing.active_children()
    try:
        yield
    except BaseException:
        _end(each for each in multiprocessing.active_children() if each not in there)
        raise


def _end(workers: Iterable[BaseProcess]) -> None:
    # They ignore SIGTERM, and wait for orders that nobody gives any more.
    for worker in workers:
        worker.kill()
        worker.join()
