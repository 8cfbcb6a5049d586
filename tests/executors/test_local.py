"""What the local executor does beyond what a backend asks of it: limits, kills, several inputs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from contract.errors import SessionLostError
from contract.states import State
from executors.base import Status, Workload
from executors.local import LocalExecutor
from executors.short_folders import LONGEST_SOCKET_ADDRESS, ROOM_FOR_SOCKETS, name_short_folder
from tests.executors.scripts import NAME, PATIENCE_SECONDS, ended

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTS_A_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
LEAVES_A_CHILD_IN_A_GROUP_OF_ITS_OWN = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, flush=True)
{ends}
"""
LONG_PATH_CHARACTERS = 200
LISTENS = """
import multiprocessing.connection, os, tempfile
assert multiprocessing.connection.Listener(family="AF_UNIX").address.startswith(os.environ["TMPDIR"])
"""
CHANGES_ITS_ORDERS = """
import json, os
from pathlib import Path
sandbox = Path(os.environ["RELAY_STOP_FILE"]).parent
orders = json.loads((sandbox / "orders.json").read_text())
Path(orders["temporary"]).rmdir()
orders["temporary"] = str(sandbox.parent.parent / "precious")
(sandbox / "orders.json").write_text(json.dumps(orders))
"""


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[LocalExecutor]:
    own = LocalExecutor(tmp_path / "the sandboxes")
    yield own
    for child in own._children:  # noqa: SLF001 - a script may have written how it ended, and not be gone yet
        child.kill()
        child.wait(PATIENCE_SECONDS)
    own.remove(NAME)


def workload(
    tmp_path: Path, script: str, limit_seconds: float | None = None, inputs: dict[str, Path] | None = None
) -> Workload:
    path = tmp_path / "given.py"
    path.write_text(script, encoding="utf-8")
    return Workload(NAME, path, inputs or {}, {"GREETING": "hello"}, limit_seconds=limit_seconds)


