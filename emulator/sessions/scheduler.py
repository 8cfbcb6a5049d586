"""The background task: starts queued sessions in order while there is room, and watches those that run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from emulator.sessions.session import Sessions
from emulator.store.values import KernelState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.core import Emulator
    from emulator.store.values import Version

BUSY_POLL_SECONDS = 0.05
IDLE_POLL_SECONDS = 1.0
_log = logging.getLogger(__name__)


def startable(active: Iterable[tuple[str, Version]], gpu_slots: int, cpu_slots: int) -> list[tuple[str, Version]]:
    """The queued sessions that may start now, in the order of their pushes.

    Args:
        active: the sessions that have not ended, in that order, each with its user.
        gpu_slots: of a user's sessions with a GPU, how many run at a time.
        cpu_slots: and how many without.
    """
    active = list(active)
    taken = Counter(_kind(owner, version) for owner, version in active if version.state is not KernelState.QUEUED)
    starting = []
    for owner, version in active:
        kind = _kind(owner, version)
        if version.state is KernelState.QUEUED and taken[kind] < (gpu_slots if version.uses_gpu else cpu_slots):
            taken[kind] += 1
            starting.append((owner, version))
    return starting


def _kind(owner: str, version: Version) -> tuple[str, bool]:
    return owner, version.uses_gpu


class Scheduler:
    """Moves sessions along.

    Args:
        emulator: whose.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._sessions = Sessions(emulator)
        self._woken = asyncio.Event()

    def step(self) -> bool:
        """Look at every session once; return whether there are any.

        What fails for one session is logged and tried again in the next step, and holds up no other.
        """
        settings = self._emulator.settings
        for owner, version in self._emulator.kernels.active():
            if version.state is not KernelState.QUEUED:
                _attempt(self._sessions.look, version, owner)
        moving = [each for each in self._emulator.kernels.active() if not self._is_stalled(each[1])]
        for owner, version in startable(moving, settings.gpu_slots, settings.cpu_slots):
            _attempt(self._sessions.start, version, owner)
        _attempt(self._sessions.clean_up)
        return bool(self._emulator.kernels.active())

    def _is_stalled(self, version: Version) -> bool:
        """Whether a session hangs in Kaggle's queue though there is room: seen of those that name no image."""
        stall = self._emulator.settings.queue_stall_seconds
        is_queued = version.state is KernelState.QUEUED and version.started_at is None
        return is_queued and not version.options.docker_image and self._emulator.clock.now() < version.queued_at + stall

    async def run(self) -> None:
        """Go on until it is cancelled."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._woken.set)

        self._emulator.on_change = wake
        while True:
            self._woken.clear()
            is_busy = await run_in_threadpool(self.step)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), BUSY_POLL_SECONDS if is_busy else IDLE_POLL_SECONDS)


def _attempt(do: Callable[..., None], *arguments: object) -> None:
    try:
        do(*arguments)
    except Exception:  # noqa: BLE001 - whatever it is, the other sessions go on
        _log.exception("a session could not be moved along; it is tried again")
