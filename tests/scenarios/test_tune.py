"""A search is the same however often doit and its sessions are killed: what is tried, what is pruned, and every bit."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import yaml

from runner.studies import records
from runner.studies.values import Trial
from tests.project import Project, cart_pole

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

UNDER_WAY = 75
TUNE = ("tune:lr",)
SEARCH = {
    "hyperparameters.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "hyperparameters.n_epochs": {"low": 1, "high": 3},
}


def write_study(project: Project, *, job: dict[str, Any] | None = None, **changes: Any) -> None:
    """A jobs.yaml with comments, whose study needs sessions of 256 timesteps."""
    study = {"job": "cart", "trials": 3, "search": SEARCH, "sampler": {"startup": 1}, "pruner": {"startup": 1}}
    jobs = yaml.safe_dump({"jobs": {"cart": cart_pole(eval={"frequency": 64, "episodes": 1}, **job or {})}})
    text = f"# What we try.\n{yaml.safe_dump({'studies': {'lr': study | changes}})}# Our jobs.\n{jobs}"
    (project.root / "jobs.yaml").write_text(text, encoding="utf-8")


def trials(project: Project) -> list[Trial]:
    return records.trials(project.runs.study("lr"))


def ended(project: Project) -> list[tuple[Any, ...]]:
    """What came of each trial, but for how far a session ran on that was pruned."""
    found = trials(project)
    assert all(each.outcome is not None for each in found)
    return [(each.name, each.parameters, each.pruning, each.outcome and each.outcome.value) for each in found]


def digests(project: Project) -> list[str]:
    """The tensors of each trial that came to its goal."""
    complete = [each.name for each in trials(project) if each.state == "complete"]
    return [project.digest(name, len(project.sessions(name))) for name in complete]


def told_once(project: Project) -> bool:
    """Whether Optuna's journal has each trial, and the end of each, once."""
    lines = [json.loads(each) for each in project.runs.study("lr").journal.read_text(encoding="utf-8").splitlines()]
    asked = sum(each["op_code"] == 4 for each in lines)
    ends = [each["trial_id"] for each in lines if each["op_code"] == 6]
    return asked == len(trials(project)) and sorted(ends) == list(range(asked))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A study that nobody cut off."""
    project = Project(tmp_path_factory.mktemp("whole") / "a project")
    write_study(project)
    said = project.doit(*TUNE)
    assert "study lr: 3 trials, " in said
    assert "`doit promote:lr` makes a job of it" in said
    yield project
    project.stop_everything()


def kill_session(project: Project, name: str, number: int) -> None:
    """Kill a trial's session as it is, with all that it has started."""
    key = project.runs.session(name, number).package_json
    sandbox = next((project.runs.backend("local")).glob(f"{json.loads(key.read_text(encoding='utf-8'))['key']}*"))
    started = json.loads((sandbox / "started.json").read_text(encoding="utf-8"))
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(started["pid"]).kill()


def test_kills_change_nothing_of_what_is_tried(whole: Project, project: Project) -> None:
    write_study(project)
    project.kill_at("lr-0000: learning_rate", *TUNE)  # its file is there, and no session
    project.kill_at("lr-0000: ", *TUNE, operations=2)
    said = project.doit(*TUNE, "wait=no", expect=UNDER_WAY)
    assert "study lr: its trials go on; the same command later goes on with them" in said
    project.kill_at("lr-0001: learning_rate", *TUNE, operations=9)  # its session runs, or has just been packaged
    project.kill_at("lr-0001: ", *TUNE, operations=1)
    project.doit(*TUNE)
    assert ended(project) == ended(whole)
    assert digests(project) == digests(whole)
    assert told_once(project)
    assert told_once(whole)
    assert all(project.starts(each.name) == 1 for each in trials(project))


def test_a_trial_is_a_job_that_every_command_knows_by_name(whole: Project) -> None:
    assert "lr-0000" not in whole.doit("plan")
    assert "lr-0000: run_full nothing to do: 256 of 256 timesteps" in whole.doit("plan:lr-0000")
    said = whole.doit("status")
    assert "│ lr-0000" not in said
    assert "study lr: 3 trials" in said
    assert "│ lr-0000" in whole.doit("status:lr-*")
    assert json.loads(whole.doit("status", "--json"))["studies"][0]["study"] == "lr"
    assert "training from 0 to 256" in whole.doit("logs:lr-0000")


def test_the_best_trial_becomes_a_job_and_the_file_stays_as_it_is(whole: Project) -> None:
    file = whole.root / "jobs.yaml"
    before = file.read_text(encoding="utf-8")
    assert "jobs.yaml: has the job lr-best now, which begins at zero" in whole.doit("promote:lr")
    after = file.read_text(encoding="utf-8")
    assert after.startswith(before.rstrip())
    assert "is trial" in whole.doit("promote", "lr")
    assert file.read_text(encoding="utf-8") == after
    best = yaml.safe_load(after)["jobs"]["lr-best"]
    complete = [each for each in trials(whole) if each.state == "complete"]
    values = [each.outcome.value or 0 for each in complete if each.outcome is not None]
    chosen = complete[values.index(max(values))].parameters["hyperparameters.learning_rate"]
    assert best["hyperparameters"]["learning_rate"] == chosen
    assert "lr-best: run_full starts at 0 of 256 timesteps" in whole.doit("plan:lr-best")


def test_the_report_has_a_page_of_the_study(whole: Project) -> None:
    said = whole.doit("report")
    assert "study lr: runs/report.lr.html" in said
    page = whole.runs.study_report("lr").read_text(encoding="utf-8")
    assert all(each.name in page for each in trials(whole))
    assert "learning_rate" in page
    assert "report.lr.html" in whole.runs.report_of_all.read_text(encoding="utf-8")


def test_what_is_not_there_to_tune_is_a_sentence(whole: Project) -> None:
    assert "study lrr: is not in jobs.yaml; did you mean lr?" in whole.doit("tune:lrr", expect=2)
    assert "variable wait: is about commands that run sessions" in whole.doit("promote", "wait=no", expect=2)
