"""A finished project on a disk that may only be read: what is asked is answered, and nothing has to be written."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.project import PATIENCE_SECONDS, Project, cart_pole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its folders are not protected by a mode")


def without_the_rights_of_root() -> list[str]:
    """What starts a command that has to keep to the modes of files, even if root runs the tests."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


@contextlib.contextmanager
def only_reading(project: Project) -> Iterator[Callable[..., str]]:
    """What runs a command for somebody who may read all of the project and write nothing of it."""
    places = [project.root, *(path for path in project.root.rglob("*") if not path.is_symlink())]
    modes = {path: path.stat().st_mode for path in places}

    def asked(*words: str) -> str:
        ended = subprocess.run(
            [*without_the_rights_of_root(), sys.executable, "-m", "doit", *words],
            cwd=project.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout
        return str(ended.stdout)

    for path in reversed(places):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield asked
    finally:
        for path in places:
            path.chmod(modes[path])


def test_a_finished_project_that_may_only_be_read_says_what_is_so(project: Project) -> None:
    project.write_jobs(cart=cart_pole(total_timesteps=64, save_freq=64))
    project.doit("run_full")
    with only_reading(project) as asked:
        run, done, status = asked("run_full", "status").partition("timesteps reached in session 0001")
        verified = asked("verify", "only=checkpoints,lineages")
    assert done
    assert "nothing to do: 64 of 64 " in run
    assert "validate" not in run
    assert "complete" in status
    assert "are as they were adopted" in verified
    for memory in project.root.glob(".doit.sqlite3*"):
        memory.unlink()
    with only_reading(project) as asked:
        again = asked("run_full")
    assert "validate  cart:0001" in again
    assert "cart: nothing to do: 64 of 64 timesteps reached" in again
