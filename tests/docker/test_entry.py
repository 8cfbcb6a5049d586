from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("containers run Linux, whatever they run on", allow_module_level=True)

ENTRY = Path(__file__).resolve().parents[2] / "docker" / "entry.py"
PATIENCE_SECONDS = 120
# The entry as it is, but for the places of its script and of what it watches.
STARTER = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
import entry
entry.SCRIPT, entry.WORKING, entry.LOOK_SECONDS = sys.argv[2], sys.argv[3], 0.05
sys.exit(entry.main())
"""


class Entry:
    """The entry of a container, started as a process of this machine."""

    def __init__(self, folder: Path, script: str, **environment: str) -> None:
        self.working = folder / "working"
        self.working.mkdir()
        path = folder / "script.py"
        path.write_text(script, encoding="utf-8")
        command = [sys.executable, "-c", STARTER, str(ENTRY.parent), str(path), str(self.working)]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONUNBUFFERED": "1", "HERE": str(self.working), **environment},
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> tuple[int, str, str]:
        printed, complained = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, printed, complained


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("", 0),
        ("import sys; sys.exit(7)", 7),
        ("raise ValueError", 1),
        ("import os; os.abort()", 134),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
    ],
)
def test_the_exit_code_is_the_scripts_or_tells_its_signal(tmp_path: Path, ending: str, code: int) -> None:
    assert Entry(tmp_path, ending).end()[0] == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_reach_the_script_which_ends_in_its_own_way(tmp_path: Path, number: signal.Signals) -> None:
    script = (
        "import signal, sys, time\n"
        f"signal.signal({int(number)}, lambda number, frame: (print('saved', number), sys.exit(5)))\n"
        "print('ready')\n"
        "for _ in range(600):\n"  # a signal as a sleep begins is heard when that is over
        "    time.sleep(0.1)\n"
    )
    entry = Entry(tmp_path, script)
    assert entry.line() == "ready"
    entry.process.send_signal(number)
    assert entry.end()[:2] == (5, f"saved {int(number)}\n")


def test_a_signal_before_the_script_listens_ends_it_as_anywhere(tmp_path: Path) -> None:
    entry = Entry(tmp_path, "print('ready')\nimport time\ntime.sleep(60)")
    assert entry.line() == "ready"
    entry.process.terminate()
    assert entry.end()[0] == 128 + signal.SIGTERM


def test_the_script_blocks_no_signal_itself(tmp_path: Path) -> None:
    script = "import signal\nprint(signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    assert Entry(tmp_path, script).end()[1] == "set()\n"


def test_at_its_limit_the_script_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    script = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid)\n"
        "time.sleep(60)\n"
    )
    printed = ""
    for limit in (1, 6, 60):  # a busy machine may need longer to start both
        folder = tmp_path / str(limit)
        folder.mkdir()
        code, printed, complained = Entry(folder, script, RELAY_LIMIT_SECONDS=str(limit)).end()
        assert code == 124
        assert complained.splitlines()[-1] == f"@entry the time limit of {limit} s was over"
        if printed:
            break
    grandchild = int(printed)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_running(grandchild) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(grandchild)


def test_a_script_that_ends_in_time_is_not_held_up(tmp_path: Path) -> None:
    limit = 10 * PATIENCE_SECONDS
    assert Entry(tmp_path, "", RELAY_LIMIT_SECONDS=str(limit), RELAY_WORKING_BYTES="1e9").end()[0] == 0


def test_files_that_outgrow_their_folder_end_the_script(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, time\n"
        "folder = pathlib.Path(os.environ['HERE'], 'deep', 'deeper')\n"
        "folder.mkdir(parents=True)\n"
        "for number in range(600):\n"
        "    folder.joinpath(str(number)).write_bytes(os.urandom(100_000))\n"
        "    time.sleep(0.01)\n"
    )
    code, _, complained = Entry(tmp_path, script, RELAY_WORKING_BYTES="2000000").end()
    assert code == 123
    assert complained.splitlines()[-1].endswith("working outgrew 0.002 GB")


def test_a_link_out_of_the_folder_is_not_counted(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * 3_000_000)
    script = "import os, time\nos.symlink(os.environ['LARGE'], os.environ['HERE'] + '/link')\ntime.sleep(0.5)"
    assert Entry(tmp_path, script, RELAY_WORKING_BYTES="1000000", LARGE=str(large)).end()[0] == 0


@pytest.mark.parametrize("value", ["soon", "0", "-3", "nan", "inf"])
def test_a_limit_that_is_none_starts_nothing(tmp_path: Path, value: str) -> None:
    code, printed, complained = Entry(tmp_path, "print('started')", RELAY_LIMIT_SECONDS=value).end()
    assert (code, printed) == (126, "")
    assert complained.strip() == f"@entry RELAY_LIMIT_SECONDS is '{value}': give a number above 0, or none"


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
