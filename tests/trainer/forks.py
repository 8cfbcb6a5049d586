"""Sessions as forks of one process that has imported torch already: each is a process of its own, and begins at once.

    python -m tests.trainer.forks MODULE...      imports them too; reads orders, a line of JSON each, and answers

An order `{"start": …}` is answered by the number of the process that was forked, `{"wait": number}` by its exit code.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

from contract.storage.layout import JOB_FILE

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Order:
    """A session to start.

    Args:
        input: its input folder.
        output: the folder for its artifacts.
        log: what it prints goes here.
        before: is run in it before it begins.
        environment: its variables, beside those that are there.
    """

    input: str
    output: str
    log: str
    before: str = ""
    environment: dict[str, str] = field(default_factory=dict)


class ForkingProcess:
    """The process that forks; one order at a time.

    Args:
        imported: modules that sessions need, beside the trainer.
    """

    def __init__(self, *imported: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.trainer.forks", *imported],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            encoding="utf-8",
        )
        self._lock = threading.Lock()

    def start(self, order: Order) -> int:
        """The number of a session's process."""
        return int(self._ask({"start": asdict(order)}))

    def wait(self, pid: int) -> int | None:
        """Its exit code, negative where a signal ended it; None where it has not ended."""
        code = self._ask({"wait": pid})
        return None if code is None else int(code)

    def close(self) -> None:
        """Let go of the process; its sessions go on."""
        with self._process:
            if self._process.stdin is not None:
                self._process.stdin.close()

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


def main() -> None:
    """Import what every session imports, and fork."""
    for module in ("trainer.session", "trainer.__main__", *sys.argv[1:]):
        importlib.import_module(module)
    for line in sys.stdin:
        order = json.loads(line)
        answer = _start(Order(**order["start"])) if "start" in order else _code_of(order["wait"])
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if sys.platform == "win32":
    _started: dict[int, subprocess.Popen[bytes]] = {}

    def _start(order: Order) -> int:
        begin = f"from {__name__} import Order, begin\nbegin(Order(**{asdict(order)!r}))"
        process = subprocess.Popen([sys.executable, "-c", begin.replace("__main__", "tests.trainer.forks")], cwd=ROOT)
        _started[process.pid] = process
        return process.pid

    def _code_of(pid: int) -> int | None:
        return _started[pid].poll()

else:

    def _start(order: Order) -> int:
        pid = os.fork()
        if not pid:
            os.setsid()
            begin(order)
        return pid

    def _code_of(pid: int) -> int | None:
        ended, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if ended else None

    def _serve_workers_from_here() -> None:
        """Let who forks this session's workers be a fork of it: otherwise it imports torch once more."""
        from multiprocessing import forkserver, resource_tracker, util  # noqa: PLC0415 - not everywhere

        resource_tracker.ensure_running()
        with mock.patch.object(util, "spawnv_passfds", _fork_instead):
            forkserver.ensure_running()

    def _fork_instead(_path: bytes, arguments: list[str], descriptors: list[int]) -> int:
        if pid := os.fork():
            return pid
        for each in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - it is numbers
            if each not in (0, 1, 2, *descriptors):
                with contextlib.suppress(OSError):  # what listed them
                    os.close(each)
        try:
            exec(arguments[-1], {})  # noqa: S102 - multiprocessing's own words
        finally:
            os._exit(1)


def begin(order: Order) -> NoReturn:
    """Be the session."""
    from trainer.__main__ import end, main  # noqa: PLC0415 - of this process

    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.update(order.environment)
    exec(order.before, {})  # noqa: S102 - a test's own words
    if sys.platform == "linux" and "subproc" in (Path(order.input) / JOB_FILE).read_text(encoding="utf-8"):
        _serve_workers_from_here()
    began = str(time.monotonic())
    end(main(["--input", order.input, "--output", order.output, "--started", began], is_process=True))


if __name__ == "__main__":
    main()
