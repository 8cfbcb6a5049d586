"""Runs inside a local sandbox's process, before the script: `python local_launcher.py SANDBOX`.

It makes sure that one session starts in a sandbox at most once, lays out the variables of a Kaggle
batch run, and leaves a record of how the process ended. It knows the standard library only.

With a limit it has a guard, `python local_launcher.py --guard PID SECONDS SANDBOX`: a process of its own, since no
thread runs while native code keeps Python's lock. However the script ends, the guard ends what that has started: what
is in its group where there are groups, and on Linux whatever has the sandbox in its variables.
"""

import contextlib
import io
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

STARTED_FILE = "started.json"
ENDED_FILE = "ended.json"
STOP_FILE = "stop"
ORDERS_FILE = "orders.json"
KILLED = 137
GUARD = "--guard"
SCRIPT = Path("kaggle", "src", "script.py")
INPUT = Path("kaggle", "input")
STOP_FILE_VARIABLE = "RELAY_STOP_FILE"
LOOK_SECONDS, SOON_SECONDS = 1.0, 0.05
PROCESSES = Path("/proc")
WORKING = Path("kaggle", "working")
TEMPORARY = Path("kaggle", "temp")
OWN_NAME = "temporary_name"
LONGEST_TEMPORARY = 63
"""Of a path below which sockets have room: their address has some hundred characters (`short_folders`)."""


