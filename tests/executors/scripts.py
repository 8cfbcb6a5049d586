"""What tests of executors run, wherever it runs, and how they wait for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from contract.states import State
from executors.base import Workload

if TYPE_CHECKING:
    from pathlib import Path

    from executors.base import Executor, Status

NAME = "0123456789abcdef"
PATIENCE_SECONDS = 240
WAITS = """
import os, sys, time
from pathlib import Path
print("waiting", flush=True)
while not Path(os.environ["RELAY_STOP_FILE"]).exists():
    time.sleep(0.01)
sys.exit(143)
"""
LOCKS_ITS_INPUT = """
import fcntl, os, signal
fcntl.flock(0, fcntl.LOCK_EX)
os.write(1, b"locked")
signal.pause()
"""
LISTENS = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
print("waiting", flush=True)
while True:
    time.sleep(0.1)  # a signal as a sleep begins is heard when that is over
"""
TELLS = """
import os, tempfile
from pathlib import Path
Path("left.txt").write_text(os.environ.get("SLURM_JOB_NAME", ""))
assert Path(tempfile.gettempdir()) == Path(os.environ["TMPDIR"])
Path("seen").mkdir()
Path("seen/inputs.txt").write_text(" ".join(sorted(each.name for each in Path(os.environ["RELAY_INPUT"]).rglob("*"))))
Path("seen/temporary.txt").write_text(tempfile.gettempdir())
Path("seen/variables.txt").write_text(" ".join(os.environ))
print("hello")
"""


def workload(folder: Path, script: str, name: str = NAME) -> Workload:
    """A script to run, with an input and a variable."""
    path = folder / f"{name}.py"
    path.write_text(script, encoding="utf-8")
    (folder / "given").mkdir(exist_ok=True)
    (folder / "given" / "payload.json").write_text("{}", encoding="utf-8")
    return Workload(name, path, {"cart": folder / "given"}, {"GREETING": "hello"})


def eventually(executor: Executor, *states: State, name: str = NAME) -> Status:
    """Where a script stands, once that is one of these."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (status := executor.status(name)).state not in states:
        assert time.monotonic() < deadline, status
        time.sleep(0.02)
    return status


def ended(executor: Executor, name: str = NAME) -> Status:
    """How a script has ended."""
    return eventually(executor, State.COMPLETE, State.FAILED, State.CANCELLED, name=name)


def wait_for_log(executor: Executor, text: bytes, name: str = NAME) -> None:
    """Until a script has printed something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while text not in executor.logs(name, 0):
        assert time.monotonic() < deadline, executor.status(name)
        time.sleep(0.02)
