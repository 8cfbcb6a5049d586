"""The ASGI application: every route of the emulator, and its background task.

Around it, from the outside in: `emulator.targets.OriginForm`, which makes a proxy's request a plain one,
then the faults (`emulator.faults`), then this application. A fault's middleware therefore sees plain paths
such as `/api/v1/kernels.KernelsApiService/SaveKernel`, `/upload/<token>` and `/files/...`.

`app.state.emulator` is the `Emulator`, whose `snapshot()` gives an `emulator.state.Snapshot`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute

    from emulator.settings import Settings


def create_app(settings: Settings, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The application for `settings`, with `routes` of others (the status page) beside its own."""
    app = Starlette(routes=[*routes])
    app.state.settings = settings
    return app
