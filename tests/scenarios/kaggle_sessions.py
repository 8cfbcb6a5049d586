"""Small sessions for the kaggle backend: a script that leaves three files, packaged by hand, and the way to its end."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contract.errors import BackendUnreachableError
from contract.states import State
from contract.storage import files, layout
from runner.backends.kaggle.api.settings import KaggleSettings
from runner.backends.kaggle.backend import KaggleBackend
from runner.backends.kaggle.kernels.metadata import METADATA_FILE
from runner.backends.kaggle.names import dataset_slug
from runner.layout import RunsFolder

if TYPE_CHECKING:
    from pathlib import Path

    from runner.layout import SessionFolder

FAILURES_BORNE = 3
QUICK = KaggleSettings(poll=0.05, patience=60.0, timeout=60.0)
"""Pauses of hundredths of seconds, and patience with a machine that has much else to do."""
LEFT = {"a_final.zip": b"final" * 40, "checkpoints/a_checkpoint_100_steps.zip": b"checkpoint" * 3000, "notes.txt": b""}

_SCRIPT = """
KEY = "{key}"
import hashlib, json, os, pathlib, time
working = pathlib.Path(os.environ["RELAY_WORKING"])
print("session of", KEY, flush=True)
while {until!r} and not os.path.exists({until!r}):
    time.sleep(0.01)
listed = dict()
for name, content in {left!r}.items():
    target = working / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    listed[name] = dict(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
manifest = dict(format=1, key=KEY, complete=True, files=listed)
(working / "manifest.json").write_text(json.dumps(manifest))
print("left", len(listed), "files", flush=True)
"""


class StillRunningError(Exception):
    """The session goes on, says Kaggle, long after it must have ended."""


@dataclass(frozen=True)
class Packaged:
    """A session that is ready to be submitted.

    Args:
        folder: the session's.
        slug: its kernel's.
        key: its key.
    """

    folder: SessionFolder
    slug: str
    key: str

    @property
    def sent(self) -> dict[str, int]:
        """What its dataset must hold, each file with its size."""
        listed = files.read_json(self.folder.payload / layout.PAYLOAD_FILE)["files"]
        size = (self.folder.payload / layout.PAYLOAD_FILE).stat().st_size
        names = {name: entry["bytes"] for name, entry in listed.items()}
        return {**names, layout.PAYLOAD_FILE: size, f"{self.key[:32]}.key": len(self.key) + 1}


def package(root: Path, job: str, number: int = 1, *, until: Path | None = None, gpu: bool = False) -> Packaged:
    """Session `number` of a job, which waits until a file is there before it leaves its own."""
    folder = RunsFolder(root).session(job, number)
    folder.payload.mkdir(parents=True)
    content = f"{job} {number}".encode() * 500
    (folder.payload / "job.json").write_bytes(content)
    listed = {"job.json": {"bytes": len(content), "sha256": files.sha256_of_bytes(content)}}
    key = files.sha256_of_value(listed)
    files.write_json(folder.payload / layout.PAYLOAD_FILE, {"format": 1, "key": key, "files": listed})
    slug = f"relay-{job}"
    files.write_json(folder.package / METADATA_FILE, _metadata(slug, gpu=gpu))
    folder.script.write_text(_SCRIPT.format(key=key, left=LEFT, until=str(until or "")), encoding="utf-8")
    return Packaged(folder, slug, key)


def packaged(root: Path, job: str, number: int) -> Packaged:
    """A session that is there."""
    folder = RunsFolder(root).session(job, number)
    slug = files.read_json(folder.package / METADATA_FILE)["id"]
    return Packaged(folder, slug, files.read_json(folder.payload / layout.PAYLOAD_FILE)["key"])


def _metadata(slug: str, *, gpu: bool) -> dict[str, Any]:
    return {
        "id": slug,
        "title": slug,
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": gpu,
        "enable_tpu": False,
        "enable_internet": False,
        "dataset_sources": [dataset_slug(slug)],
        "kernel_sources": [],
        "competition_sources": [],
        "model_sources": [],
        "keywords": [],
        "session_timeout_seconds": 600,
        **({"machine_shape": "NvidiaTeslaT4"} if gpu else {}),
    }


def new_backend(root: Path, settings: KaggleSettings = QUICK) -> KaggleBackend:
    """The backend as a new command has it.

    Args:
        root: its notes.
        settings: how long it waits for what.
    """
    return KaggleBackend(root, settings)


def bring_home(given: Packaged, notes: Path, settings: KaggleSettings = QUICK, patience: float = 120.0) -> str:
    """What a command does with a session: adopt or submit it, follow it, and fetch what it left; return its log.

    Args:
        given: the session.
        notes: of the backend.
        settings: see `new_backend`.
        patience: seconds after which the user gives up a session that goes on.

    Raises:
        BackendError: the backend says why it cannot.
        StillRunningError: there is no end in sight.
    """
    with new_backend(notes, settings) as backend:
        handle = backend.find(given.key) or backend.submit(given.folder, given.key)
        log = _follow(backend, handle, patience)
        backend.fetch(handle, given.folder.artifacts)
        return log


def _follow(backend: KaggleBackend, handle: str, patience: float) -> str:
    deadline = time.monotonic() + patience
    log = b""
    failures = 0
    while True:
        try:
            status = backend.status(handle)
            log += backend.logs(handle, len(log))
            failures = 0
            if status.state.is_terminal:
                assert status.state is State.COMPLETE, status
                return log.decode()
        except BackendUnreachableError:
            failures += 1
            if failures == FAILURES_BORNE:
                raise
        if time.monotonic() > deadline:
            raise StillRunningError(handle)
        time.sleep(0.03)


def brought(given: Packaged) -> dict[str, bytes]:
    """Every file that has been fetched, leftovers too, but for the manifest, which must be this session's."""
    folder = given.folder.artifacts
    manifest = json.loads((folder / layout.MANIFEST_FILE).read_text(encoding="utf-8"))
    assert manifest["key"] == given.key
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found.pop(layout.MANIFEST_FILE)
    return found
