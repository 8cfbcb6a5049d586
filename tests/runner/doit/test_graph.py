"""The task graph, and errors as one sentence with an exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from doit.exceptions import TaskError, TaskFailed
from doit.task import Task

from contract.errors import CheckpointError, IncompatibleError, InputError, RelayError
from runner.backends.registry import BACKENDS
from runner.commands import cancel, plan, start_afresh
from runner.doit import actions
from runner.doit.failures import exiting_on_error, in_one_sentence
from runner.doit.graph import Files, Graph
from runner.doit.selection import PROFILES, STAGES, select
from runner.doit.variables import KNOWN
from runner.lineage import Phase
from runner.workspace import Workspace
from tests.project import Project, cart_pole
from tests.runner.conftest import JobOnDisk, as_wanted, write_jobs

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from runner.workspace import LiveSession

PACKAGE = "package:cart:0001"


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    """The graph of a project with one job, of which nothing has run."""
    write_jobs(tmp_path, cart=cart_pole())
    return Graph(Workspace(tmp_path))


def wired(live: LiveSession) -> Files:
    """The files of the stage package, as in dodo.py."""
    return Files(needs=live.parents, makes=[live.folder.request, live.folder.package_json])


def stages_of(graph: Graph) -> list[dict[str, Any]]:
    """The sub-tasks of one stage."""
    return list(graph.stages(actions.package, wired))


def goals_of(graph: Graph) -> list[int]:
    """The goals of all live sessions."""
    return [live.goal for sessions in graph.live_sessions.values() for live in sessions]


def test_the_session_to_come_depends_on_what_was_asked_for(graph: Graph) -> None:
    assert goals_of(graph) == [256]
    assert goals_of(Graph(graph.workspace, select(["run_quick"]))) == [64]


def test_only_the_jobs_that_were_asked_for_are_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jobs(tmp_path, cart=cart_pole(), pole=cart_pole())
    planned: list[str] = []
    original = Workspace.plan

    def plan(self: Workspace, job: str, *arguments: Any, **options: Any) -> Any:
        planned.append(job)
        return original(self, job, *arguments, **options)

    monkeypatch.setattr(Workspace, "plan", plan)
    one = Graph(Workspace(tmp_path), select(["run_full:pole"]))
    assert [task["name"] for task in one.runs()] == ["pole"]
    assert goals_of(one) == [256]
    assert planned == ["pole"]


def test_whether_to_do_again_what_is_done_is_part_of_what_is_wanted(graph: Graph, cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=96, **as_wanted(graph.workspace))
    assert not graph.plan("cart").wanted.redo
    again = Graph(graph.workspace, select(["redo:cart"])).plan("cart")
    assert (again.wanted.redo, again.wanted.profile) == (True, "full")


def test_the_disk_is_looked_at_again_only_when_the_graph_is_drawn_anew(graph: Graph, cart: JobOnDisk) -> None:
    (plan,) = graph.plans
    cart.add(Phase.RESTORED, timesteps=96, **as_wanted(graph.workspace))
    assert graph.plans == [plan]
    assert str(graph.anew().plan("cart").decision) == "goes on from session 0001 at 96 of 256 timesteps"
    assert graph.plans == [plan]


def test_a_part_of_the_graph_keeps_what_was_planned(tmp_path: Path) -> None:
    write_jobs(tmp_path, cart=cart_pole(), pole=cart_pole())
    graph = Graph(Workspace(tmp_path))
    (_, plan) = graph.plans
    assert graph.only(["pole"]).plans == [plan]
    assert graph.only(["pole"]).plan("pole") is plan


def test_a_stage_is_a_task_from_its_files_to_its_files(graph: Graph, cart: JobOnDisk) -> None:
    parent = cart.add(Phase.RESTORED, timesteps=96, **as_wanted(graph.workspace))
    (task,) = stages_of(graph)
    folder = cart.runs.session("cart", 2)
    assert task["name"] == "cart:0002"
    assert task["file_dep"] == [str(parent.restored_json)]
    assert task["targets"] == [str(folder.request), str(folder.package_json)]
    assert task["uptodate"] == [True]  # so that a task without dependencies is not done twice
    title = "package   cart:0002  goes on from session 0001 at 96 of 256 timesteps"
    assert task["title"](Task("package:cart:0002", None)) == title
    assert not folder.path.exists()


def test_a_stage_does_its_action_to_the_session(graph: Graph) -> None:
    done: list[tuple[Workspace, str]] = []
    (task,) = graph.stages(lambda workspace, live: done.append((workspace, live.name)), wired)
    assert task["actions"][0]() is None
    assert done == [(graph.workspace, "cart:0001")]


def test_a_sessions_reason_stands_on_its_first_line_only(graph: Graph) -> None:
    titles = [task["title"](Task(PACKAGE, None)) for task in stages_of(graph) + stages_of(graph.anew())]
    assert titles == ["package   cart:0001  starts at 0 of 256 timesteps", "package   cart:0001"]


def test_a_run_waits_for_its_session_and_a_refused_one_for_nothing(graph: Graph, cart: JobOnDisk) -> None:
    (task,) = graph.runs()
    assert (task["name"], task["task_dep"]) == ("cart", ["restore:cart:0001"])
    cart.add(Phase.RESTORED, timesteps=96, **as_wanted(graph.workspace))
    write_jobs(cart.runs.root, cart=cart_pole(algorithm="A2C", hyperparameters={"n_steps": 32}))
    (refused,) = graph.anew().runs()
    assert refused["task_dep"] == []
    failure = refused["actions"][0]()
    assert isinstance(failure, TaskFailed)
    assert "refused: algorithm is PPO" in failure.message


def test_other_commands_get_the_workspace_and_the_jobs(tmp_path: Path) -> None:
    write_jobs(tmp_path, cart=cart_pole(), pole=cart_pole())
    graph = Graph(Workspace(tmp_path))
    seen: list[Any] = []

    def note(workspace: Workspace, jobs: object) -> None:
        seen.append((workspace, jobs))

    for task in graph.for_each_job(note):
        assert task["uptodate"] == [False]
        assert task["actions"][0]() is None
    assert graph.for_all_jobs(note)["actions"][0]() is None
    assert seen == [(graph.workspace, "cart"), (graph.workspace, "pole"), (graph.workspace, ["cart", "pole"])]


@pytest.mark.parametrize(
    ("action", "command"),
    [
        (actions.show_plan, plan),
        (actions.cancel, cancel),
        (actions.start_afresh, start_afresh),
    ],
)
def test_what_is_done_for_each_job_is_done_by_the_command(
    graph: Graph, action: Any, command: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(command, action.__name__, lambda *arguments: seen.append(arguments))
    action(graph.workspace, "cart")
    assert seen == [(graph.workspace, "cart")]


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (CheckpointError("a.zip", "is cut off", "restore it"), TaskFailed),
        (IncompatibleError("job cart", "does not fit"), TaskFailed),
        (InputError("jobs.yaml", "is empty"), TaskError),
    ],
)
def test_an_error_of_ours_is_its_sentence_and_exit_code_1_or_2(error: RelayError, failure: Any) -> None:
    def action() -> None:
        raise error

    found: Any = in_one_sentence(action)()
    assert type(found) is failure
    assert found.message == str(error)
    assert not found.traceback


def test_any_other_error_keeps_its_traceback() -> None:
    def action() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_one_sentence(action)()
    with pytest.raises(ZeroDivisionError), exiting_on_error():
        _ = 1 // 0


@pytest.mark.parametrize(("error", "code"), [(InputError("a", "b"), 2), (RelayError("a", "b", "c"), 1)])
def test_an_error_outside_of_tasks_ends_the_process_with_its_sentence(
    error: RelayError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught, exiting_on_error():
        raise error
    assert caught.value.code == code
    assert capsys.readouterr().err == f"{error}\n"


class TestCommandLine:
    """The same through doit, as users see it."""

    @pytest.fixture
    def cart_project(self, project: Project) -> Project:
        """A project with one job."""
        project.write_jobs(cart=cart_pole())
        return project

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (
                ["plan", "bakcend=local"],
                f"variable bakcend: is unknown; known: {', '.join(KNOWN)}",
            ),
            (["resume", "wait=maybe"], "variable wait: is 'maybe'; write wait=yes or wait=no"),
            (["plan", "backend=moon"], f"backend: unknown backend 'moon'; choose one of {', '.join(BACKENDS)}"),
            (["run_full", "crt"], "job crt: is not in jobs.yaml; did you mean cart?"),
            (
                ["run_quick", "run_full"],
                "doit run_quick run_full: asks for run_full and run_quick at once; run one at a time",
            ),
        ],
    )
    def test_what_cannot_be_used_is_one_sentence_and_exit_code_2(
        self, cart_project: Project, arguments: list[str], sentence: str
    ) -> None:
        assert cart_project.doit(*arguments, expect=2) == f"{sentence}\n"
        assert cart_project.written() == []

    @pytest.mark.parametrize("command", ["plan", "list"])
    def test_a_mistake_in_jobs_yaml_is_one_sentence_for_every_command(
        self, cart_project: Project, command: str
    ) -> None:
        cart_project.write_jobs(cart=cart_pole(algorithm="PPP"))
        output = cart_project.doit(command, expect=2)
        assert output.startswith("jobs.yaml, line ")
        assert output.count("\n") == 1
        assert "did you mean PPO?" in output

    def test_a_failed_check_ends_with_exit_code_1_and_what_was_said(self, cart_project: Project) -> None:
        cart = JobOnDisk(cart_project.root)
        folder = cart.add(Phase.SUBMITTED)
        assert "verified: lineages; not looked at: " in cart_project.doit("verify", "only=lineages")
        folder.ledger_json.write_text("{", encoding="utf-8")
        output = cart_project.doit("verify", "only=lineages", expect=1)
        assert "cart: 0001/ledger.json: cannot be read" in output
        assert output.splitlines()[-1].endswith("Skipped: 0"), "all was said"

    def test_a_failed_stage_is_one_sentence_and_what_would_have_followed_is_not_mentioned(
        self, cart_project: Project
    ) -> None:
        cart = JobOnDisk(cart_project.root)
        cart.add(Phase.RESTORED, timesteps=64, **as_wanted(Workspace(cart_project.root)))
        name = cart_project.checkpoint("cart", 1).relative_to(cart.runs.job("cart")).as_posix()
        cart_project.checkpoint("cart", 1).write_bytes(b"")
        problem = f"no checkpoint is intact any more ({name}: has 0 bytes, expected 16)"
        remedy = "restore the files from a backup, or run `doit fresh:cart` to start anew"
        assert cart_project.doit("run_full", expect=1).splitlines() == [
            "package   cart:0002  goes on from session 0001 at 64 of 256 timesteps",
            f"[CHECKPOINT] Refused {name}: has 0 bytes, expected 16",
            f"job cart: {problem}; {remedy}",
        ]
        assert len(cart_project.sessions("cart")) == 1

    def test_an_error_that_is_none_of_ours_shows_its_traceback(self, cart_project: Project) -> None:
        commands = cart_project.root / "runner" / "commands" / "mending" / "verify.py"
        text = commands.read_text(encoding="utf-8")
        commands.write_text(text.replace("    page = None if", "    1 / 0\n    page = None if"), encoding="utf-8")
        output = cart_project.doit("verify", expect=2)
        assert "Traceback (most recent call last):" in output
        assert "verify.py" in output
        assert "ZeroDivisionError: division by zero" in output

    def test_every_command_is_listed_with_what_it_does(self, cart_project: Project) -> None:
        listed = cart_project.doit("list")
        for name in (*STAGES, *PROFILES, "plan", "status", "verify", "cancel", "fresh", "doctor"):
            assert f"\n{name} " in f"\n{listed}"
