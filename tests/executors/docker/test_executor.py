"""Scripts in real containers: laid out, bounded and told apart, and nothing of them stays behind."""

from __future__ import annotations

import gc
import json
import re
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import requests
from docker.errors import NotFound

from contract.errors import BackendUnreachableError, RefusedError, SessionLostError
from contract.states import State
from executors.base import Status, Workload
from executors.docker import executor as executors
from executors.docker.container import container_names
from executors.docker.executor import DockerExecutor
from executors.docker.limits import DockerSettings
from tests.engine import engine_itself, image
from tests.executors.scripts import LISTENS, NAME, PATIENCE_SECONDS, ended, wait_for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import docker

MEBIBYTE = 1 << 20

LOOKS_AROUND = """
import json, os, sys
from pathlib import Path

def written(path):
    try:
        Path(path).write_text("changed")
    except OSError as error:
        return error.strerror
    return "written"

def connected():
    import socket
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=5)
    except OSError as error:
        return error.strerror

mounted = Path("/kaggle/input")
inputs = {each.relative_to(mounted).as_posix(): each.read_text() for each in sorted(mounted.rglob("*.txt"))}
print(json.dumps({
    "cwd": os.getcwd(),
    "user": os.getuid(),
    "inputs": inputs,
    "greeting": os.environ["GREETING"],
    "kaggle": os.environ["KAGGLE_KERNEL_RUN_TYPE"],
    "input": written("/kaggle/input/slug/first.txt"),
    "script": written("/kaggle/src/script.py"),
    "new": written("/kaggle/new"),
    "system": written("/etc/new"),
    "temporary": written("/kaggle/temp/new"),
    "tmp": written("/tmp/new"),
    "network": connected(),
    "capabilities": [line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")][0],
    "no_new_privileges": [line.split()[1] for line in open("/proc/self/status") if line.startswith("NoNewPrivs")][0],
}))
"""
LEAVES_FILES = """
import os, sys
from pathlib import Path

print("交通", flush=True)
sys.stderr.write("to the other stream\\n")
Path("checkpoints").mkdir()
Path("checkpoints/one.zip").write_bytes(b"one" * 100_000)
os.link("checkpoints/one.zip", "again.zip")
os.symlink("/etc/passwd", "link")
os.symlink("/etc", "folder")
os.mkfifo("pipe")
Path(".relay-tmp-half").write_bytes(b"half")
print("x" * 40_000 + "no end of line", end="")
"""
COUNTS_STARTS = "from pathlib import Path\nwith Path('starts').open('a') as file: file.write('started ')\n"
WAITS = "import time\nprint('waiting')\ntime.sleep(600)\n"
DIES_WHILE_IT_FILLS = """
import os, signal, sys
from pathlib import Path
from executors.docker import executor as docker
from executors.base import Workload
from executors.docker.limits import DockerSettings

root, image, name, script = sys.argv[1:]
docker.packed = lambda entries: os.kill(os.getpid(), signal.SIGKILL)
docker.DockerExecutor(Path(root), DockerSettings(image=image)).start(Workload(name, Path(script), {}))
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    """The engine itself, to look behind the executor's back."""
    with engine_itself() as client:
        yield client


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def commands(engine: docker.DockerClient, tmp_path: Path, told: list[str]) -> Iterator[Callable[..., DockerExecutor]]:
    """Opens the executor as each command does; small, unless told otherwise."""
    small = DockerSettings(image=image(), memory=64 * MEBIBYTE, shm=16 * MEBIBYTE, working=20 * MEBIBYTE, pids=64)
    opened = []

    def open_executor(**changes: Any) -> DockerExecutor:
        opened.append(DockerExecutor(tmp_path / "root", replace(small, **changes), told.append))
        return opened[-1]

    yield open_executor
    open_executor().remove(NAME)
    for executor in opened:
        executor.close()
    assert left_behind(engine, tmp_path) == []


@pytest.fixture
def executor(commands: Callable[..., DockerExecutor]) -> DockerExecutor:
    return commands()


def left_behind(engine: docker.DockerClient, tmp_path: Path) -> list[str]:
    """The containers and volumes of the test's executor."""
    filters: dict[str, str | list[str] | bool] = {**container_names(tmp_path / "root").filters(NAME)}
    containers = [str(each.name) for each in engine.containers.list(all=True, filters=filters)]
    return containers + [str(each.name) for each in engine.volumes.list(filters=filters)]