def started_child(executor: LocalExecutor) -> psutil.Process:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (printed := executor.logs(NAME, 0)).endswith(b"\n"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return psutil.Process(int(printed))


def is_gone(process: psutil.Process) -> bool:
    """Wait until a process has ended: it need not have been reaped, for which who inherits it may take seconds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


def test_a_script_finds_its_variables_and_each_input_at_its_place(executor: LocalExecutor, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text(name, encoding="utf-8")
    script = """
import os
from pathlib import Path
mounted = Path(os.environ["RELAY_INPUT"])
print(os.environ["GREETING"], *sorted(each.relative_to(mounted).as_posix() for each in mounted.rglob("*.txt")))
"""
    inputs = {"slug": tmp_path / "first", "datasets/alice/other": tmp_path / "second"}
    given = workload(tmp_path, script, inputs=inputs)
    assert not executor.has(NAME)
    executor.start(given)
    assert executor.has(NAME)
    assert ended(executor) == Status(State.COMPLETE, 0)
    assert executor.logs(NAME, 0) == b"hello datasets/alice/other/second.txt slug/first.txt\n"


def printed_before_its_limit(tmp_path: Path, script: str) -> bytes:
    """What a script printed until its limit ended it: a longer one where a busy machine has not started it by then."""
    for limit in (1.0, 6.0, 60.0):
        executor = LocalExecutor(tmp_path / f"{limit:g}")
        executor.start(workload(tmp_path, script, limit_seconds=limit))
        assert ended(executor) == Status(State.FAILED, 137, f"its time limit of {limit:g} s was over")
        for process in executor._children:  # noqa: SLF001 - its record is written a moment before
            process.wait(PATIENCE_SECONDS)
        printed = executor.logs(NAME, 0)
        executor.remove(NAME)
        if printed:
            return printed
    pytest.fail("it never began")


def test_a_script_that_overruns_its_limit_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    child = int(printed_before_its_limit(tmp_path, STARTS_A_CHILD))
    assert not psutil.pid_exists(child) or is_gone(psutil.Process(child))


def test_a_script_that_keeps_to_its_limit_ends_by_itself(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.start(workload(tmp_path, "print('done')", limit_seconds=PATIENCE_SECONDS))
    assert ended(executor) == Status(State.COMPLETE, 0)


def test_a_script_is_killed_even_while_native_code_keeps_pythons_lock(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("it is the C library's sleep that keeps the lock here")
    keeps_it = "import ctypes\nprint('waiting', flush=True)\nctypes.PyDLL(None).sleep(600)\n"
    assert printed_before_its_limit(tmp_path, keeps_it) == b"waiting\n"


def test_a_script_ends_when_its_threads_have_ended(executor: LocalExecutor, tmp_path: Path) -> None:
    leaves_one = """
import pathlib, threading, time
def wait():
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
    print("the thread has ended", flush=True)
threading.Thread(target=wait).start()
print("the script is over", flush=True)
"""
    executor.start(workload(tmp_path, leaves_one, limit_seconds=PATIENCE_SECONDS))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while b"the script is over" not in executor.logs(NAME, 0):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert executor.status(NAME).state is State.RUNNING
    (tmp_path / "the sandboxes" / NAME / "kaggle" / "working" / "go").touch()
    assert ended(executor) == Status(State.COMPLETE, 0)
    assert executor.logs(NAME, 0).endswith(b"the thread has ended\n")


@pytest.mark.parametrize(("code", "state"), [(0, State.COMPLETE), (75, State.FAILED)])
def test_a_script_may_end_at_once_and_its_exit_code_is_known(
    executor: LocalExecutor, tmp_path: Path, code: int, state: State
) -> None:
    forks = "import os\nif hasattr(os, 'fork') and not os.fork():\n    os._exit(9)\n"
    leaves_a_thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
    executor.start(workload(tmp_path, f"{forks}{leaves_a_thread}os._exit({code})\n", limit_seconds=PATIENCE_SECONDS))
    status = ended(executor)
    assert (status.state, status.exit_code) == (state, code)


def test_a_killed_script_takes_all_that_it_started_along(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.start(workload(tmp_path, STARTS_A_CHILD))
    child = started_child(executor)
    executor.kill(NAME)
    assert ended(executor).state is State.FAILED
    assert is_gone(child)
    executor.kill(NAME)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who was started from where")
@pytest.mark.parametrize(
    "ends",
    [
        "",
        "os._exit(75)",
        "raise SystemExit(2)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.closerange(3, 100); os.kill(os.getpid(), signal.SIGKILL)",
        "import time; time.sleep(0.1 if os.fork() else 600); os._exit(0)",
    ],
)
def test_what_a_script_leaves_running_ends_with_it_wherever_it_has_gone(
    executor: LocalExecutor, tmp_path: Path, ends: str
) -> None:
    script = LEAVES_A_CHILD_IN_A_GROUP_OF_ITS_OWN.format(ends=ends)
    executor.start(workload(tmp_path, script, limit_seconds=PATIENCE_SECONDS))
    child = started_child(executor)
    assert ended(executor).state.is_terminal
    assert is_gone(child)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who was started from where")
def test_a_killed_script_takes_along_what_has_left_its_group(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.start(workload(tmp_path, LEAVES_A_CHILD_IN_A_GROUP_OF_ITS_OWN.format(ends="os.kill(os.getpid(), 19)")))
    child = started_child(executor)
    executor.kill(NAME)
    assert is_gone(child)


def test_a_script_that_is_seen_a_moment_late_runs(tmp_path: Path) -> None:
    class LooksTooEarly(LocalExecutor):
        """Looks for the process before it has its command line, and again once it has started."""

        has_looked = False

        def _launcher_process(self, sandbox: Path) -> psutil.Process | None:
            if self.has_looked:
                return super()._launcher_process(sandbox)
            self.has_looked = True
            started_child(self)
            return None

    executor = LooksTooEarly(tmp_path / "the sandboxes")
    executor.start(workload(tmp_path, STARTS_A_CHILD))
    assert executor.status(NAME).state is State.RUNNING
    executor.kill(NAME)
    executor.remove(NAME)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sockets")
def test_sockets_have_room_below_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path
    while len(str(folder)) < LONG_PATH_CHARACTERS:
        folder /= "a-folder-with-a-long-name"
    executor = LocalExecutor(folder / "the sandboxes")
    executor.start(workload(tmp_path, LISTENS))
    try:
        assert ended(executor) == Status(State.COMPLETE, 0), executor.logs(NAME, 0)
    finally:
        executor.kill(NAME)
        executor.remove(NAME)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sockets")
def test_a_temporary_folder_is_short_though_this_systems_is_not() -> None:
    long = Path("/", *["long"] * LONG_PATH_CHARACTERS)
    assert len(str(name_short_folder(long))) + ROOM_FOR_SOCKETS <= LONGEST_SOCKET_ADDRESS
    assert name_short_folder(Path("/var/tmp")).parent == Path("/var/tmp")  # noqa: S108 - nothing is made there
    assert name_short_folder() != name_short_folder()


def test_only_a_folder_of_ours_is_removed(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.start(workload(tmp_path, CHANGES_ITS_ORDERS))
    (tmp_path / "precious").mkdir()
    assert ended(executor) == Status(State.COMPLETE, 0), executor.logs(NAME, 0)
    executor.remove(NAME)
    assert not executor.has(NAME)
    assert (tmp_path / "precious").is_dir()


def test_a_script_can_be_killed_while_it_is_forked(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.start(workload(tmp_path, "import time; time.sleep(600)"))
    (child,) = executor._children  # noqa: SLF001 - nothing else knows of it so early
    executor.kill(NAME)
    assert not psutil.pid_exists(child.pid)
    assert executor._children == []  # noqa: SLF001 - it is waited for


def test_what_was_never_started_is_lost(executor: LocalExecutor, tmp_path: Path) -> None:
    for call in (executor.status, executor.stop, executor.kill):
        with pytest.raises(SessionLostError):
            call(NAME)
    executor.remove(NAME)
    with pytest.raises(SessionLostError):
        executor.fetch(NAME, tmp_path / "nowhere")
