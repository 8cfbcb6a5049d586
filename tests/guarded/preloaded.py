"""A process that has imported torch, and forks the sessions, trials and commands that tests start.

A session takes 2 CPU seconds less so, a command 0.15.

    python preloaded.py DESCRIPTOR PADDING

The descriptor is of a socket that listens. `sitecustomize` hands a process over at its start: it sends what it is, and
ends as its fork does. Variables that an import may look at (of Python, OpenMP and the like) must be as they are here,
or the process goes on by itself. On Linux only. Everything that is this project's own is imported by the fork, from
where it lies.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import hashlib
import importlib.machinery
import io
import json
import marshal
import os
import resource
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

assert sys.platform == "linux"

DECIDING = ("PYTHON", "OMP_", "KMP_", "MKL_", "OPENBLAS_", "TORCH_", "CUDA", "CUBLAS")
"""How the names of variables begin that are looked at when something is imported."""
OF_NO_MATTER = frozenset({"PYTHONPATH", "PYTHONIOENCODING", "PYTHONUNBUFFERED", "PYTHONUTF8"})
"""Those of them that a fork heeds by itself; the last says what tests' machines do anyway."""
ROOT = Path(__file__).resolve().parents[2]
PAYLOAD = ("contract", "job", "trainer", "restore")
"""What a session unpacks and imports."""
LONGEST_REQUEST = 1 << 20
STANDARD_STREAMS = 3


@dataclass(frozen=True)
class Start:
    """How a process was started.

    Args:
        arguments: its command line, Python's path first.
        folder: where.
        variables: all of them.
        mask: of the files that it makes.
        limits: of its resources.
    """

    arguments: list[str]
    folder: str
    variables: dict[str, str]
    mask: int
    limits: list[list[int]]


def deciding(variables: dict[str, str]) -> dict[str, str]:
    """Those of the variables that an import may look at."""
    return {key: value for key, value in variables.items() if key.startswith(DECIDING) and key not in OF_NO_MATTER}


def added_paths(variables: dict[str, str]) -> list[str]:
    """What Python's own variable adds to where it imports from."""
    added = variables.get("PYTHONPATH")
    return [os.path.abspath(each) for each in added.split(os.pathsep)] if added else []  # noqa: PTH100 - as Python does


class Server:
    """Forks whatever is asked for.

    Args:
        listener: where.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._forks: dict[int, tuple[int, socket.socket]] = {}
        """By the descriptor that tells of a fork's end: its number, and whom to tell."""

    def serve(self) -> Start:
        """Serve until the standard input ends; return in a fork only, with what it is to be."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(0, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if self._selector.get_map().get(key.fd) is not key:
                    continue  # what was heard before it in the same breath has closed it
                if key.fileobj == 0:
                    os._exit(0)
                elif key.fileobj is self._listener:
                    if (start := self._accept()) is not None:
                        return start
                elif isinstance(key.fileobj, socket.socket):
                    self._selector.unregister(key.fileobj)  # whoever waited for the fork was killed
                    _kill_all(key.data)
                else:
                    self._bury(key.fd)

    def _accept(self) -> Start | None:
        """Fork, or leave a process to itself; in the fork, what to be."""
        connection, _ = self._listener.accept()
        load()
        request, descriptors = b"", []
        while not request.endswith(b"\n"):
            data, received, _, _ = socket.recv_fds(connection, LONGEST_REQUEST, STANDARD_STREAMS)
            descriptors += received
            request += data
            if not data:
                break
        start = Start(**json.loads(request)) if request.endswith(b"\n") else None
        if start is not None and deciding(start.variables) == deciding(dict(os.environ)):
            pid = os.fork()
            if pid == 0:
                os.setsid()
                for number, descriptor in enumerate(descriptors):
                    os.dup2(descriptor, number)
                connection.close()
                self._let_go(descriptors)
                return start
            _tell(connection, pid)
            ended = os.pidfd_open(pid)
            self._forks[ended] = pid, connection
            self._selector.register(ended, selectors.EVENT_READ)
            self._selector.register(connection, selectors.EVENT_READ, pid)
        else:
            connection.close()
        for descriptor in descriptors:
            os.close(descriptor)
        return None

    def _let_go(self, descriptors: list[int]) -> None:
        """Close, in a fork, what is the server's."""
        self._listener.close()
        self._selector.close()
        for _, connection in self._forks.values():
            connection.close()
        for descriptor in (*self._forks, *descriptors):
            os.close(descriptor)

    def _bury(self, ended: int) -> None:
        pid, connection = self._forks.pop(ended)
        self._selector.unregister(ended)
        os.close(ended)
        with contextlib.suppress(KeyError):
            self._selector.unregister(connection)
        _, status = os.waitpid(pid, 0)
        _tell(connection, os.waitstatus_to_exitcode(status))
        connection.close()


