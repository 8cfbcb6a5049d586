"""The status page: what the emulator knows, for a person who looks at it in a browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse
from starlette.routing import Route

from contract.storage.files import human_bytes
from emulator.store.values import KernelState

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from emulator.http.overview import Overview
    from emulator.store.values import Kernel, Version

REFRESH_SECONDS = 3
_MINUTE = 60
_HOUR = 60 * _MINUTE
_FULL = 100
# Sessions print what they like: the page shows it as text, and a browser is to run nothing of it even so.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class Session:
    """A session that waits or runs, with the kernel that it is of."""

    kernel: Kernel
    version: Version


def duration(seconds: float) -> str:
    """A length of time for people, such as `1 h 05 min`, `3 min 07 s` or `4.2 s`."""
    if seconds < _MINUTE:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"


def date_and_time(seconds: float) -> str:
    """An emulated time for people, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def percent(part: float, whole: float) -> int:
    """How much of a whole, from 0 to 100."""
    return 0 if whole <= 0 else max(0, min(_FULL, round(part / whole * _FULL)))


def waited(version: Version, now: float) -> float:
    """Seconds that a session was queued."""
    end = version.started_at if version.started_at is not None else version.ended_at
    return (now if end is None else end) - version.queued_at


def ran(version: Version, now: float) -> float | None:
    """Seconds that a session has run, or None if it never did."""
    if version.started_at is None:
        return None
    return (now if version.ended_at is None else version.ended_at) - version.started_at


def active_sessions(overview: Overview) -> list[Session]:
    """The sessions that have not ended, in the order of the pushes."""
    sessions = [
        Session(kernel.kernel, seen.version)
        for kernel in overview.kernels
        for seen in kernel.versions
        if seen.version.state.is_active
    ]
    return sorted(sessions, key=lambda session: session.version.id)


def taken(sessions: list[Session], *, gpu: bool) -> int:
    """How many sessions with or without a GPU run now."""
    return sum(each.version.uses_gpu == gpu and each.version.state is not KernelState.QUEUED for each in sessions)


_TEMPLATES = Environment(
    loader=PackageLoader("emulator.http"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(duration=duration, moment=date_and_time, bytes=human_bytes)
_TEMPLATES.globals.update(percent=percent, waited=waited, ran=ran)


def render(overview: Overview) -> str:
    """The page as HTML."""
    sessions = active_sessions(overview)
    return _TEMPLATES.get_template("status.html").render(
        overview=overview,
        sessions=sessions,
        gpu_taken=taken(sessions, gpu=True),
        cpu_taken=taken(sessions, gpu=False),
        refresh_seconds=REFRESH_SECONDS,
    )


def routes(look: Callable[[], Overview]) -> list[Route]:
    """The route of the page.

    Args:
        look: gives what it shows, anew for each request.
    """

    async def show(_request: Request) -> Response:
        page = await run_in_threadpool(lambda: render(look()))
        return HTMLResponse(page, headers=_HEADERS)

    return [Route("/", show, methods=["GET", "HEAD"])]
