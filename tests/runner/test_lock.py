"""One worker to a job, across processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from contract.errors import JobHeldError
from runner.layout import RunsFolder
from runner.lock import held
from tests.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLDER = """
import sys
from pathlib import Path
from runner.layout import RunsFolder
from runner.lock import held

with held(RunsFolder(Path(sys.argv[1])), "cart", "doit resume:cart"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def runs(tmp_path: Path) -> RunsFolder:
    """An empty `runs/`."""
    return RunsFolder(tmp_path)


@pytest.fixture
def holder(runs: RunsFolder) -> Iterator[subprocess.Popen[str]]:
    """A second process that holds the job."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(runs.root)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_held_job_names_its_holder_in_one_sentence(runs: RunsFolder, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(JobHeldError) as caught, held(runs, "cart", "doit run_full"):
        pytest.fail("two processes hold the job")
    sentence = str(caught.value)
    assert sentence.startswith(f"job cart: is held by process {holder.pid} on ")
    assert "(`doit resume:cart`, since 20" in sentence
    assert sentence.endswith("; wait until it has ended")
    assert caught.value.exit_code == 1


def test_another_job_is_free(runs: RunsFolder, holder: subprocess.Popen[str]) -> None:
    with held(runs, "other", "doit run_full"):
        assert holder.poll() is None


def test_a_holder_that_is_killed_gives_the_job_back(runs: RunsFolder, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    with held(runs, "cart", "doit run_full"):
        assert f'"pid": {os.getpid()}' in runs.lock_holder("cart").read_text(encoding="utf-8")


def test_where_nothing_can_be_locked_that_is_one_sentence(runs: RunsFolder) -> None:
    runs.path.mkdir()
    runs.lock("cart").parent.write_bytes(b"in the way")
    told = r"job cart: cannot be held, since .*cart.lock cannot be locked \("
    with pytest.raises(JobHeldError, match=told), held(runs, "cart", "doit resume:cart"):
        raise AssertionError("held")


def test_a_holder_that_ends_in_an_error_gives_the_job_back(runs: RunsFolder) -> None:
    with contextlib.suppress(ZeroDivisionError), held(runs, "cart", "doit run_full"):
        raise ZeroDivisionError
    with held(runs, "cart", "doit run_full"):
        pass


@pytest.mark.parametrize("content", [None, "", "{", "{}"])
def test_a_holder_that_has_not_signed_yet_is_another_process(
    runs: RunsFolder, holder: subprocess.Popen[str], content: str | None
) -> None:
    runs.lock_holder("cart").unlink()
    if content is not None:
        runs.lock_holder("cart").write_text(content, encoding="utf-8")
    with pytest.raises(JobHeldError, match="is held by another process"), held(runs, "cart", "doit run_full"):
        pytest.fail("two processes hold the job")
    assert holder.poll() is None
