"""Counts the bytes between a client and a server on this machine."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PIECE_BYTES = 1 << 16


class Counter:
    """Passes connections on to a server, and counts.

    Args:
        target: the server's port.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lock = threading.Lock()
        self.port: int = self._listener.getsockname()[1]
        self.sent = self.received = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        """Count from zero."""
        self.sent = self.received = 0

    def close(self) -> None:
        """Take no further connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for source, sink, count in ((client, server, self._count_sent), (server, client, self._count_received)):
                    threading.Thread(target=_pump, args=(source, sink, count), daemon=True).start()

    def _count_sent(self, count: int) -> None:
        with self._lock:
            self.sent += count

    def _count_received(self, count: int) -> None:
        with self._lock:
            self.received += count


@contextlib.contextmanager
def counting(target: int) -> Iterator[Counter]:
    """A counter in front of the server on port `target`."""
    counter = Counter(target)
    try:
        yield counter
    finally:
        counter.close()


def _pump(source: socket.socket, sink: socket.socket, count: Callable[[int], None]) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE_BYTES):
            count(len(piece))
            sink.sendall(piece)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