def workload(tmp_path: Path, script: str, **changes: Any) -> Workload:
    path = tmp_path / "given.py"
    path.write_text(script, encoding="utf-8")
    return replace(Workload(NAME, path, {}, {"GREETING": "hello"}), **changes)


def fetched(executor: DockerExecutor, folder: Path) -> dict[str, bytes]:
    executor.fetch(NAME, folder)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_script_finds_everything_where_kaggle_has_it_and_can_change_none_of_it(
    executor: DockerExecutor, tmp_path: Path, told: list[str]
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text(name, encoding="utf-8")
    inputs = {"slug": tmp_path / "first", "datasets/alice/other": tmp_path / "second"}
    assert not executor.has(NAME)
    executor.start(workload(tmp_path, LOOKS_AROUND, inputs=inputs))
    assert executor.has(NAME)
    assert ended(executor) == Status(State.COMPLETE, 0)
    assert json.loads(executor.logs(NAME, 0)) == {
        "cwd": "/kaggle/working",
        "user": 0,
        "inputs": {"slug/first.txt": "first", "datasets/alice/other/second.txt": "second"},
        "greeting": "hello",
        "kaggle": "Batch",
        "input": "Read-only file system",
        "script": "Read-only file system",
        "new": "Read-only file system",
        "system": "Read-only file system",
        "temporary": "written",
        "tmp": "written",
        "network": "Network is unreachable",
        "capabilities": "0000000000000000",
        "no_new_privileges": "1",
    }
    (line,) = told
    assert line.startswith(f"container relay-{NAME}-")
    assert "64.0 MiB of memory, no GPU, no network" in line


def test_what_it_left_is_fetched_and_its_log_is_exact(
    commands: Callable[..., DockerExecutor], executor: DockerExecutor, tmp_path: Path
) -> None:
    executor.start(workload(tmp_path, LEAVES_FILES))
    assert ended(executor).state is State.COMPLETE
    log = commands().logs(NAME, 0)
    # As on a terminal; some engines end the last line.
    assert log.decode().removesuffix("\n") == "交通\nto the other stream\n" + "x" * 40_000 + "no end of line"
    read = b""
    while news := executor.logs(NAME, len(read)):
        read += news
    assert read == log
    assert executor.logs(NAME, 3) == log[3:]
    content = b"one" * 100_000
    assert fetched(executor, tmp_path / "there") == {"checkpoints/one.zip": content, "again.zip": content}
    assert fetched(executor, tmp_path / "there")["again.zip"] == content  # again over what is there
    assert executor.has(NAME)
    executor.remove(NAME)
    assert not executor.has(NAME)
    executor.remove(NAME)


def test_a_name_starts_once_however_many_start_it(commands: Callable[..., DockerExecutor], tmp_path: Path) -> None:
    given = workload(tmp_path, COUNTS_STARTS)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: each.start(given), [commands() for _ in range(4)]))
    executor = commands()
    executor.start(given)
    assert ended(executor).state is State.COMPLETE
    executor.start(given)
    assert fetched(executor, tmp_path / "there") == {"starts": b"started "}


