"""That a job has nothing to do is said again without reading anything, until anything that it was read from changes."""

from __future__ import annotations

import os
import shutil
import sys
import time
import types
from typing import TYPE_CHECKING

import pytest

from runner.doit.selection import select
from runner.lineage import Phase
from runner.planning import settled, settling
from runner.planning.decide import Nothing
from runner.planning.settled import said_again
from runner.workspace import Workspace
from tests.elsewhere import install_moon
from tests.project import cart_pole
from tests.runner.conftest import JobOnDisk, as_wanted, write_jobs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.planning.wanted import Profile

JOBS = ("cart", "pole")
SAID = [f"{job}: nothing to do: 256 of 256 timesteps reached in session 0001" for job in JOBS]
LONG_AFTER_NS = 10_000_000_000


class Finished:
    """A project whose jobs have met their goal; cart carries a source of its own.

    Args:
        root: the project's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = root / "lab" / "deep" / "reward.py"
        self.database = root / ".doit.sqlite3"
        self.code = root / "code"
        self.cart = JobOnDisk(root, "cart")

    def make(self) -> None:
        """Write all that there is of it."""
        for file, text in ((self.source, "FACTOR = 1\n"), (self.code / "decide.py", "RIGHT = True\n")):
            file.parent.mkdir(parents=True)
            file.write_text(text, encoding="utf-8")
        for name in ("dodo.py", ".doit.sqlite3", "helper.py"):
            (self.root / name).write_text("# as it is\n", encoding="utf-8")
        write_jobs(self.root, cart=cart_pole(sources=["lab"]), pole=cart_pole())
        workspace = Workspace(self.root)
        for job in JOBS:
            JobOnDisk(self.root, job).add(Phase.RESTORED, timesteps=256, **as_wanted(workspace, job))
        workspace.remember()

    def remember(self, *jobs: str, profile: Profile = "full", after_ns: int = LONG_AFTER_NS) -> bool:
        """What a command remembers that began so long after all was written, and found that nothing is to be done."""
        workspace = Workspace(self.root)
        plans = [workspace.plan(job, profile) for job in jobs or JOBS]
        assert all(isinstance(plan.decision, Nothing) for plan in plans)
        return settling.remember(workspace, plans, None, self.database, time.time_ns() + after_ns)

    def said(self, *arguments: str, backend: str | None = None) -> list[str] | None:
        """What the next command says at once."""
        return said_again(self.root, select([*arguments]), backend)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of such a project, to be copied."""
    root = tmp_path_factory.mktemp("made") / "project"
    Finished(root).make()
    return root


@pytest.fixture
def finished(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finished:
    project = Finished(shutil.copytree(made, tmp_path / "project"))
    monkeypatch.setattr(settling, "CODE", (str(project.code),))
    helper = types.ModuleType("helper")
    helper.__file__ = str(project.root / "helper.py")
    monkeypatch.setitem(sys.modules, "helper", helper)
    return project


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], SAID),
        (["run_full"], SAID),
        (["resume"], SAID),
        (["run_full:pole"], SAID[1:]),
        (["resume", "cart"], SAID[:1]),
        (["run_full:pole", "run_full:cart"], SAID[::-1]),
        (["run_full:pole", "run_full"], SAID[::-1]),
    ],
)
def test_it_is_said_again_of_the_jobs_that_are_asked_for(
    finished: Finished, arguments: list[str], expected: list[str]
) -> None:
    assert finished.remember()
    assert finished.said(*arguments) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        ["run_quick"],
        ["redo:cart"],
        ["plan"],
        ["validate:cart:0001"],
        ["verify", "run_full"],
        ["run_full:c*"],
        ["run_full:another"],
        ["run_full:"],
        ["runs/cart/0001/report.json"],
    ],
)
def test_of_anything_else_nothing_is_said_at_once(finished: Finished, arguments: list[str]) -> None:
    assert finished.remember()
    assert finished.said(*arguments) is None


def test_another_backend_is_another_question(finished: Finished) -> None:
    assert finished.remember()
    assert finished.said("run_full", backend="local") is None


def rewrite_unseen(file: Path) -> None:
    """Change a file, and neither its size nor the time of its last change."""
    before = file.stat()
    file.write_text(file.read_text(encoding="utf-8").replace("1", "2"), encoding="utf-8")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size


def lead_elsewhere(file: Path) -> None:
    """Let a link to what was a file take its place."""
    moved = file.rename(file.parent.parent.parent / file.name)
    file.symlink_to(moved)


