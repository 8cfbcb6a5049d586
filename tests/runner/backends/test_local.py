"""Sessions as real detached processes, each in its sandbox."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from contract.documents.runs import Package
from contract.errors import BackendError, SessionLostError
from contract.states import State
from contract.storage.files import TEMPORARY_PREFIX, link_or_copy, sha256_of_bytes, write_bytes
from contract.storage.layout import segment_name
from executors import local, local_launcher
from executors.base import Status
from runner.backends.local import LocalBackend
from runner.backends.on_executor import KILL_GRACE_SECONDS
from runner.layout import RunsFolder, SessionFolder
from tests.runner.conftest import INPUTS, job_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "0123456789abcdef" * 4
PATIENCE_SECONDS = 240
WINDOWS_LACKS_THEM = "Windows has neither these signals nor these files"
ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason=WINDOWS_LACKS_THEM)

LEAVES_FILES = """
import json, os
from pathlib import Path

working = Path(os.environ["RELAY_WORKING"])
assert Path.cwd() == working
with (working / "starts.txt").open("a") as starts:
    starts.write("started\\n")
(working / "checkpoints").mkdir()
(working / "checkpoints" / "one.zip").write_bytes(b"one")
(working / "seen.json").write_text(json.dumps({
    "input": sorted(path.name for path in Path(os.environ["RELAY_INPUT"]).rglob("*")),
    "kaggle": os.environ["KAGGLE_KERNEL_RUN_TYPE"],
    "temporary": os.environ["TMPDIR"],
    "session": os.getsid(0) if hasattr(os, "getsid") else None,
}))
print("hello: 交通")
"""
WAITS = "import time\nprint('waiting')\ntime.sleep(600)\n"
STOPS_ON_REQUEST = """
import os, signal, sys, time
from pathlib import Path

signal.signal(signal.SIGTERM, lambda *_: None)
print("waiting")
while not Path(os.environ["RELAY_STOP_FILE"]).exists():
    time.sleep(0.01)
