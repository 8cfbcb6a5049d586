"""A bound socket, the layers of an emulator on it, and what a client must set to reach it.

From the outside in: `OriginForm`, which makes a proxy's request a plain one, then the faults, then the application.
A fault's middleware therefore sees plain paths such as `/api/v1/kernels.KernelsApiService/SaveKernel`,
`/upload/<token>` and `/files/...`.

Two start it: `python -m emulator` (`__main__`) until a signal comes, and `running` for as long as a block runs.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import uvicorn

from contract.errors import InputError
from emulator.faults.middleware import FaultInjection
from emulator.http.app import create_app
from emulator.http.origin_form import OriginForm

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core import Emulator
    from emulator.faults.plan import FaultPlan
    from emulator.settings import EmulatorSettings

_GRACE_SECONDS = 2
_BACKLOG = 256


def bind(settings: EmulatorSettings, *, allow_remote: bool = False) -> tuple[socket.socket, EmulatorSettings]:
    """A listening socket, and the settings with its port.

    Args:
        settings: say where.
        allow_remote: whether that may be an address that others can reach.

    Raises:
        InputError: the address is not a loopback one, or cannot be had.
    """
    try:
        address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        is_loopback = ipaddress.ip_address(address[4][0]).is_loopback
        if not is_loopback and not allow_remote:
            problem = "can be reached by others, who could run any script here with a key that they guess"
            raise InputError(f"--host {settings.host}", problem, "choose 127.0.0.1, or add --allow-remote")
        listener = _listener(address[0], address[4])
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        raise InputError(
            place, f"cannot be listened on ({error.strerror or error})", "choose another --port"
        ) from error
    return listener, replace(settings, port=listener.getsockname()[1])


def _listener(family: int, address: tuple[Any, ...]) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named: 40 ms for each small answer otherwise.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # where it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class Server(uvicorn.Server):
    """Uvicorn's, and it tells when it answers.

    Args:
        config: uvicorn's.
        on_start: is called once requests are answered and signals listened for.
    """

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, and tell."""
        await super().startup(sockets)
        if self.started:
            self._on_start()


def make_server(
    emulator: Emulator,
    plan: FaultPlan,
    *,
    on_start: Callable[[], None] = lambda: None,
) -> Server:
    """The server of an emulator whose port is bound; it closes the emulator at its end.

    Args:
        emulator: what it serves.
        plan: what goes wrong on it; more, once it is told so over HTTP.
        on_start: is called once it answers.
    """
    app = FaultInjection(create_app(emulator), plan)
    config = uvicorn.Config(
        OriginForm(app),
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return Server(config, on_start)


def client_environment(settings: EmulatorSettings, user: str) -> dict[str, str]:
    """What the official client needs in its environment to reach the emulator as `user`.

    It asks `http://localhost` then, through the emulator as its proxy; `no_proxy` must not stand in between.
    """
    url = settings.public_url or f"http://{settings.host}:{settings.port}"
    return {
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
        "KAGGLE_USERNAME": user,
        "KAGGLE_KEY": settings.users[user],
        "http_proxy": url,
        "no_proxy": "",
        "NO_PROXY": "",
    }
