"""doit that kills itself at a line which it prints, or at one of its file operations after that.

python struck_doit.py LINE OPERATIONS ARGUMENTS...

Whoever kills it from outside does so a moment later, and on a busy machine when all is over.
"""

from __future__ import annotations

import io
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

_OPERATIONS = frozenset({"os.mkdir", "os.rename", "os.remove", "os.link", "shutil.copyfile"})


def die() -> None:
    """End at once, and leave everything as it is."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


class Output(io.FileIO):
    """The standard output, which the process does not outlive for long once it has printed a certain line.

    Args:
        line_start: how the line begins.
        operations: how many files are changed before the process dies, from the line on.
    """

    def __init__(self, line_start: str, operations: int) -> None:
        super().__init__(1, "wb", closefd=False)
        self._line_start = line_start.encode()
        self._left = operations
        self._printed = False

    def write(self, data: Any) -> int:
        """Pass it on, and die where it is time."""
        written = super().write(data)
        if any(line.startswith(self._line_start) for line in bytes(data).splitlines()):
            if self._left == 0:
                die()
            self._printed = True
        return written

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Count what Python is about to do to files below `runs`."""
        if self._printed and event in _OPERATIONS and f"{os.sep}runs{os.sep}" in str(arguments[0]):
            self._left -= 1
            if self._left == 0:
                die()


def main(line_start: str, operations: str, *arguments: str) -> None:
    """Be doit as `python -m doit` is."""
    output = Output(line_start, int(operations))
    sys.addaudithook(output.hear)
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(io.BufferedWriter(output), encoding="utf-8", newline="")  # type: ignore[misc]
    sys.argv = ["doit", *arguments]
    sys.path[0] = str(Path.cwd())
    runpy.run_module("doit", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
