"""The project that is broken and looked at, trained once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from tests.runner.verifying.places import trained

if TYPE_CHECKING:
    from pathlib import Path


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
