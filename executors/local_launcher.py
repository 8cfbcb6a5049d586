"""Runs inside a local sandbox's process, before the script: `python local_launcher.py SANDBOX`.

It makes sure that one session starts in a sandbox at most once, lays out the variables of a Kaggle
batch run, and leaves a record of how the process ended. It knows the standard library only.
"""

import contextlib
import json
import os
import runpy
import signal
import sys
import threading
import traceback
from pathlib import Path

STARTED_FILE = "started.json"
ENDED_FILE = "ended.json"
STOP_FILE = "stop"
ORDERS_FILE = "orders.json"
KILLED = 137
SCRIPT = Path("kaggle", "src", "script.py")
INPUT = Path("kaggle", "input")
WORKING = Path("kaggle", "working")
TEMPORARY = Path("kaggle", "temp")


def main(sandbox: Path) -> None:
    """Run the script in `sandbox`, once."""
    if not claim(sandbox):
        sys.exit(0)
    orders = json.loads((sandbox / ORDERS_FILE).read_text(encoding="utf-8"))
    if orders["limit_seconds"] is not None:
        end_in_time(sandbox, orders["limit_seconds"])
    temporary = make_temporary(sandbox, orders)
    os.environ.update(orders["environment"])
    os.environ.update(
        {
            "KAGGLE_KERNEL_RUN_TYPE": "Batch",
            "KAGGLE_URL_BASE": "https://www.kaggle.com",
            "MPLBACKEND": "agg",
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
            "RELAY_INPUT": str(sandbox / INPUT),
            "RELAY_WORKING": str(sandbox / WORKING),
            "RELAY_STOP_FILE": str(sandbox / STOP_FILE),
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
        }
    )
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
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    write_once(sandbox / ENDED_FILE, {"exit_code": number, "error": code if isinstance(code, str) else None})
    # Nothing is left to do, and tearing torch down takes a noticeable while.
    os._exit(number)


def make_temporary(sandbox: Path, orders: "dict[str, str]") -> Path:
    """The folder for temporary files: the one that was named for this sandbox, closed to others from the beginning.

    A folder of that name that is there already is somebody else's. A sandbox of an earlier version names none.
    """
    temporary = Path(orders.get("temporary", sandbox / TEMPORARY))
    if "temporary" in orders:
        temporary.mkdir(mode=0o700)
    return temporary


def end_in_time(sandbox: Path, seconds: float) -> None:
    """Kill this process, and on POSIX all that it started, once its time is over."""

    def end() -> None:
        error = f"its time limit of {seconds:g} s was over"
        write_once(sandbox / ENDED_FILE, {"exit_code": KILLED, "error": error, "out_of_time": True})
        if sys.platform != "win32" and os.getpgid(0) == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(KILLED)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


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
    main(Path(sys.argv[1]))
