"""A search is the same however often doit and its sessions are killed: what is tried, what is pruned, and every bit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from runner.commands.promote import promote
from runner.commands.showing.report import write_reports
from runner.commands.status import show_status
from runner.doit.graph import Graph
from runner.doit.selection import select
from runner.layout import RunsFolder
from runner.planning.decide import Nothing, Start
from runner.studies import records
from runner.studies.driving import Driver
from runner.studies.searching import Search
from runner.studies.sessions import Stand, Went
from runner.workspace import Workspace
from tests.emulated import emulated
from tests.engine import Containers, engine_itself, small_container
from tests.project import KILLED, PATIENCE_SECONDS, Project, cart_pole
from tests.scenarios.test_killed_sessions import Killer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from runner.studies.values import Trial

pytestmark = pytest.mark.slow

UNDER_WAY = 75
TUNE = ("tune:lr",)
WORSE = "env.kwargs.sutton_barto_reward"
SEARCH = {
    "hyperparameters.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    WORSE: {"choices": [False, True]},
}
"""With CartPole's other reward each episode comes to -1, which is less than any with its own."""
SEED = 12
"""By which the first trial has the better reward, and the second the worse one."""
EVALUATED = {"frequency": 64, "episodes": 1}


def write_study(project: Project, *, job: dict[str, Any] | None = None, **changes: Any) -> None:
    """A jobs.yaml with comments, whose study has a trial that reaches its goal and one that is pruned."""
    sampler, pruner = {"kind": "random", "seed": SEED}, {"startup": 1}
    study = {"job": "cart", "trials": 2, "search": SEARCH, "sampler": sampler, "pruner": pruner} | changes
    jobs = yaml.safe_dump({"jobs": {"cart": cart_pole(**{"eval": EVALUATED} | (job or {}))}})
    text = f"# What we try.\n{yaml.safe_dump({'studies': {'lr': study}})}# Our jobs.\n{jobs}"
    (project.root / "jobs.yaml").write_text(text, encoding="utf-8")


def trials(project: Project) -> list[Trial]:
    return records.trials(project.runs.study("lr"))


def came_to(project: Project) -> list[tuple[Any, ...]]:
    """What came of each trial, but for how far a session ran on that was pruned."""
    found = trials(project)
    assert all(each.outcome is not None for each in found)
    return [(each.name, each.parameters, each.pruning, each.outcome and each.outcome.value) for each in found]


def digests(project: Project) -> dict[str, str]:
    """The tensors of each trial that came to its goal."""
    complete = [each.name for each in trials(project) if each.state == "complete"]
    return {name: project.digest(name, len(project.sessions(name))) for name in complete}


def is_told_once(project: Project) -> bool:
    """Whether Optuna's journal has each trial, and the end of each, once."""
    lines = [json.loads(each) for each in project.runs.study("lr").journal.read_text(encoding="utf-8").splitlines()]
    asked = sum(each["op_code"] == 4 for each in lines)
    ends = [each["trial_id"] for each in lines if each["op_code"] == 6]
    return asked == len(trials(project)) and sorted(ends) == list(range(asked))


class Measured(Driver):
    """Sessions that have run, one evaluation after the other, as an uninterrupted search would have seen them."""

    def advance(self, job: str, *, begins: bool) -> Went:  # noqa: ARG002 - as the driver has it
        return Went(Stand.MET if begins else Stand.AT_REST)

    def look(self, jobs: Sequence[str]) -> None:
        pass

    def stop(self, job: str) -> None:
        pass


