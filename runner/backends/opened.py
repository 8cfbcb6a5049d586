"""Backends that stay open for as long as somebody watches sessions there: one of each, whoever asks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from executors.base import Closeable
from runner.backends.registry import open_backend

if TYPE_CHECKING:
    from runner.backends.base import Backend
    from runner.layout import RunsFolder


class OpenBackends(Closeable):
    """Each backend that was asked for, opened once.

    Args:
        runs: where they keep what they know.
    """

    def __init__(self, runs: RunsFolder) -> None:
        self._runs = runs
        self._open: dict[str, Backend] = {}

    def get(self, name: str) -> Backend:
        """The backend called `name`.

        Raises:
            RelayError: it cannot be opened; it is tried again when it is asked for again.
        """
        if name not in self._open:
            self._open[name] = open_backend(name, self._runs)
        return self._open[name]

    def close(self) -> None:
        """Close them all; sessions go on."""
        with contextlib.ExitStack() as closing:
            for backend in self._open.values():
                closing.callback(backend.close)
            self._open.clear()


def opened(name: str, runs: RunsFolder, kept: OpenBackends | None) -> contextlib.AbstractContextManager[Backend]:
    """The backend called `name`: the one that stays open, or else one that is closed again.

    Raises:
        RelayError: it cannot be opened.
    """
    return open_backend(name, runs) if kept is None else contextlib.nullcontext(kept.get(name))
