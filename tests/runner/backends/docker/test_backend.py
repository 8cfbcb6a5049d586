"""Sessions in containers: what a job asks of them, and the seven calls on a real engine."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import Package
from contract.errors import InputError, SessionLostError
from contract.states import State
from contract.storage import files, layout
from executors.base import Status
from executors.docker.limits import DockerSettings
from job.model import session_part
from runner.backends.docker.backend import DockerBackend, container_settings
from runner.backends.on_executor import KILL_GRACE_SECONDS
from runner.layout import RunsFolder
from tests.engine import image
from tests.runner.conftest import INPUTS, job_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from runner.layout import SessionFolder

KEY = "fedcba9876543210" * 4
PATIENCE_SECONDS = 240
LEAVES_FILES = """
from pathlib import Path
print(*sorted(each.name for each in Path("/kaggle/input").rglob("*")))
with open("starts", "a") as file:
    file.write("started ")
"""
STOPS = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
print("waiting")
time.sleep(600)
"""


def session(root: Path, script: str = "", **changes: Any) -> SessionFolder:
    """A package of a job, whose script is `script`."""
    folder = RunsFolder(root).session("cart", 1)
    job = job_json(**changes)
    files.write_json(folder.payload / layout.JOB_FILE, session_part(job))
    Package(key=KEY, job=job, inputs=INPUTS, files={}).write(folder.package_json)
    folder.script.write_text(script, encoding="utf-8")
    return folder


def test_a_job_that_asks_for_nothing_gets_what_kaggle_gives_and_a_gpu_where_there_is_one() -> None:
    assert container_settings(job_json()) == DockerSettings(gpu_is_optional=True)


def test_a_job_decides_on_its_container() -> None:
    wanted = {"image": "mine:1", "memory": "8g", "cpus": 2, "shm": "64m", "user": "1000:1000"}
    assert container_settings(job_json(docker=wanted, device="cuda")) == DockerSettings(
        image="mine:1", memory=8 << 30, cpus=2.0, shm=64 << 20, user="1000:1000", gpu_is_optional=False
    )


def test_a_gpu_and_an_image_without_cuda_are_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        DockerBackend(tmp_path / "docker").submit(session(tmp_path, device="cuda"), KEY)
    assert str(raised.value) == (
        "job cart: device: cuda, but kaggle-relay:cpu has no CUDA build of torch; "
        "set `docker: {image: kaggle-relay:cuda}` in jobs.yaml (`make image PROFILE=cuda`), or `device: auto`"
    )


@pytest.mark.parametrize(("device", "gpu"), [("cpu", False), ("auto", True), ("cuda", True)])
def test_a_gpu_is_used_when_the_job_leaves_it_open_or_asks(tmp_path: Path, device: str, *, gpu: bool) -> None:
    given = DockerBackend(tmp_path / "docker").workload(session(tmp_path, device=device), KEY)
    assert given.gpu is gpu


def test_the_network_and_the_limit_are_the_jobs(tmp_path: Path) -> None:
    backend = DockerBackend(tmp_path / "docker")
    given = backend.workload(session(tmp_path, session_limit="1h"), KEY)
    assert given.internet is False
    assert given.limit_seconds == 3600 + KILL_GRACE_SECONDS
    assert given.inputs == {"cart": RunsFolder(tmp_path).session("cart", 1).payload}
    assert backend.workload(session(tmp_path, internet=True), KEY).internet is True


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Callable[[], DockerBackend]]:
    """Opens the backend, as each command does; what is left of the session ends with the test."""
    image()
    opened: list[DockerBackend] = []

    def open_backend() -> DockerBackend:
        opened.append(DockerBackend(tmp_path / "docker"))
        return opened[-1]

    yield open_backend
    open_backend().release(KEY)
    for backend in opened:
        backend.executor.close()


def with_image(**changes: Any) -> dict[str, Any]:
    return {"docker": {"image": image(), "memory": "256m"}, "device": "cpu", **changes}


def ended(backend: DockerBackend) -> Status:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (status := backend.status(KEY)).state.is_terminal:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return status


def test_a_session_runs_once_and_is_found_fetched_and_forgotten_by_other_commands(
    commands: Callable[[], DockerBackend], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = session(tmp_path, LEAVES_FILES, **with_image())
    assert commands().find(KEY) is None
    assert commands().submit(folder, KEY) == KEY
    assert "of memory, no GPU, no network" in capsys.readouterr().out
    assert commands().find(KEY) == KEY
    assert commands().submit(folder, KEY) == KEY
    backend = commands()
    assert ended(backend) == Status(State.COMPLETE, 0)
    assert backend.logs(KEY, 0) == b"cart job.json\n"
    backend.fetch(KEY, tmp_path / "there")
    assert (tmp_path / "there" / "starts").read_text(encoding="utf-8") == "started "
    assert json.loads((folder.payload / layout.JOB_FILE).read_text(encoding="utf-8"))["name"] == "cart"
    backend.release(KEY)
    assert backend.find(KEY) is None
    with pytest.raises(SessionLostError):
        backend.status(KEY)
    assert not (tmp_path / "docker").exists()  # nothing of it was ever on this machine


def test_a_session_is_cancelled_by_a_signal(commands: Callable[[], DockerBackend], tmp_path: Path) -> None:
    commands().submit(session(tmp_path, STOPS, **with_image()), KEY)
    backend = commands()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while b"waiting" not in backend.logs(KEY, 0):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    backend.cancel(KEY)
    assert ended(backend) == Status(State.CANCELLED, 143, "asked to stop (SIGTERM)")