NEEDS_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="no time tells of it there, and links need a right")
CHANGES: dict[str, Callable[[Finished], object]] = {
    "jobs.yaml is written anew": lambda it: write_jobs(it.root, cart=cart_pole(sources=["lab"]), pole=cart_pole()),
    "jobs.yaml is gone": lambda it: (it.root / "jobs.yaml").unlink(),
    "dodo.py changes": lambda it: (it.root / "dodo.py").write_text("# otherwise\n", encoding="utf-8"),
    "what dodo.py imports changes": lambda it: (it.root / "helper.py").write_text("# otherwise\n", encoding="utf-8"),
    "doit is configured": lambda it: (it.root / "doit.cfg").write_text("[GLOBAL]\nalways=True\n", encoding="utf-8"),
    "doit forgets": lambda it: it.database.write_bytes(b"less"),
    "doit's memory is gone": lambda it: it.database.unlink(),
    "doit's memory was cut off": lambda it: it.database.with_name(".doit.sqlite3-wal").write_bytes(b"more"),
    "a source changes": lambda it: it.source.write_text("FACTOR = 22\n", encoding="utf-8"),
    "a source is gone": lambda it: it.source.unlink(),
    "a source is new": lambda it: it.source.with_name("new.py").touch(),
    "a folder of sources is new": lambda it: (it.root / "lab" / "new").mkdir(),
    "all sources are gone": lambda it: shutil.rmtree(it.root / "lab"),
    "a report is gone": lambda it: it.cart.runs.session("cart", 1).report_json.unlink(),
    "what was restored changes": lambda it: it.cart.runs.session("cart", 1).restored_json.write_text("{}"),
    "a session is new": lambda it: it.cart.add(Phase.PLANNED),
    "a session is gone": lambda it: shutil.rmtree(it.cart.runs.session("cart", 1).path),
    "the lineage is gone": lambda it: it.cart.runs.job("cart").rename(it.root / "elsewhere"),
    "the code that answers changes": lambda it: (it.code / "decide.py").write_text("RIGHT = False\n", encoding="utf-8"),
}


@pytest.mark.parametrize(
    "change",
    [
        *(pytest.param(change, id=name.replace(" ", "_")) for name, change in CHANGES.items()),
        pytest.param(lambda it: rewrite_unseen(it.source), marks=NEEDS_POSIX, id="a_source_changes_unseen"),
        pytest.param(lambda it: lead_elsewhere(it.source), marks=NEEDS_POSIX, id="a_source_is_a_link"),
    ],
)
def test_whatever_changes_has_everything_looked_at_again(
    finished: Finished, change: Callable[[Finished], object]
) -> None:
    assert finished.remember()
    assert finished.said() == SAID
    change(finished)
    assert finished.said() is None


def test_what_is_installed_has_everything_looked_at_again(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert finished.remember()
    site = tmp_path / "site"
    install_moon(site)
    monkeypatch.syspath_prepend(site)
    assert finished.said() is None


def test_another_installation_of_kaggle_relay_looks_for_itself(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert finished.remember()
    monkeypatch.setattr(settled, "__file__", "elsewhere/runner/planning/settled.py")
    assert finished.said() is None


def test_a_change_that_concerns_another_job_changes_nothing(finished: Finished) -> None:
    assert finished.remember()
    finished.source.write_text("FACTOR = 22\n", encoding="utf-8")
    assert finished.said("run_full:pole") == SAID[1:]


def test_what_nobody_wrote_changes_nothing(finished: Finished) -> None:
    compiled = finished.source.parent / "__pycache__"
    compiled.mkdir()
    assert finished.remember()
    (compiled / "reward.pyc").write_bytes(b"compiled")
    (finished.cart.runs.session("cart", 1).artifacts / "checkpoints").joinpath("more").touch()
    assert finished.said() == SAID


def test_what_was_written_while_it_was_read_is_read_again(finished: Finished) -> None:
    assert not finished.remember(after_ns=0)
    assert finished.said() is None


@NEEDS_POSIX
def test_of_sources_with_links_nothing_is_remembered(finished: Finished) -> None:
    (finished.root / "lab" / "link").symlink_to(finished.source.parent, target_is_directory=True)
    shutil.rmtree(finished.cart.runs.path)
    finished.cart.add(Phase.RESTORED, timesteps=256, **as_wanted(Workspace(finished.root), "cart"))
    assert not finished.remember("cart")
    (finished.root / "lab" / "link").unlink()
    (finished.root / "lab" / "link.py").symlink_to(finished.source)
    shutil.rmtree(finished.cart.runs.path)
    finished.cart.add(Phase.RESTORED, timesteps=256, **as_wanted(Workspace(finished.root), "cart"))
    assert not finished.remember("cart")


def test_what_is_remembered_of_one_job_stays_beside_that_of_another(finished: Finished) -> None:
    assert finished.remember("cart")
    assert finished.said() is None
    assert finished.remember("pole")
    assert finished.said() == SAID


def test_what_was_remembered_before_a_change_is_forgotten_with_it(finished: Finished) -> None:
    assert finished.remember()
    (finished.root / "dodo.py").write_text("# otherwise\n", encoding="utf-8")
    assert finished.remember("cart")
    assert finished.said("run_full:cart") == SAID[:1]
    assert finished.said("run_full:pole") is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"7", b'{"answers": []}', b'{"answers": {"full": 3}}', b"\xff"])
def test_a_damaged_memory_is_none(finished: Finished, content: bytes) -> None:
    assert finished.remember()
    finished.cart.runs.cache("settled").write_bytes(content)
    assert finished.said() is None
    assert finished.remember()
    assert finished.said() == SAID
