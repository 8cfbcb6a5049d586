"""The official client's commands, each a process: where it can be a fork of one that has read its libraries."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Run = Callable[[Sequence[str], Mapping[str, str], Path], subprocess.CompletedProcess[str]]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120.0
_LIBRARIES = ["bleach", "dotenv", "google.protobuf.field_mask_pb2", "kagglesdk", "requests", "slugify", "tqdm"]
"""Not the client itself: it looks who its user is when it is imported."""


def run(arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "kaggle", *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@contextlib.contextmanager
def runner() -> Iterator[Run]:
    """What runs commands, some tenths of a second quicker each: on Linux, as elsewhere such a fork is not safe."""
    if sys.platform != "linux":
        yield run
        return
    from multiprocessing import forkserver  # noqa: PLC0415 - not every system has it

    forks = multiprocessing.get_context("forkserver")
    _stop_server()  # one that other tests began
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        forks.set_forkserver_preload([*_LIBRARIES, __name__])
        forkserver.ensure_running()
    number = 0

    def run_as_fork(
        arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> subprocess.CompletedProcess[str]:
        nonlocal number
        number += 1
        out, err = (Path(said, f"{number}.{name}") for name in ("out", "err"))
        process = forks.Process(target=_be_the_client, args=(list(arguments), dict(environment), folder, out, err))
        process.start()
        process.join(PATIENCE_SECONDS)
        assert process.exitcode is not None, f"kaggle {' '.join(arguments)} does not end"
        return subprocess.CompletedProcess(
            list(arguments), process.exitcode, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
        )

    try:
        with tempfile.TemporaryDirectory() as said:
            yield run_as_fork
    finally:
        _stop_server()  # else it lives as long as pytest


def _stop_server() -> None:
    from multiprocessing import forkserver  # noqa: PLC0415 - not every system has it

    vars(forkserver)["_forkserver"]._stop()  # noqa: SLF001 - there is no other way


def _be_the_client(arguments: list[str], environment: dict[str, str], folder: Path, out: Path, err: Path) -> None:
    for file, stream in ((out, sys.stdout), (err, sys.stderr)):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, stream.fileno())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    sys.argv = ["kaggle", *arguments]
    runpy.run_module("kaggle", run_name="__main__", alter_sys=True)