def main(sandbox: Path) -> None:
    """Run the script in `sandbox`, once."""
    if not claim(sandbox):
        sys.exit(0)
    orders = json.loads((sandbox / ORDERS_FILE).read_text(encoding="utf-8"))
    if orders["limit_seconds"] is not None:
        start_guard(sandbox, orders["limit_seconds"])
    end_at_once = record_immediate_ends(sandbox)
    temporary = make_temporary(sandbox, orders)
    os.environ.update(orders["environment"])
    os.environ.update(variables(sandbox, temporary))
    os.environ[STOP_FILE_VARIABLE] = str(sandbox / STOP_FILE)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)  # PYTHONUNBUFFERED comes too late for this process
    os.chdir(sandbox / WORKING)
    sys.path[:] = [path for path in sys.path if path != str(Path(__file__).parent)]
    code: object = 1
    try:
        runpy.run_path(str(sandbox / SCRIPT), run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
    except BaseException:  # noqa: BLE001 - whatever ended the script, the record must say so
        traceback.print_exc()
    number = code if isinstance(code, int) else 0 if code is None else 1
    wait_for_threads()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    write_once(sandbox / ENDED_FILE, {"exit_code": number, "error": code if isinstance(code, str) else None})
    # Nothing is left to do, and tearing torch down takes a noticeable while.
    remove_leftovers()
    end_at_once(number)


def variables(sandbox: Path, temporary: Path) -> "dict[str, str]":
    """The variables of a batch run in `sandbox`, which its script may go by."""
    return {
        "KAGGLE_KERNEL_RUN_TYPE": "Batch",
        "KAGGLE_URL_BASE": "https://www.kaggle.com",
        "MPLBACKEND": "agg",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "RELAY_INPUT": str(sandbox / INPUT),
        "RELAY_WORKING": str(sandbox / WORKING),
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
    }


def make_temporary(sandbox: Path, orders: "dict[str, str]") -> Path:
    """The folder for temporary files: the one that was named for this sandbox, closed to others from the beginning.

    A folder of that name that is there already is somebody else's. A sandbox of an earlier version names none. Where
    only the machine that runs it knows where temporary files lie, the sandbox has but the folder's own name, and nobody
    else can remove it: it goes with this process.
    """
    temporary = Path(orders.get("temporary", sandbox / TEMPORARY))
    if OWN_NAME in orders:
        import tempfile  # noqa: PLC0415 - a sandbox of the machine that laid it out needs none of it

        temporary = Path(tempfile.gettempdir(), orders[OWN_NAME])
        tempfile.tempdir = None  # the script is to find its own
        if len(os.fsencode(temporary)) > LONGEST_TEMPORARY and os.access("/tmp", os.W_OK | os.X_OK):  # noqa: S108
            temporary = Path("/tmp", orders[OWN_NAME])  # noqa: S108 - closed to others, and nobody can guess its name
        leftovers.append(temporary)
    if "temporary" in orders or OWN_NAME in orders:
        temporary.mkdir(mode=0o700)
    return temporary


leftovers: "list[Path]" = []
"""Folders that end with this process."""


def remove_leftovers() -> None:
    """Remove what ends with this process, as far as it can be."""
    for folder in leftovers:
        import shutil  # noqa: PLC0415 - likewise

        shutil.rmtree(folder, ignore_errors=True)


def wait_for_threads() -> None:
    """Wait for the threads that a script leaves, as Python does before it ends a process, on Kaggle too."""
    while left := [each for each in threading.enumerate() if each is not threading.main_thread() and not each.daemon]:
        left[0].join()


def record_immediate_ends(sandbox: Path) -> "Callable[[int], NoReturn]":
    """Let `os._exit` leave a record as well: a script may end by it, and waits for no thread then.

    Returns:
        What ends the process without a record.
    """
    end, own = os._exit, os.getpid()

    def end_with_record(status: int) -> None:
        if os.getpid() == own:  # a fork ends by it too
            with contextlib.suppress(OSError):
                write_once(sandbox / ENDED_FILE, {"exit_code": status, "error": None})
            remove_leftovers()
        end(status)

    os._exit = end_with_record  # type: ignore[assignment] # it does not return either
    return end


def start_guard(sandbox: Path, seconds: float) -> None:
    """Start the process that ends this one, and on POSIX all that it started, once its time is over."""
    command = [sys.executable, "-I", "-S", __file__, GUARD, str(os.getpid()), str(seconds), str(sandbox)]
    # The pipe closes with this process, however it ends: the guard ends with it.
    guard = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - this very file
    guards.append(guard)


guards: "list[subprocess.Popen[bytes]]" = []
"""Kept, so that the pipe stays open."""


def guard(sandbox: Path, seconds: float, guarded: int) -> None:
    """End the process of that number, which started this one, unless it ends in time, and then what it leaves."""
    pipe_is_closed = threading.Event()

    def wait_for_its_end() -> None:
        sys.stdin.buffer.read()
        pipe_is_closed.set()

    deadline = time.monotonic() + seconds
    threading.Thread(target=wait_for_its_end, daemon=True).start()
    while not has_ended(guarded, pipe_is_closed):
        left = deadline - time.monotonic()
        if left <= 0:
            if not (sandbox / ENDED_FILE).exists():
                error = f"its time limit of {seconds:g} s was over"
                write_once(sandbox / ENDED_FILE, {"exit_code": KILLED, "error": error, "out_of_time": True})
            if sys.platform == "win32":
                os.kill(guarded, signal.SIGTERM)
            else:
                os.kill(guarded, signal.SIGKILL)
            break
        if pipe_is_closed.is_set():
            time.sleep(min(SOON_SECONDS, left))
        else:
            pipe_is_closed.wait(min(LOOK_SECONDS, left))
    end_sandbox(sandbox)
    if sys.platform != "win32" and os.getpgid(0) == guarded:
        os.killpg(0, signal.SIGKILL)  # this process too
    os._exit(0)


def has_ended(guarded: int, pipe_is_closed: threading.Event) -> bool:
    """Whether the process that started this one has ended.

    Where the system gives its children to another then, the pipe says only when to look: a fork that is left keeps it
    open, and a script may close what it does not know.
    """
    return pipe_is_closed.is_set() if sys.platform == "win32" else os.getppid() != guarded


def end_sandbox(sandbox: Path) -> None:
    """Kill whatever was started from the script in `sandbox`, as far as Linux tells: wherever it belongs by now."""
    if sys.platform != "linux":
        return
    mark = f"{STOP_FILE_VARIABLE}={sandbox / STOP_FILE}".encode()
    for process in PROCESSES.iterdir():
        with contextlib.suppress(OSError, ValueError):
            if mark in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)


def claim(sandbox: Path) -> bool:
    """Whether this process is the first to start in `sandbox`."""
    try:
        with (sandbox / STARTED_FILE).open("x", encoding="utf-8") as stream:
            json.dump({"pid": os.getpid()}, stream)
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        return False
    return True


def write_once(target: Path, value: object) -> None:
    """Write a small JSON file whole or not at all."""
    temporary = target.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as stream:
        json.dump(value, stream)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(target)


if __name__ == "__main__":
    if sys.argv[1] == GUARD:
        guard(Path(sys.argv[4]), float(sys.argv[3]), int(sys.argv[2]))
    main(Path(sys.argv[1]))
