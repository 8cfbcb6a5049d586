"""What a request is about: the client comes through a proxy setting and names the whole URL."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class OriginForm:
    """Middleware that turns `POST http://localhost/api/v1/...` into `POST /api/v1/...` (RFC 9112, 3.2).

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        path = scope.get("raw_path", b"").decode("latin-1")
        if scope["type"] == "http" and path.lower().startswith(("http://", "https://")):
            path = urlsplit(path).path or "/"
            scope = {**scope, "path": unquote(path), "raw_path": path.encode("latin-1")}
        await self._app(scope, receive, send)
