"""A fork of a process that has imported torch is, for what runs in it and for who started it, a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.network_guard import GUARDED
from tests.preloading import COMMAND_MAY_FORK, preloaded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if sys.platform == "linux":
    import resource

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked so on Linux only")

TELLS = """\
import json, os, resource, sys
has_torch = "torch" in sys.modules
here = {
    "has_torch": has_torch, "argv": sys.argv, "path": sys.path, "cwd": os.getcwd(), "input": sys.stdin.read(),
    "name": __name__, "word": os.environ.get("WORD"), "command": sys.orig_argv, "pid": os.getpid(),
    "limit": resource.getrlimit(resource.RLIMIT_NOFILE), "leads": os.getsid(0) == os.getpid(),
    "open": sorted(map(int, os.listdir("/proc/self/fd")))[:4],
}
print(json.dumps(here), flush=True)
exec(sys.argv[-1])
"""


@pytest.fixture(scope="module", autouse=True)
def _of_their_own() -> Iterator[None]:
    """The server of all tests may be of another time: what they have set since counts against a fork."""
    with preloaded():
        yield


def start(folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start a program that tells what it is."""
    (folder / "trainer").mkdir(exist_ok=True)
    (folder / "trainer" / "__init__.py").touch()
    (folder / "trainer" / "__main__.py").write_text(TELLS, encoding="utf-8")
    for program in ("local_launcher.py", "struck_doit.py"):
        (folder / program).write_text(TELLS, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            **os.environ,
            **COMMAND_MAY_FORK,
            "PYTHONPATH": os.pathsep.join([str(GUARDED), "elsewhere"]),
            **variables,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def told(process: subprocess.Popen[str], given: str = "") -> tuple[dict[str, Any], str]:
    """What it told of itself, and its errors, as it has ended."""
    output, errors = process.communicate(given, timeout=60)
    return json.loads(output.partition("\n")[0]), errors


@pytest.mark.parametrize("arguments", [["-m", "trainer"], ["local_launcher.py"], ["struck_doit.py"]])
def test_it_is_what_it_would_be_but_for_torch(
    tmp_path: Path, arguments: list[str], request: pytest.FixtureRequest
) -> None:
    if sys.platform == "linux":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))  # other than the server's
        request.addfinalizer(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)))
    asked = [*arguments, "pass"]
    fork, _ = told(start(tmp_path, *asked, WORD="ünïcode"), "said to it")
    alone, _ = told(start(tmp_path, *asked, WORD="ünïcode", PYTHONHASHSEED="1"), "said to it")
    assert (fork.pop("has_torch"), alone.pop("has_torch")) == (True, False)
    assert fork.pop("leads")
    for each in (fork, alone):
        del each["pid"]
    alone.pop("leads")
    assert fork == alone


@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit('a sentence')", 1, "a sentence\n"),
        ("os._exit(5)", 5, ""),
        ("os.kill(os.getpid(), 9)", -9, ""),
        ("os.kill(os.getpid(), 15)", -15, ""),
        ("import no_such_module", 1, "ModuleNotFoundError: No module named 'no_such_module'\n"),
        ("left = open('left', 'w'); left.write('a line')", 0, ""),
        ("import atexit; atexit.register(sys.stderr.write, 'the last')", 0, "the last"),
        ("import threading, time; threading.Timer(0.1, print, ['later'], {'file': sys.stderr}).start()", 0, "later\n"),
        ("raise KeyboardInterrupt", -2, "KeyboardInterrupt\n"),
    ],
)
def test_whoever_started_it_sees_how_it_ended(tmp_path: Path, ending: str, code: int, said: str) -> None:
    process = start(tmp_path, "-m", "trainer", ending)
    _, errors = told(process)
    assert process.returncode == code
    assert errors.endswith(said)
    assert not (left := tmp_path / "left").exists() or left.read_text(encoding="utf-8") == "a line"


@pytest.mark.parametrize(("variables", "seen"), [({}, ""), ({"PYTHONUNBUFFERED": "1"}, "at once")])
def test_what_it_prints_waits_for_nothing_where_it_is_not_to(
    tmp_path: Path, variables: dict[str, str], seen: str
) -> None:
    process = start(tmp_path, "local_launcher.py", "print('at once', end=''); os._exit(0)", **variables)
    output, _ = process.communicate("", timeout=60)
    assert output.partition("\n")[2] == seen


def sleeping(folder: Path) -> tuple[subprocess.Popen[str], psutil.Process]:
    """A process that waits for a fork, and that fork, which sleeps."""
    process = start(folder, "local_launcher.py", "import time; time.sleep(600)")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    return process, psutil.Process(json.loads(process.stdout.readline())["pid"])


def test_it_is_found_by_its_command_line_and_goes_with_who_waits_for_it(tmp_path: Path) -> None:
    process, fork = sleeping(tmp_path)
    assert fork.cmdline()[-2:] == ["local_launcher.py", "import time; time.sleep(600)"]
    process.kill()
    ended(process)
    psutil.wait_procs([fork], timeout=60)
    assert not fork.is_running()


def test_a_fork_that_is_killed_together_with_who_waits_for_it_takes_no_other_along(tmp_path: Path) -> None:
    process, fork = sleeping(tmp_path)
    server = fork.parent()
    assert server is not None
    server.suspend()  # so that it hears of both at once
    fork.kill()
    while fork.status() != psutil.STATUS_ZOMBIE:
        pass
    process.kill()
    ended(process)
    server.resume()
    another, _ = told(start(tmp_path, "local_launcher.py", "pass"))
    assert another["has_torch"]


def ended(process: subprocess.Popen[str]) -> None:
    process.wait()
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()
