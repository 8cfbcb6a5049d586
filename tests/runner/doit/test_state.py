"""A killed doit remembers what it had done before; its own backend would not."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from doit.dependency import JSONCodec

from runner.doit.state import WriteThrough
from tests.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = '[tool.doit.plugins.backend]\nwrite_through = "runner.doit.state:WriteThrough"\n'
DODO = """
import os
import signal
import sys
from pathlib import Path

DOIT_CONFIG = {"backend": "BACKEND", "dep_file": ".doit.sqlite3"}


def note(name):
    print("ran", name, flush=True)
    Path(name).write_text("made")
    if name == "second" and Path("kill").exists():
        Path("kill").unlink()
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def task_first():
    return {"actions": [(note, ["first"])], "file_dep": ["input"], "targets": ["first"], "verbosity": 2}


def task_second():
    return {"actions": [(note, ["second"])], "file_dep": ["first"], "targets": ["second"], "verbosity": 2}
"""


def ran(folder: Path, *arguments: str) -> list[str]:
    """Which tasks a doit command ran."""
    ended = subprocess.run(
        [sys.executable, "-m", "doit", *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    return [line.removeprefix("ran ") for line in ended.stdout.splitlines() if line.startswith("ran ")]


@pytest.fixture
def folder(tmp_path: Path, backend: str) -> Path:
    """A project of two tasks, the second of which kills doit once."""
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "dodo.py").write_text(DODO.replace("BACKEND", backend), encoding="utf-8")
    (tmp_path / "input").write_text("1", encoding="utf-8")
    (tmp_path / "kill").touch()
    return tmp_path


@pytest.mark.parametrize(("backend", "again"), [("write_through", ["second"]), ("sqlite3", ["first", "second"])])
def test_after_a_kill_only_the_killed_task_runs_again(folder: Path, again: list[str]) -> None:
    assert ran(folder) == ["first", "second"]
    assert ran(folder) == again
    assert ran(folder) == []
    (folder / "input").write_text("2", encoding="utf-8")
    assert ran(folder) == ["first"]  # whose target is as it was


@pytest.mark.parametrize("backend", ["write_through"])
def test_forget_and_ignore_work_as_doits_own(folder: Path) -> None:
    (folder / "kill").unlink()
    assert ran(folder) == ["first", "second"]
    ran(folder, "forget", "first")
    assert ran(folder) == ["first"]
    ran(folder, "forget", "second")
    ran(folder, "ignore", "second")
    assert ran(folder) == []


def test_it_is_doits_sqlite_backend_by_another_name() -> None:
    assert WriteThrough.desc == "sqlite3, written after each task"


def test_a_memory_that_is_no_database_is_put_aside_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    memory = tmp_path / ".doit.sqlite3"
    memory.write_text("garbage", encoding="utf-8")
    WriteThrough(str(memory), JSONCodec()).dump()
    assert capsys.readouterr().err == ".doit.sqlite3 was damaged and is now .doit.sqlite3.damaged; nothing is lost\n"
    assert (tmp_path / ".doit.sqlite3.damaged").read_text(encoding="utf-8") == "garbage"


def test_a_database_that_cannot_be_read_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    memory = tmp_path / ".doit.sqlite3"
    content = b"SQLite format 3\0" + b"\xff" * 100
    memory.write_bytes(content)
    remember(WriteThrough(str(memory), JSONCodec()))
    assert memory.read_bytes() == content
    assert "doit cannot keep its memory here (" in capsys.readouterr().err


def remember(memory: WriteThrough, value: str = "done") -> None:
    """Store a task's state as doit does, and find it again."""
    memory.set("task", "deps:", [value])
    assert memory.get("task", "deps:") == [value]
    memory.dump()


def test_where_no_file_can_be_written_doit_remembers_for_one_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remember(WriteThrough(str(tmp_path / "no folder" / ".doit.sqlite3"), JSONCodec()))
    assert capsys.readouterr().err.count("doit cannot keep its memory here (unable to open database file)") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_ends_no_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    memory = WriteThrough(str(tmp_path / ".doit.sqlite3"), JSONCodec())
    memory._conn.execute("pragma max_page_count=2")  # noqa: SLF001 - as a disk that is full
    remember(memory, "x" * 100_000)
    remember(memory, "y" * 100_000)
    assert capsys.readouterr().err.count("doit cannot keep its memory here (database or disk is full)") == 1
