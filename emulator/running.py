"""An emulator in this process, for tests and programs that want one for a while."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.errors import SessionError
from emulator.core import Emulator
from emulator.faults.plan import FaultPlan
from emulator.server import bind, client_environment, make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.settings import EmulatorSettings

_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Running:
    """An emulator that answers.

    Args:
        settings: how it behaves, with the port that it got.
        emulator: what it knows.
        faults: what goes wrong on it.
    """

    settings: EmulatorSettings
    emulator: Emulator
    faults: FaultPlan

    @property
    def url(self) -> str:
        """Where it is, and what the client's `http_proxy` is."""
        return self.emulator.urls.base

    def environment(self, user: str) -> dict[str, str]:
        """What the official client needs in its environment to reach it as `user`."""
        return client_environment(self.settings, user)


@contextlib.contextmanager
def running(settings: EmulatorSettings, source: Callable[[], float] = time.time) -> Iterator[Running]:
    """Serve in a thread for as long as the block runs; its kernels outlive it, and the next one adopts them.

    Args:
        settings: how it behaves.
        source: the real time.

    Raises:
        InputError: the settings cannot be used.
    """
    listener, settings = bind(settings)
    plan, emulator = FaultPlan(), Emulator(settings, source=source)
    server = make_server(emulator, plan)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="emulator", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise SessionError(emulator.urls.base, "the emulator does not answer", "see its log")
            time.sleep(0.005)
        yield Running(settings, emulator, plan)
    finally:
        server.should_exit = True
        thread.join(_PATIENCE_SECONDS)
        listener.close()