def test_a_container_whose_maker_died_before_it_started_is_started_by_the_next(
    commands: Callable[..., DockerExecutor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "START_PATIENCE_SECONDS", 0.1)
    died, given = commands(), workload(tmp_path, COUNTS_STARTS)
    monkeypatch.setattr(died, "_start", lambda _container: None)
    died.start(given)
    executor = commands()
    assert not executor.has(NAME)
    assert executor.status(NAME) == Status(State.FAILED, None, "its container was never started")
    executor.start(given)
    assert executor.has(NAME)
    assert ended(executor).state is State.COMPLETE


def test_a_start_that_is_cut_off_anywhere_leaves_what_the_next_one_and_remove_can_deal_with(
    executor: DockerExecutor, engine: docker.DockerClient, tmp_path: Path
) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no SIGKILL")
    given = workload(tmp_path, COUNTS_STARTS)
    command = [sys.executable, "-c", DIES_WHILE_IT_FILLS, str(tmp_path / "root"), image(), NAME, str(given.script)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(left_behind(engine, tmp_path)) == 3
    assert not executor.has(NAME)
    executor.start(given)
    assert ended(executor).state is State.COMPLETE
    assert fetched(executor, tmp_path / "there") == {"starts": b"started "}
    executor.remove(NAME)
    assert left_behind(engine, tmp_path) == []


def test_it_outlives_the_command_and_stops_when_it_is_asked(
    commands: Callable[..., DockerExecutor], tmp_path: Path
) -> None:
    commands().start(workload(tmp_path, LISTENS))
    another = commands()
    wait_for_log(another, b"waiting")
    assert another.status(NAME) == Status(State.RUNNING)
    another.stop(NAME)
    assert ended(another) == Status(State.CANCELLED, 143, "asked to stop (SIGTERM)")
    another.stop(NAME)
    another.kill(NAME)
    assert another.status(NAME).state is State.CANCELLED


def test_a_kill_ends_it_at_once(executor: DockerExecutor, tmp_path: Path) -> None:
    executor.start(workload(tmp_path, WAITS))
    wait_for_log(executor, b"waiting")
    executor.kill(NAME)
    reason = "it was killed (SIGKILL), or the engine's machine went down"
    assert executor.status(NAME) == Status(State.FAILED, 137, reason)


def test_a_script_that_overruns_its_limit_is_killed_though_nobody_watches(
    executor: DockerExecutor, tmp_path: Path
) -> None:
    executor.start(workload(tmp_path, WAITS, limit_seconds=1.0))
    assert ended(executor) == Status(State.FAILED, 124, "the time limit of 1 s was over")


def test_another_user_than_root_may_write_what_it_must(commands: Callable[..., DockerExecutor], tmp_path: Path) -> None:
    executor = commands(user="1000:1000")
    executor.start(workload(tmp_path, "import os; open('mine', 'w').write(f'{os.getuid()}:{os.getgid()}')"))
    assert ended(executor) == Status(State.COMPLETE, 0)
    assert fetched(executor, tmp_path / "there") == {"mine": b"1000:1000"}


HOARDS_IN_A_CHILD = """
import subprocess, sys
if subprocess.run([sys.executable, "-c", "b'x' * (1 << 30)"]).returncode:
    sys.exit(3)
"""
CONTAINED = {
    "fork bomb": (
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n",
        "the time limit of 1 s was over|it ran out of memory at 64.0 MiB: raise `docker.memory` in jobs.yaml",
    ),
    "memory hog": (
        "hoard = []\nwhile True:\n    hoard.append(b'x' * (1 << 20))\n",
        "it ran out of memory at 64.0 MiB: raise `docker.memory` in jobs.yaml",
    ),
    "memory hog among its processes": (
        HOARDS_IN_A_CHILD,
        "it ran out of memory at 64.0 MiB: raise `docker.memory` in jobs.yaml",
    ),
    "scratch beyond the memory": (
        "import itertools\nfor number in itertools.count():\n    open(f'/tmp/{number}', 'wb').write(bytes(1 << 20))\n",
        "it ran out of memory at 64.0 MiB: raise `docker.memory` in jobs.yaml",
    ),
    "one file beyond the limit": (
        "file = open('big', 'wb')\nwhile True:\n    file.write(bytes(1 << 20))\n",
        r"exit code 1: OSError: \[Errno 27\] File too large",
    ),
    "many files beyond the limit": (
        # Not without end: a busy disk would keep it all in memory, which ends first.
        "import time\nfor number in range(25):\n    open(f'{number}', 'wb').write(bytes(1 << 20))\ntime.sleep(600)\n",
        "the files in /kaggle/working outgrew 0.0209715 GB",
    ),
    "the network": (
        "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=5)\n",
        r"exit code 1: OSError: \[Errno 101\] Network is unreachable",
    ),
    "a link out of its folder": (
        "import os\nos.symlink('/etc', 'etc')\nopen('etc/passwd', 'a')\n",
        r"exit code 1: OSError: \[Errno 30\] Read-only file system: 'etc/passwd'",
    ),
    "its own entry": (
        "import os, signal\nos.kill(1, signal.SIGKILL)\nos.kill(1, signal.SIGSTOP)\nraise SystemExit('it lives')\n",
        "exit code 1: it lives",
    ),
}


@pytest.mark.parametrize("attack", CONTAINED)
def test_what_a_script_does_stays_in_its_container_and_is_told_in_a_sentence(
    executor: DockerExecutor, engine: docker.DockerClient, tmp_path: Path, attack: str
) -> None:
    script, sentence = CONTAINED[attack]
    # The others end by themselves, however long the machine takes to start them.
    executor.start(workload(tmp_path, script, limit_seconds=1.0 if attack == "fork bomb" else 2.0 * PATIENCE_SECONDS))
    status = ended(executor)
    assert status.state is State.FAILED
    assert status.reason is not None
    assert re.fullmatch(sentence, status.reason)
    arrived = fetched(executor, tmp_path / "there")
    assert sum(map(len, arrived.values())) <= 20 * MEBIBYTE
    assert engine.ping()


def test_files_that_take_no_room_are_not_fetched_beyond_the_limit(executor: DockerExecutor, tmp_path: Path) -> None:
    script = "for number in range(5):\n    open(f'{number}', 'wb').truncate(19 << 20)\n"
    executor.start(workload(tmp_path, script))
    assert ended(executor).state is State.COMPLETE
    assert [len(each) for each in fetched(executor, tmp_path / "there").values()] == [19 * MEBIBYTE]


def test_a_missing_image_is_told_and_nothing_stays_behind(
    commands: Callable[..., DockerExecutor], engine: docker.DockerClient, tmp_path: Path
) -> None:
    with pytest.raises(RefusedError, match=r"image kaggle-relay:none: is not there; run `make image PROFILE=none`"):
        commands(image="kaggle-relay:none").start(workload(tmp_path, WAITS))
    assert left_behind(engine, tmp_path) == []


def test_an_engine_that_is_not_there_has_started_nothing(
    commands: Callable[..., DockerExecutor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the SDK leaves the socket that found nobody to the collector
        patch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
        with pytest.raises(RefusedError, match="gives no answer"):
            commands().start(workload(tmp_path, WAITS))
        with pytest.raises(BackendUnreachableError, match="gives no answer"):
            commands().has(NAME)
        gc.collect()


def test_an_engine_that_falls_silent_may_have_started_it(
    executor: DockerExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def falls_silent(_workload: Workload) -> bool:
        raise requests.exceptions.ReadTimeout("timed out")

    monkeypatch.setattr(executor, "_submit", falls_silent)
    with pytest.raises(BackendUnreachableError, match="gives no answer"):
        executor.start(workload(tmp_path, WAITS))


def test_what_the_engine_does_not_take_is_told_and_nothing_stays_behind(
    commands: Callable[..., DockerExecutor], engine: docker.DockerClient, tmp_path: Path
) -> None:
    with pytest.raises(RefusedError, match=r"refuses: .*memory limit"):
        commands(memory=1).start(workload(tmp_path, WAITS))
    assert left_behind(engine, tmp_path) == []


@pytest.fixture
def without_gpu(engine: docker.DockerClient) -> None:
    if "nvidia" in engine.info().get("Runtimes", {}):
        pytest.skip("this engine may have a GPU")


@pytest.mark.usefixtures("without_gpu")
def test_a_gpu_that_is_needed_and_missing_is_told_and_nothing_stays_behind(
    executor: DockerExecutor, engine: docker.DockerClient, tmp_path: Path
) -> None:
    with pytest.raises(
        RefusedError, match=r"has no GPU for the session \(could not select device driver .*device: cpu"
    ):
        executor.start(workload(tmp_path, WAITS, gpu=True))
    assert left_behind(engine, tmp_path) == []
    assert not executor.has(NAME)


@pytest.mark.usefixtures("without_gpu")
def test_a_gpu_that_is_optional_and_missing_is_done_without(
    commands: Callable[..., DockerExecutor], tmp_path: Path, told: list[str]
) -> None:
    executor = commands(gpu_is_optional=True)
    executor.start(workload(tmp_path, "print('done')", gpu=True))
    assert ended(executor) == Status(State.COMPLETE, 0)
    assert len(told) == 1
    assert "no GPU" in told[0]


def test_what_was_never_started_or_is_gone_is_lost(
    executor: DockerExecutor, engine: docker.DockerClient, tmp_path: Path
) -> None:
    calls = (executor.status, executor.stop, executor.kill, lambda name: executor.logs(name, 0))
    executor.remove(NAME)
    for call in calls:
        with pytest.raises(SessionLostError, match=rf"its container relay-{NAME}-.* is gone"):
            call(NAME)
    with pytest.raises(SessionLostError):
        executor.fetch(NAME, tmp_path / "nowhere")
    with pytest.raises(NotFound):
        engine.containers.get(container_names(tmp_path / "root").container(NAME))