def _tell(connection: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(b"%d\n" % number)


def _kill_all(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)


def become(start: Start, path: list[str]) -> None:
    """Be the process that was started, as far as its program can tell.

    Args:
        start: how it was started.
        path: what Python has by itself to import from.
    """
    os.umask(start.mask)
    for number, limit in enumerate(start.limits):
        resource.setrlimit(number, (limit[0], limit[1]))
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.variables)
    time.tzset()
    _open_standard_streams(start.variables.get("PYTHONIOENCODING"), bool(start.variables.get("PYTHONUNBUFFERED")))
    _rename(start.arguments)
    others = added_paths(start.variables)
    sys.orig_argv[:] = start.arguments
    if start.arguments[1] == "-m":
        sys.path[:] = [start.folder, *others, *path]
        sys.argv[:] = start.arguments[2:]
        importlib.invalidate_caches()
        runpy.run_module(start.arguments[2], run_name="__main__", alter_sys=True)
    else:
        sys.path[:] = [os.path.dirname(os.path.abspath(start.arguments[1])), *others, *path]  # noqa: PTH100, PTH120 - as Python does
        sys.argv[:] = start.arguments[1:]
        importlib.invalidate_caches()
        runpy.run_path(start.arguments[1], run_name="__main__")


def _open_standard_streams(encoding: str | None, unbuffered: bool) -> None:
    """Open them as Python does at its start: those of the server know of files whether they can be sought in."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old: io.TextIOWrapper = getattr(sys, name)
        raw = io.FileIO(number, "rb" if name == "stdin" else "wb", closefd=False)
        new = io.TextIOWrapper(
            io.BufferedReader(raw) if name == "stdin" else raw if unbuffered else io.BufferedWriter(raw),
            encoding=encoding or old.encoding,
            errors=old.errors,
            line_buffering=name == "stderr" or os.isatty(number),
            write_through=unbuffered,
        )
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)


def _rename(arguments: list[str]) -> None:
    """Give this process the command line that it would have, by which others find it; an argument pads the second.

    The kernel shows what stands in memory where the command line was put at first.
    """
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    first, end = int(fields[45]), int(fields[46])  # arg_start and arg_end, the 48th and 49th of proc(5)
    ending = b"\0".join(os.fsencode(each) for each in arguments[1:]) + b"\0"
    beginning = os.fsencode(arguments[0]) + b"\0"
    padding = end - first - len(beginning) - len(ending) - 1
    if padding >= 0:
        ctypes.memmove(first, beginning + b"-" * padding + b"\0" + ending, end - first)


def load() -> None:
    """Import what takes long, once somebody asks."""
    if "torch" not in sys.modules:
        for module in (
            "numpy",
            "torch",
            "gymnasium",
            "gymnasium.envs.classic_control",
            "stable_baselines3",
            "sb3_contrib",
            "doit.doit_cmd",
            "docker",
            "filelock",
            "kagglesdk.kaggle_client",
            "msgspec.json",
            "rich.table",
        ):
            importlib.import_module(module)
        from pydantic import Field, create_model  # noqa: PLC0415 - takes long

        # What pydantic is made of is imported as the first of its models is made.
        create_model("Model", number=(int, Field(default=0, ge=0))).model_json_schema()
        for name in [each for each in sys.modules if each.partition(".")[0] == "doit"]:
            del sys.modules[name]  # it remembers the standard output of when it is imported; what it imports may stay
        for each in list(vars(weakref.finalize)["_registry"]):
            each.atexit = False  # torch would take its operators apart
        compile_once(*(ROOT / name for name in PAYLOAD))
        gc.freeze()


def compile_once(*packages: Path) -> None:
    """Import what stands in these packages without compiling it, wherever it lies: each session unpacks it anew."""
    codes: dict[bytes, bytes] = {}
    for source in (path for package in packages for path in package.rglob("*.py")):
        text = source.read_bytes()
        codes[hashlib.sha256(text).digest()] = marshal.dumps(compile(text, source, "exec", dont_inherit=True))
    compiled_anew = importlib.machinery.SourceFileLoader.source_to_code

    def source_to_code(loader: importlib.machinery.SourceFileLoader, data: Any, path: Any, **options: Any) -> CodeType:
        known = codes.get(hashlib.sha256(data).digest()) if isinstance(data, bytes) else None
        if known is None:
            return compiled_anew(loader, data, path, **options)
        return moved(marshal.loads(known), path)  # noqa: S302 - what was compiled above

    importlib.machinery.SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign,assignment]


def moved(code: CodeType, path: str) -> CodeType:
    """The same code as of another file."""
    constants = tuple(moved(each, path) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_filename=path, co_consts=constants)


def main() -> None:
    """Fork."""
    given = added_paths(dict(os.environ))
    path = [each for each in sys.path[1:] if each not in given]
    start = Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    import numpy as np  # noqa: PLC0415 - a fork's main program is another

    np.random.seed()  # noqa: NPY002 - a process of its own begins with numbers of its own; `random` sees to it itself
    code: str | int | None = None
    try:
        become(start, path)
    except SystemExit as ending:
        code = ending.code
    end(code)


def end(code: str | int | None) -> None:
    """End as Python does, but take nothing apart of what the server had imported: that takes 0.2 CPU seconds.

    What waits at the end of a program is left to Python: threads that are not daemons.
    """
    if isinstance(code, str) or threading.active_count() > 1:
        sys.exit(code)
    atexit._run_exitfuncs()  # noqa: SLF001 - what Python calls too
    gc.collect()  # what the program has left open is written
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it, or the program has closed it
            stream.flush()
    os._exit((code or 0) & 0xFF)


if __name__ == "__main__":
    main()
