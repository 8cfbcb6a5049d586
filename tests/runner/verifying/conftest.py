"""The project that is broken and looked at, trained once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from contract.storage import files
from restore.integrity import inspect_checkpoint
from runner.verifying import store
from tests.runner.verifying.places import trained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contract.documents.session import CheckpointRecord, FileEntry


@pytest.fixture(autouse=True, scope="session")
def each_model_is_inspected_once() -> Iterator[None]:
    """Spare the tests that look at copies of the same sound models most of the time."""
    known: dict[tuple[str, str, str | None], CheckpointRecord] = {}

    def inspected(path: Path, *, job: str | None, expected: FileEntry | None, max_bytes: int) -> CheckpointRecord:
        key = (path.name, files.sha256_of_file(path), expected.sha256 if expected is not None else None)
        if key not in known:
            known[key] = inspect_checkpoint(path, job=job, expected=expected, max_bytes=max_bytes)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "inspect_checkpoint", inspected)
        yield


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, in the folder that all workers of a test run share; nobody writes in it."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    root = shared / "walking" / "a project"
    with FileLock(shared / "walking.lock"):
        if not root.exists():
            trained(root)
    return root
