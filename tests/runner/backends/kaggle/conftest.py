"""Sessions that need a fraction of a second, on an emulator that the tests of a module share."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import Parent
from contract.states import State
from contract.storage import files
from emulator.faults.rules import Kind, Rule
from emulator.store.values import KernelState
from runner.backends.base import Origin, Output, Provisions
from runner.backends.kaggle.api.settings import KaggleSettings
from runner.backends.kaggle.backend import KaggleBackend
from runner.layout import RunsFolder, SessionFolder
from runner.sources import SourceReader
from runner.stages import package as packaging
from tests.emulated import KEY, USER, EmulatedKaggle, emulated, from_a_wednesday
from tests.runner.conftest import INPUTS, asked, job_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from executors.base import Status
    from runner.stages.parent import ParentFiles

PATIENCE_SECONDS = 120.0
SETTINGS = KaggleSettings(poll=0.2, patience=30.0, timeout=30.0)
TRAINER = """
import hashlib
import json
import sys
import time
from pathlib import Path

given, left = Path(sys.argv[2]), Path(sys.argv[4])
payload = json.loads((given / "payload.json").read_text(encoding="utf-8"))
orders = json.loads((given / "orders.json").read_text(encoding="utf-8"))
print("begins", flush=True)
print(f"in {given}", flush=True)
time.sleep(orders.get("seconds", 0))
while "until" in orders and not Path(orders["until"]).exists():
    time.sleep(0.01)
(left / "checkpoints").mkdir()
listed = {}
for name, size in orders.get("leaves", {"checkpoints/a.zip": 1000}).items():
    content = (name.encode() * size)[:size]
    (left / name).parent.mkdir(parents=True, exist_ok=True)
    (left / name).write_bytes(content)
    listed[name] = {"bytes": size, "sha256": hashlib.sha256(content).hexdigest()}
(left / "extra.csv").write_text("not an artifact", encoding="utf-8")
manifest = {"format": 1, "key": payload["key"], "complete": orders.get("complete", True), "files": listed}
(left / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
for line in orders.get("prints", []):
    print(line, flush=True)
print("ends", flush=True)
time.sleep(orders.get("lingers", 0))
sys.exit(orders.get("exit_code", 0))
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedKaggle]:
    """One whose datasets are ready at once, with room for the sessions of many tests."""
    with emulated(tmp_path_factory.mktemp("emulator"), gpu_slots=50) as kaggle:
        yield kaggle


class Kaggle:
    """The emulator as a backend sees it, and sessions to give it.

    Args:
        emulator: which one.
        root: the project's folder.
    """

    def __init__(self, emulator: EmulatedKaggle, root: Path) -> None:
        self.emulator = emulator
        self.runs = RunsFolder(root)
        self.root = root
        self._opened: list[KaggleBackend] = []
        self._sources = root / "sources" / "trainer"
        self._sources.mkdir(parents=True)
        (self._sources / "__init__.py").write_text("", encoding="utf-8")
        (self._sources / "__main__.py").write_text(TRAINER, encoding="utf-8")

    def backend(self, **changes: Any) -> KaggleBackend:
        """A backend, as a new command makes one."""
        self._opened.append(KaggleBackend(self.runs.backend("kaggle"), replace(SETTINGS, **changes)))
        return self._opened[-1]

    def close(self) -> None:
        """Close what the backends have open."""
        for backend in self._opened:
            backend.close()

    def package(
        self,
        name: str,
        number: int = 1,
        parent: ParentFiles | None = None,
        settings: dict[str, Any] | None = None,
        parent_handle: str | None = None,
        **orders: Any,
    ) -> tuple[SessionFolder, str]:
        """A packaged session of job `name` and its key; `orders` tell its trainer what to do.

        It runs for `seconds`, and then until a file at the path `until` is there; what it left it prints
        about for another while (`prints`, `lingers`).
        """
        folder = self.runs.session(name, number)
        folder.path.mkdir(parents=True)
        job = job_json(name, backend="kaggle", kaggle={"accelerator": "NvidiaTeslaT4", **(settings or {})})
        output = Output("kaggle", parent_handle, State.COMPLETE, is_latest=True) if parent_handle else None
        origin = Origin(parent.size, output) if parent else None
        told = self.backend().provisions(job, origin).beside
        made_from = Parent(session=parent.session, timesteps=1, sha256=parent.sha256) if parent else None
        packaging.package(
            folder,
            job=job,
            request=asked(job=name, session=folder.number, parent=made_from),
            sources=SourceReader(self.root / "none.json").read((self._sources,)),
            inputs=INPUTS,
            parent=parent,
            provisions=Provisions({"orders.json": files.readable_json(orders)}, told),
        )
        return folder, str(files.read_json(folder.package_json)["key"])

    def fault(self, kind: str, call: str, **options: Any) -> None:
        """Let something go wrong from now on."""
        self.emulator.running.faults.add([Rule(kind=Kind(kind), call=call, **options)])

    def calls(self, name: str) -> int:
        """How often an RPC came since the test began."""
        calls: dict[str, int] = self.emulator.running.faults.as_json()["calls"]
        return sum(count for call, count in calls.items() if call.rpartition("/")[2] == name)

    def versions(self, slug: str) -> int:
        """How many versions of a kernel run or ran; the one that made it never does."""
        kernels = self.emulator.running.emulator.kernels
        kernel = kernels.find(USER, slug)
        versions = kernels.list_versions(kernel.id) if kernel else []
        return sum(version.state is not KernelState.NEW_SCRIPT for version in versions)


def follow(backend: KaggleBackend, handle: str) -> tuple[Status, bytes]:
    """The terminal status of a session, and all that it printed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    log = b""
    while True:
        status = backend.status(handle)
        log += backend.logs(handle, len(log))
        if status.state.is_terminal:
            return status, log
        assert time.monotonic() < deadline, status
        time.sleep(0.01)


@pytest.fixture
def kaggle(emulator: EmulatedKaggle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    """The emulator without faults, and this process in the environment of its user."""
    emulator.reached_by_commands(monkeypatch)
    emulator.running.faults.clear()
    with contextlib.closing(Kaggle(emulator, tmp_path / "a project")) as own:
        yield own
    emulator.running.faults.clear()


@contextlib.contextmanager
def own_kaggle(root: Path, monkeypatch: pytest.MonkeyPatch, **rules: Any) -> Iterator[Kaggle]:
    """An emulator of the test's own, with other rules than usual."""
    with emulated(root / "emulator", source=from_a_wednesday(), **rules) as server:
        server.reached_by_commands(monkeypatch)
        with contextlib.closing(Kaggle(server, root / "a project")) as own:
            yield own


def secrets_in(root: Path) -> list[str]:
    """The files below `root` that hold the name of the account or its key."""
    wanted = (USER.encode(), KEY.encode())
    found = [path for path in root.rglob("*") if path.is_file() and any(each in path.read_bytes() for each in wanted)]
    return [str(path.relative_to(root)) for path in found]
