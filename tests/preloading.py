"""Sessions, trials and commands begin as forks of one process that has imported torch: see `guarded/preloaded.py`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from tests.guarded.sitecustomize import COMMAND_VARIABLE, PRELOADED_VARIABLE
from tests.network_guard import GUARDED

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = GUARDED / "preloaded.py"
PADDING = 4096
"""How long the longest command line of a fork may be."""
COMMAND_MAY_FORK = {COMMAND_VARIABLE: "yes"}
"""The variable by which a doit that nobody sends a signal begins as a fork too: a signal would not reach it."""


@contextmanager
def preloaded() -> Iterator[None]:
    """Let what this process and its children start begin so; on Linux, which alone has what it takes."""
    if sys.platform != "linux":
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="relay-"))  # a socket's path has a hundred bytes at most
    address = str(folder / "forks")
    with socket.socket(socket.AF_UNIX) as listener:  # they may come before the server has imported anything
        listener.bind(address)
        listener.listen(64)
        number = listener.fileno()
        command = [sys.executable, str(PROGRAM), str(number), "-" * PADDING]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[number])
    try:
        with mock.patch.dict(os.environ, {PRELOADED_VARIABLE: address}):
            yield
    finally:
        with server:
            assert server.stdin is not None
            server.stdin.close()
        shutil.rmtree(folder)


def own_variables() -> dict[str, str]:
    """The variables of a process that is to be no fork: since a signal to who waits for one does not reach it."""
    return {name: value for name, value in os.environ.items() if name != PRELOADED_VARIABLE}