sys.exit(128 + signal.SIGTERM)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of all sandboxes."""
    return tmp_path / "the sandboxes"


@pytest.fixture
def commands(root: Path) -> Iterator[Callable[[], LocalBackend]]:
    """Opens the backend, as each command does; whatever still runs ends with the test."""
    opened: list[LocalBackend] = []

    def open_backend() -> LocalBackend:
        opened.append(LocalBackend(root))
        return opened[-1]

    yield open_backend
    for process in processes_in(root):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    for each in opened:
        for child in each.executor._children:  # noqa: SLF001 - which it leaves behind on purpose
            child.wait(PATIENCE_SECONDS)
        for sandbox in root.glob("*"):
            each.executor.remove(sandbox.name)


@pytest.fixture
def backend(commands: Callable[[], LocalBackend]) -> LocalBackend:
    """The backend of one command."""
    return commands()


def processes_in(folder: Path) -> list[psutil.Process]:
    """The processes that were started for a sandbox in `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(folder) in argument for argument in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def session(tmp_path: Path, script: str) -> SessionFolder:
    """A package whose script is `script`."""
    folder = RunsFolder(tmp_path).session("cart", 1)
    folder.payload.mkdir(parents=True)
    (folder.payload / "payload.json").write_text("{}", encoding="utf-8")
    Package(key=KEY, job=job_json(session_limit="1h"), inputs=INPUTS, files={}).write(folder.package_json)
    folder.script.write_text(script, encoding="utf-8")
    return folder


def test_a_session_that_does_not_end_is_killed_a_minute_after_its_limit(backend: LocalBackend, tmp_path: Path) -> None:
    assert backend.workload(session(tmp_path, ""), KEY).limit_seconds == 3600 + KILL_GRACE_SECONDS


def ended(backend: LocalBackend, handle: str = KEY) -> Status:
    """The status once the session has ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (status := backend.status(handle)).state.is_terminal:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return status


def wait_for_log(backend: LocalBackend, text: bytes) -> None:
    """Until the session has printed `text`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while text not in backend.logs(KEY, 0):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def sandbox_of(root: Path) -> Path:
    """The sandbox of the only session."""
    return root / KEY[:16]


def started_pid(root: Path) -> int:
    """The process of the only session."""
    document = json.loads((sandbox_of(root) / local_launcher.STARTED_FILE).read_text(encoding="utf-8"))
    return int(document["pid"])


def temporary_folder_of(root: Path) -> Path:
    """Where the only session's temporary files lie."""
    orders = json.loads((sandbox_of(root) / local_launcher.ORDERS_FILE).read_text(encoding="utf-8"))
    return pathlib.Path(orders["temporary"])


def test_a_session_runs_to_its_end_and_what_it_left_is_fetched(
    backend: LocalBackend, root: Path, tmp_path: Path
) -> None:
    assert backend.find(KEY) is None
    handle = backend.submit(session(tmp_path, LEAVES_FILES), KEY)
    assert backend.find(KEY) == handle == KEY
    assert ended(backend) == Status(State.COMPLETE, 0)
    log = backend.logs(handle, 0)
    assert log.decode() == "hello: 交通\n"
    assert backend.logs(handle, 6) == log[6:]
    assert backend.logs(handle, len(log)) == b""
    target = tmp_path / "artifacts"
    target.mkdir()
    backend.fetch(handle, target)
    names = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    assert names == ["checkpoints/one.zip", "seen.json", "starts.txt"]
    seen = json.loads((target / "seen.json").read_text(encoding="utf-8"))
    assert seen["input"] == ["cart", "payload.json"]
    assert seen["kaggle"] == "Batch"
    assert seen["temporary"] == str(temporary_folder_of(root))
    assert not temporary_folder_of(root).is_relative_to(root)
    assert backend.find(KEY) == handle  # an end is no reason to submit it again
    temporary = temporary_folder_of(root)
    backend.release(handle)
    assert not sandbox_of(root).exists()
    assert not temporary.exists()
    backend.release(handle)
    assert backend.find(KEY) is None


@ON_POSIX
def test_temporary_files_are_closed_to_others_and_their_folder_is_never_one_that_was_there(
    backend: LocalBackend, root: Path, tmp_path: Path
) -> None:
    handle = backend.submit(session(tmp_path, LEAVES_FILES), KEY)
    assert ended(backend) == Status(State.COMPLETE, 0)
    assert stat.S_IMODE(temporary_folder_of(root).stat().st_mode) == stat.S_IRWXU
    with pytest.raises(FileExistsError):
        local_launcher.make_temporary(sandbox_of(root), {"temporary": str(temporary_folder_of(root))})
    backend.release(handle)


def test_a_session_outlives_the_command_and_the_terminal_that_started_it(
    commands: Callable[[], LocalBackend], backend: LocalBackend, root: Path, tmp_path: Path
) -> None:
    if sys.platform == "win32":
        pytest.skip(WINDOWS_LACKS_THEM)
    backend.submit(session(tmp_path, WAITS), KEY)
    wait_for_log(backend, b"waiting")
    pid = started_pid(root)
    assert os.getsid(pid) == pid != os.getsid(0)
    # Another command knows of it by its files alone.
    another = commands()
    assert another.find(KEY) == KEY
    assert another.status(KEY) == Status(State.RUNNING)


def test_two_submissions_of_one_key_start_one_session(
    commands: Callable[[], LocalBackend], root: Path, tmp_path: Path
) -> None:
    folder, backend = session(tmp_path, LEAVES_FILES), commands()
    for each in (backend, commands(), backend):
        each.submit(folder, KEY)
    assert ended(backend).state is State.COMPLETE
    for launcher in processes_in(root):
        launcher.wait(PATIENCE_SECONDS)
    assert (sandbox_of(root) / local_launcher.WORKING / "starts.txt").read_text(encoding="utf-8") == "started\n"
    assert backend.logs(KEY, 0).count(b"hello") == 1


def test_a_sandbox_is_claimed_once(tmp_path: Path) -> None:
    assert [local_launcher.claim(tmp_path) for _ in range(3)] == [True, False, False]


def test_a_killed_process_is_a_failure_with_a_reason(backend: LocalBackend, root: Path, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip(WINDOWS_LACKS_THEM)
    backend.submit(session(tmp_path, WAITS), KEY)
    wait_for_log(backend, b"waiting")
    os.kill(started_pid(root), signal.SIGKILL)
    status = ended(backend)
    assert (status.state, status.exit_code) == (State.FAILED, None)
    assert status.reason == "its process ended without a record: killed, out of memory, or the machine went down"
    assert backend.find(KEY) == KEY


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("raise SystemExit(3)\n", Status(State.FAILED, 3, "exit code 3")),
        ("raise SystemExit('the input is not mounted')\n", Status(State.FAILED, 1, "the input is not mounted")),
        ("1 / 0\n", Status(State.FAILED, 1, "exit code 1")),
        ("raise SystemExit\n", Status(State.COMPLETE, 0)),
        ("raise SystemExit(143)\n", Status(State.CANCELLED, 143, "asked to stop (SIGTERM)")),
        ("raise SystemExit(130)\n", Status(State.CANCELLED, 130, "asked to stop (SIGINT)")),
    ],
)
def test_how_a_script_ends_is_recorded(backend: LocalBackend, tmp_path: Path, script: str, status: Status) -> None:
    backend.submit(session(tmp_path, script), KEY)
    assert ended(backend) == status


def test_an_error_of_the_script_is_in_the_log(backend: LocalBackend, tmp_path: Path) -> None:
    backend.submit(session(tmp_path, "1 / 0\n"), KEY)
    ended(backend)
    assert b"ZeroDivisionError: division by zero" in backend.logs(KEY, 0)


def test_cancelling_asks_by_a_file_however_often(backend: LocalBackend, tmp_path: Path) -> None:
    backend.submit(session(tmp_path, STOPS_ON_REQUEST), KEY)
    wait_for_log(backend, b"waiting")
    backend.cancel(KEY)
    backend.cancel(KEY)
    assert ended(backend).state in {State.CANCELLED, State.FAILED}
    backend.cancel(KEY)  # of one that has ended asks nobody


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any session."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def test_a_process_number_that_was_given_away_again_is_not_taken_for_the_session(
    backend: LocalBackend, root: Path, tmp_path: Path, bystander: subprocess.Popen[bytes]
) -> None:
    if sys.platform == "win32":
        pytest.skip(WINDOWS_LACKS_THEM)
    backend.submit(session(tmp_path, WAITS), KEY)
    wait_for_log(backend, b"waiting")
    os.kill(started_pid(root), signal.SIGKILL)
    ended(backend)
    started = sandbox_of(root) / local_launcher.STARTED_FILE
    started.write_text(json.dumps({"pid": bystander.pid}), encoding="utf-8")
    assert backend.status(KEY).state is State.FAILED
    backend.cancel(KEY)
    assert bystander.poll() is None


@ON_POSIX
def test_a_launcher_of_another_sandbox_is_not_taken_for_the_session(
    backend: LocalBackend, root: Path, tmp_path: Path
) -> None:
    folder = session(tmp_path, WAITS)
    backend.submit(folder, KEY)
    wait_for_log(backend, b"waiting")
    other = root / ("f" * 16)
    other.mkdir()
    (other / local_launcher.STARTED_FILE).write_text(json.dumps({"pid": started_pid(root)}), encoding="utf-8")
    assert backend.status("f" * 64).state is State.FAILED
    assert backend.status(KEY).state is State.RUNNING


@pytest.fixture
def laid_out(backend: LocalBackend, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sandbox of a session whose command was killed before it started the process."""

    class KilledError(Exception):
        pass

    def killed(*_: object, **__: object) -> None:
        raise KilledError

    folder = session(tmp_path, LEAVES_FILES)
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", killed)
        with pytest.raises(KilledError):
            backend.submit(folder, KEY)
    return sandbox_of(root)


def test_a_sandbox_without_a_process_is_no_submission_and_takes_the_next_one(
    backend: LocalBackend, laid_out: Path, tmp_path: Path
) -> None:
    assert backend.find(KEY) is None
    backend.submit(RunsFolder(tmp_path).session("cart", 1), KEY)
    assert ended(backend).state is State.COMPLETE
    assert (laid_out / local_launcher.WORKING / "starts.txt").read_text(encoding="utf-8") == "started\n"


def test_a_process_that_is_about_to_start_is_found(backend: LocalBackend, laid_out: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", local_launcher.__file__, str(laid_out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as starting:
        assert backend.find(KEY) == KEY
        assert backend.status(KEY) == Status(State.RUNNING)
        starting.communicate()
    assert backend.find(KEY) is None


def test_a_process_that_never_starts_is_a_failure_in_the_end(
    backend: LocalBackend, laid_out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "START_PATIENCE_SECONDS", 0.0)
    assert laid_out.exists()
    assert backend.status(KEY).state is State.FAILED


def test_a_sandbox_that_was_half_laid_out_is_laid_out_anew(backend: LocalBackend, root: Path, tmp_path: Path) -> None:
    half = root / f"{KEY[:16]}.building" / local_launcher.INPUT / "cart"
    half.mkdir(parents=True)
    (half / "half.json").write_text("{", encoding="utf-8")
    (half / "half.json").chmod(stat.S_IREAD)
    assert backend.find(KEY) is None
    backend.submit(session(tmp_path, LEAVES_FILES), KEY)
    assert ended(backend).state is State.COMPLETE
    seen = (sandbox_of(root) / local_launcher.WORKING / "seen.json").read_text(encoding="utf-8")
    assert json.loads(seen)["input"] == ["cart", "payload.json"]


def test_the_input_is_read_only(backend: LocalBackend, root: Path, tmp_path: Path) -> None:
    backend.submit(session(tmp_path, LEAVES_FILES), KEY)
    ended(backend)
    (mounted,) = (sandbox_of(root) / local_launcher.INPUT / "cart").iterdir()
    for path in (mounted, sandbox_of(root) / local_launcher.SCRIPT):
        assert not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)


def test_links_special_files_and_half_written_ones_are_not_fetched(
    backend: LocalBackend, root: Path, tmp_path: Path
) -> None:
    if sys.platform == "win32":
        pytest.skip(WINDOWS_LACKS_THEM)
    backend.submit(session(tmp_path, LEAVES_FILES), KEY)
    ended(backend)
    working = sandbox_of(root) / local_launcher.WORKING
    secret = tmp_path / "secrets" / "token"
    secret.parent.mkdir()
    secret.write_text("secret", encoding="utf-8")
    (working / "link").symlink_to(secret)
    (working / "folder").symlink_to(secret.parent)
    (working / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(working / "pipe")
    (working / f"{TEMPORARY_PREFIX}half").write_bytes(b"half")
    target = tmp_path / "artifacts"
    target.mkdir()
    left = backend.fetch(KEY, target)
    names = {path.relative_to(target).as_posix() for path in target.rglob("*")}
    assert names == {"checkpoints", "checkpoints/one.zip", "seen.json", "starts.txt"}
    assert list(left) == [f"{name}: not a plain file" for name in ("dangling", "folder", "link", "pipe")]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_not_every_system_has_stay_behind_and_are_named(
    backend: LocalBackend, root: Path, tmp_path: Path
) -> None:
    backend.submit(session(tmp_path, LEAVES_FILES), KEY)
    ended(backend)
    working = os.fsencode(sandbox_of(root) / local_launcher.WORKING)
    odd = [b"caf\xe9.txt", b"a\nb", b"what?", b"aux", b"back\\slash", b"end."]
    for name in odd:
        with open(working + b"/" + name, "wb"):  # noqa: PTH123 - pathlib has no names in bytes
            pass
    os.mkdir(working + b"/d\xe9")  # noqa: PTH102 - as above
    with open(working + b"/d\xe9/inside", "wb"):  # noqa: PTH123 - as above
        pass
    target = tmp_path / "artifacts"
    target.mkdir()
    left = backend.fetch(KEY, target)
    names = {path.relative_to(target).as_posix() for path in target.rglob("*")}
    assert names == {"checkpoints", "checkpoints/one.zip", "seen.json", "starts.txt"}
    assert len(left) == len(odd) + 1
    assert "caf\\udce9.txt: no name that every system has" in left


def test_a_fetch_that_was_cut_off_is_gone_on_with(backend: LocalBackend, tmp_path: Path) -> None:
    backend.submit(session(tmp_path, LEAVES_FILES), KEY)
    ended(backend)
    target = tmp_path / "artifacts"
    (target / "checkpoints").mkdir(parents=True)
    (target / "checkpoints" / "one.zip").write_bytes(b"half")
    backend.fetch(KEY, target)
    assert (target / "checkpoints" / "one.zip").read_bytes() == b"one"


# Replay segments: gigabytes, which are linked and not copied.

LEAVES_SEGMENT = """
import hashlib, os
from pathlib import Path

(given,) = Path(os.environ["RELAY_INPUT"]).rglob("*.segment")
folder = Path(os.environ["RELAY_WORKING"]) / "checkpoints" / "replay"
folder.mkdir(parents=True)
os.link(given, folder / given.name)
content = given.read_bytes() + b" and more"
(folder / f"{hashlib.sha256(content).hexdigest()}.segment").write_bytes(content)
(folder / "notes.txt").write_bytes(b"no segment")
(folder / ".relay-tmp-half").write_bytes(b"half")
"""


def named(content: bytes) -> str:
    """The file name of a segment."""
    return segment_name(sha256_of_bytes(content))


@pytest.fixture
def with_segment(tmp_path: Path) -> SessionFolder:
    """A package with a segment that is a second name of the parent's artifact."""
    folder = session(tmp_path, LEAVES_SEGMENT)
    artifact = tmp_path / "parent" / "checkpoints" / "replay" / named(b"rows")
    write_bytes(artifact, b"rows")
    link_or_copy(artifact, folder.payload / "replay" / artifact.name)
    return folder


def test_a_segment_goes_into_the_sandbox_and_out_of_it_without_a_copy(
    backend: LocalBackend, root: Path, tmp_path: Path, with_segment: SessionFolder
) -> None:
    artifact = tmp_path / "parent" / "checkpoints" / "replay" / named(b"rows")
    mode = artifact.stat().st_mode
    backend.submit(with_segment, KEY)
    assert ended(backend).state is State.COMPLETE
    mounted = sandbox_of(root) / local_launcher.INPUT / "cart"
    assert (mounted / "replay" / artifact.name).samefile(artifact)
    target = tmp_path / "artifacts"
    backend.fetch(KEY, target)
    left = target / "checkpoints" / "replay"
    assert sorted(path.name for path in left.iterdir()) == sorted(
        [named(b"rows"), named(b"rows and more"), "notes.txt"]
    )
    assert (left / artifact.name).samefile(artifact)
    working = sandbox_of(root) / local_launcher.WORKING / "checkpoints" / "replay"
    assert (left / named(b"rows and more")).samefile(working / named(b"rows and more"))
    assert not (left / "notes.txt").samefile(working / "notes.txt")
    backend.release(KEY)
    assert not sandbox_of(root).exists()
    assert artifact.read_bytes() == b"rows"
    assert artifact.stat().st_mode == mode
    assert (left / named(b"rows and more")).read_bytes() == b"rows and more"


def test_the_input_of_a_session_with_segments_is_read_only_and_its_folders_can_be_entered(
    backend: LocalBackend, root: Path, with_segment: SessionFolder
) -> None:
    backend.submit(with_segment, KEY)
    ended(backend)
    mounted = sandbox_of(root) / local_launcher.INPUT / "cart"
    assert not (mounted / "payload.json").stat().st_mode & stat.S_IWUSR
    assert (mounted / "replay").stat().st_mode & stat.S_IXUSR


def test_where_there_are_no_links_segments_are_copied(
    backend: LocalBackend, tmp_path: Path, with_segment: SessionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(pathlib.Path, "hardlink_to", refused)
    backend.submit(with_segment, KEY)
    assert ended(backend).state is State.COMPLETE
    backend.fetch(KEY, tmp_path / "artifacts")
    left = tmp_path / "artifacts" / "checkpoints" / "replay"
    assert (left / named(b"rows")).read_bytes() == b"rows"
    assert not (left / named(b"rows")).samefile(with_segment.payload / "replay" / named(b"rows"))
    backend.release(KEY)
    assert backend.find(KEY) is None


@pytest.mark.parametrize(
    ("arrived", "kept"),
    [(b"rows and more", True), (b"rows and mor", False), (b"rows and mUre", False)],
)
def test_a_segment_that_has_arrived_is_kept_if_it_is_whole(
    backend: LocalBackend, tmp_path: Path, with_segment: SessionFolder, arrived: bytes, *, kept: bool
) -> None:
    backend.submit(with_segment, KEY)
    ended(backend)
    there = tmp_path / "artifacts" / "checkpoints" / "replay" / named(b"rows and more")
    write_bytes(there, arrived)
    number = there.stat().st_ino
    backend.fetch(KEY, tmp_path / "artifacts")
    assert there.read_bytes() == b"rows and more"
    assert (there.stat().st_ino == number) is kept


def test_a_session_whose_sandbox_is_gone_is_lost_and_not_unreachable(backend: LocalBackend, tmp_path: Path) -> None:
    for call in (
        lambda: backend.status(KEY),
        lambda: backend.logs(KEY, 0),
        lambda: backend.fetch(KEY, tmp_path),
        lambda: backend.cancel(KEY),
    ):
        with pytest.raises(SessionLostError, match=r"session 0123456789abcdef: its sandbox .* is gone"):
            call()
    assert issubclass(SessionLostError, BackendError)