def uninterrupted(project: Project, folder: Path) -> list[tuple[Any, ...]]:
    """What a search that nobody cut off comes to, by what the sessions of `project` measured."""
    workspace = Workspace(project.root)
    with Measured(workspace, "", waits=True) as sessions:
        search = Search(RunsFolder(folder), workspace.jobs_file.study("lr"), sessions)
        while search.tick():
            pass
    return [(each.name, each.parameters, each.pruning, each.outcome and each.outcome.value) for each in search.trials]


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A study whose command was killed in the middle of its first trial."""
    project = Project(tmp_path_factory.mktemp("cut off") / "a project")
    try:
        write_study(project)
        project.kill_at("lr-0000: ", *TUNE, operations=30)
        assert project.sessions("lr-0000")
        said = project.doit(*TUNE)
        assert "study lr: 2 trials, 1 complete, 1 pruned; the best is lr-0000 with " in said
        assert "`doit promote:lr` makes a job of it" in said
        yield project
    finally:
        project.stop_everything()


def test_kills_change_nothing_of_what_is_tried(cut_off: Project, tmp_path: Path) -> None:
    assert came_to(cut_off) == uninterrupted(cut_off, tmp_path)
    assert [each.parameters[WORSE] for each in trials(cut_off)] == [False, True]
    assert is_told_once(cut_off)
    assert all(cut_off.starts(each.name) == 1 for each in trials(cut_off))


def test_a_trial_is_a_job_that_every_command_knows_by_name(
    cut_off: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(cut_off.root)
    assert Graph(workspace, select(["resume"])).jobs == Graph(workspace, select(["status"])).jobs == ["cart"]
    assert Graph(workspace, select(["plan", "lr-0001"])).jobs == ["lr-0001"]
    assert Graph(workspace, select(["logs:lr-*"])).jobs == ["lr-0000", "lr-0001"]
    assert Graph(workspace, select(["gc"])).jobs == ["cart", "lr-0000", "lr-0001"]
    assert isinstance(workspace.plan("lr-0000", "full").decision, Nothing)
    show_status(workspace, ["cart"])
    said = capsys.readouterr().out
    assert "│ lr-0000" not in said
    assert "study lr: 2 trials, 1 complete, 1 pruned; the best is lr-0000 with " in said
    monkeypatch.setattr("runner.commands.status.wants_json", lambda: True)
    show_status(workspace, ["lr-0000"])
    told = json.loads(capsys.readouterr().out)
    assert [each["job"] for each in told["jobs"]] == ["lr-0000"]
    assert told["studies"][0] | {"study": "lr", "complete": 1, "best": "lr-0000"} == told["studies"][0]


def test_the_best_trial_becomes_a_job_and_the_file_stays_as_it_is(
    cut_off: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    file = cut_off.root / "jobs.yaml"
    before = file.read_text(encoding="utf-8")
    promote(Workspace(cut_off.root), "lr")
    assert "jobs.yaml: has the job lr-best now, which begins at zero" in capsys.readouterr().out
    after = file.read_text(encoding="utf-8")
    assert after.startswith(before.rstrip())
    promote(Workspace(cut_off.root), "lr")
    assert "lr-best: is trial 0 of study lr already" in capsys.readouterr().out
    assert file.read_text(encoding="utf-8") == after
    best = yaml.safe_load(after)["jobs"]["lr-best"]
    assert best["hyperparameters"]["learning_rate"] == trials(cut_off)[0].parameters["hyperparameters.learning_rate"]
    assert isinstance(Workspace(cut_off.root).plan("lr-best", "full").decision, Start)


def test_the_report_has_a_page_of_the_study(cut_off: Project, capsys: pytest.CaptureFixture[str]) -> None:
    write_reports(Workspace(cut_off.root), [])
    assert "study lr: runs/report.lr.html" in capsys.readouterr().out
    page = cut_off.runs.study_report("lr").read_text(encoding="utf-8")
    assert all(f"<td>{each.name}" in page for each in trials(cut_off))
    assert "is less than the median of the complete trials" in page
    assert '"history"' in page
    assert 'href="report.lr.html"' in cut_off.runs.report_of_all.read_text(encoding="utf-8")


@pytest.mark.long("kills a search in more places, and its sessions, where a sample suffices")
def test_killed_again_and_again_it_is_the_same_search(project: Project, tmp_path: Path) -> None:
    whole = Project(tmp_path / "whole")
    job = {"total_timesteps": 2048, "save_freq": 128, "eval": EVALUATED | {"frequency": 512}}
    for each in (whole, project):
        write_study(each, job=job, trials=5, at_once=1)
    try:
        whole.doit(*TUNE)
        killer = Killer(project.runs.backend("local"), seed=4)
        killer.start()
        deaths = 0
        for operations in (1, 2, 4, 7, 11, 16, 24, 40):
            struck = project.start_struck("lr-", *TUNE, operations=operations)
            struck.communicate(timeout=PATIENCE_SECONDS)
            deaths += struck.returncode in KILLED
            project.start(*TUNE, "wait=no").communicate(timeout=PATIENCE_SECONDS)
        assert deaths > 3
        project.doit(*TUNE)
        killer.done.set()
        killer.join()
        assert killer.kills
        assert came_to(project) == came_to(whole)
        assert digests(project) == digests(whole)
        assert is_told_once(project)
    finally:
        whole.stop_everything()


@pytest.mark.long("trains in containers what is trained in processes elsewhere")
def test_trials_in_containers_are_pruned_as_they_run(project: Project) -> None:
    often = EVALUATED | {"frequency": 512}
    job = {"total_timesteps": 6_000, "save_freq": 512, "eval": often, "docker": small_container(), "device": "cpu"}
    write_study(project, job=job, trials=2)
    with engine_itself() as client:
        containers = Containers(client, project.runs.backend("docker"))
        try:
            project.kill_at("lr-0001: ", *TUNE, "backend=docker", operations=2)
            said = project.doit(*TUNE, "backend=docker")
        finally:
            containers.remove()
    assert "lr-0001: is pruned, as its best by " in said
    outcome = trials(project)[1].outcome
    assert outcome is not None
    assert outcome.timesteps < 6_000
    assert is_told_once(project)


@pytest.mark.long("searches over Kaggle's API what is searched on this machine elsewhere")
def test_trials_on_kaggle_go_on_by_commands_that_do_not_wait(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with emulated(tmp_path / "kaggle") as kaggle:
        kaggle.reached_by_commands(monkeypatch, poll=0.1, patience=120)
        write_study(project, at_once=2, trials=3)
        project.kill_at("lr-0000: sutton", *TUNE, "backend=kaggle", operations=2)
        for _ in range(200):
            process = project.start(*TUNE, "backend=kaggle", "wait=no")
            said = process.communicate(timeout=PATIENCE_SECONDS)[0]
            assert process.returncode in (0, UNDER_WAY), said
            if process.returncode == 0:
                break
        assert all(each.outcome is not None for each in trials(project))
        assert is_told_once(project)
        assert len(trials(project)) == 3
