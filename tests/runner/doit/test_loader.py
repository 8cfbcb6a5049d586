"""dodo.py's tasks through doit: which are drawn, for which jobs, and from where doit may be started."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from doit import doit_cmd
from doit.cmd_list import List

import dodo
from contract.errors import InputError
from runner.doit.loader import RelayLoader, backend_variable
from runner.doit.selection import PROFILES, STAGES, select
from runner.layout import JOBS_FILE
from tests.project import Project, cart_pole
from tests.runner.conftest import write_jobs

if TYPE_CHECKING:
    from pathlib import Path

OF_EVERY_JOB = (
    *STAGES,
    *PROFILES,
    *("plan", "logs", "cancel", "collect", "adopt", "recover", "fresh", "curve", "track", "video", "export"),
)


def loader_of(root: Path) -> RelayLoader:
    """The loader once it has read the shipped dodo.py, in the project in `root`."""
    loader = RelayLoader()
    loader.namespace = {"__file__": str(root / "dodo.py")}
    loader.creators = {name.removeprefix("task_"): each for name, each in vars(dodo).items() if "task_" in name}
    return loader


def names(loader: RelayLoader, *arguments: str) -> list[str]:
    """The tasks that a run of `arguments` loads."""
    loader.use(loader.draw(select([*arguments])))
    return [task.name for task in loader.load_tasks(List(task_loader=loader), arguments)]


@pytest.fixture
def loader(tmp_path: Path) -> RelayLoader:
    """The loader in a project with two jobs."""
    write_jobs(tmp_path, cart=cart_pole(), pole=cart_pole())
    return loader_of(tmp_path)


def test_a_command_of_doits_own_sees_all_tasks_of_all_jobs_in_the_order_of_the_file(loader: RelayLoader) -> None:
    tasks = [task.name for task in loader.load_tasks(List(task_loader=loader), [])]
    groups = [name for name in tasks if ":" not in name]
    assert groups == [
        *STAGES,
        "run_quick",
        "run_full",
        "resume",
        "redo",
        "tune",
        "promote",
        *OF_EVERY_JOB[len(STAGES) + len(PROFILES) :],
        "doctor",
        "verify",
        "repair",
        "calibrate",
        "gc",
        "status",
        "history",
        "graph",
        "report",
    ]
    for job in ("cart", "pole"):
        assert {f"{name}:{job}" for name in OF_EVERY_JOB if name not in STAGES} <= {*tasks}
        assert {f"{name}:{job}:0001" for name in STAGES} <= {*tasks}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["plan:pole"], ["plan", "plan:pole"]),
        (["status"], ["status"]),
        (["validate:pole:0001"], [each for name in STAGES for each in (name, f"{name}:pole:0001")]),
        (
            ["resume:pole"],
            [each for name in STAGES for each in (name, f"{name}:pole:0001")] + ["resume", "resume:pole"],
        ),
    ],
)
def test_a_run_loads_what_it_comes_past_and_no_more(
    loader: RelayLoader, arguments: list[str], expected: list[str]
) -> None:
    assert names(loader, *arguments) == expected


@pytest.mark.parametrize("argument", ["runs/cart/0001/report.json", "val*", "nonsense"])
def test_a_run_of_something_else_than_our_tasks_loads_everything(loader: RelayLoader, argument: str) -> None:
    assert len(names(loader, argument)) == len(loader.load_tasks(List(task_loader=loader), []))


@pytest.mark.parametrize("variable", ["bakcend", "goal"])
def test_an_unknown_variable_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doit_cmd, "_CMDLINE_VARS", {variable: "1"})
    with pytest.raises(InputError, match=f"variable {variable}: is unknown; known: backend"):
        backend_variable(["plan", f"{variable}=1"])


def test_not_to_wait_is_asked_of_what_runs_sessions(loader: RelayLoader, monkeypatch: pytest.MonkeyPatch) -> None:
    for value, waits in (("yes", True), ("no", False)):
        monkeypatch.setattr(doit_cmd, "_CMDLINE_VARS", {"wait": value})
        assert loader.draw(select(["resume"])).workspace.waits is waits
        assert loader.draw(select(["run_full:cart"])).anew().workspace.waits is waits
    with pytest.raises(InputError, match="variable wait: is about commands that run sessions; leave it out"):
        loader.draw(select(["status"]))


def test_an_equals_sign_in_the_name_of_a_file_is_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doit_cmd, "_CMDLINE_VARS", {"backend": "docker"})
    assert backend_variable(["-f", "a=b.py", "backend=docker", "plan"]) == "docker"


class TestCommandLine:
    """The same as users type it."""

    @pytest.fixture
    def two_jobs(self, project: Project) -> Project:
        """A project with two jobs."""
        project.write_jobs(cart=cart_pole(), pole=cart_pole())
        return project

    def test_doits_own_commands_know_the_tasks(self, two_jobs: Project) -> None:
        listed = two_jobs.doit("list", "--all")
        assert "package:cart:0001" in listed
        assert "fresh:pole" in listed
        assert "Session cart:0001 starts at 0 of 256 timesteps." in two_jobs.doit("info", "package:cart:0001", expect=1)
        assert two_jobs.doit("help", "redo").startswith("redo  Do the newest session of a job again")
        two_jobs.doit("clean", "-n", "package:pole:0001")
        assert two_jobs.doit("forget", "plan:cart") == "forgetting plan:cart\n"

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows tells of a reader that has ended in another way")
    def test_where_nobody_reads_any_more_nothing_is_said_of_it(self, two_jobs: Project) -> None:
        reads, writes = os.pipe()
        os.close(reads)
        command = [sys.executable, "-m", "doit", "plan"]
        ended = subprocess.run(command, cwd=two_jobs.root, stdout=writes, stderr=subprocess.PIPE, check=False)
        os.close(writes)
        assert (ended.returncode, ended.stderr) == (141, b"")

    def test_redo_asks_for_one_job(self, two_jobs: Project) -> None:
        refused = "doit redo: would do every job again (cart, pole); name the one to do again, as in `doit redo:name`"
        assert two_jobs.doit("redo", expect=2) == f"{refused}\n"

    def test_a_dodo_of_another_name_and_folder_is_about_the_jobs_beside_it(self, two_jobs: Project) -> None:
        other = two_jobs.root / "other"
        other.mkdir()
        (two_jobs.root / "dodo.py").rename(other / "a=b.py")
        (two_jobs.root / JOBS_FILE).rename(other / JOBS_FILE)
        assert "pole: run_full starts at 0 of 256 timesteps" in two_jobs.doit("-f", "other/a=b.py", "plan:pole")
        (other / "a=b.py").rename(other / "graph.py")
        for arguments in (["-f", "other/graph.py", "plan:pole"], ["run", "-f", "other/graph.py", "plan", "pole"]):
            assert "pole: run_full starts at 0 of 256 timesteps" in two_jobs.doit(*arguments)

    def test_tasks_of_the_users_own_stand_beside_ours(self, two_jobs: Project) -> None:
        with (two_jobs.root / "dodo.py").open("a", encoding="utf-8") as dodo_py:
            dodo_py.write("\n\ndef task_hello():\n    return {'actions': ['echo hello'], 'task_dep': ['plan:pole']}\n")
        assert two_jobs.doit("hello").splitlines()[:2] == [
            "pole: run_quick starts at 0 of 64 timesteps",
            "pole: run_full starts at 0 of 256 timesteps",
        ]
        assert "hello" in two_jobs.doit("list")

    @pytest.mark.parametrize("command", ["list", "plan", "run_full"])
    def test_files_of_an_earlier_version_are_refused_in_one_sentence(self, two_jobs: Project, command: str) -> None:
        sentence = "dodo.py and pyproject.toml: are not those of this version of kaggle-relay; "
        sentence += "take both from a folder that `kaggle-relay init FOLDER` writes\n"
        pyproject = two_jobs.root / "pyproject.toml"
        pyproject.write_text(pyproject.read_text(encoding="utf-8").replace('loader = "relay"\n', ""), encoding="utf-8")
        assert two_jobs.doit(command, expect=2) == sentence
        (two_jobs.root / "dodo.py").write_text(OLD_DODO, encoding="utf-8")
        assert two_jobs.doit(command, expect=2) == sentence

    def test_another_reporter_of_doits_keeps_the_exit_code(self, two_jobs: Project) -> None:
        two_jobs.doit("-r", "zero", "cancel", expect=0)
        (two_jobs.root / "runner" / "commands" / "cancel.py").write_text("", encoding="utf-8")
        two_jobs.doit("-r", "zero", "cancel", expect=2)


OLD_DODO = """\
from pathlib import Path

from runner.doit.graph import Graph, Task, Tasks
from runner.doit.reporter import RelayReporter

DOIT_CONFIG = {"backend": "write_through", "dep_file": ".doit.sqlite3", "reporter": RelayReporter}
GRAPH = Graph(Path(__file__).parent)


def task_plan() -> Tasks:
    yield from GRAPH.for_each_job("show_plan")
"""
