"""What `plan` and `status` answer to programs: typed documents on standard output, and exit codes that stay."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from contract.errors import InputError
from runner.commands.plan import plan_job
from runner.commands.status import judge_status
from runner.doit.variables import check_variables, without_flags
from runner.lineage import Phase
from runner.steering.answers import answer, is_yes, kept_for_answers
from runner.steering.documents import PlanAnswer, PlannedJob, StatusAnswer
from runner.steering.estimate import in_words
from runner.steering.standing import Standing, exit_code
from runner.workspace import Workspace
from tests.project import Project, cart_pole
from tests.runner.conftest import JobOnDisk, as_wanted, write_jobs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project with one job, of which nothing has run."""
    write_jobs(tmp_path, cart=cart_pole(total_timesteps=1_000_000, session_limit="1m"))
    return Workspace(tmp_path)


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables of the command line, to be set."""
    known: dict[str, str] = {}
    monkeypatch.setattr("doit.doit_cmd._CMDLINE_VARS", known)
    return known


def planned(workspace: Workspace) -> PlannedJob:
    """What is planned for the job."""
    found, error = plan_job(workspace, "cart", lambda _line: None)
    assert error is None
    return found


def test_the_plan_says_how_much_is_packaged_and_how_long_it_takes_once_that_was_measured(
    workspace: Workspace, cart: JobOnDisk
) -> None:
    quick, full = planned(workspace).runs
    assert full.estimate is not None
    assert (full.estimate.timesteps, full.estimate.seconds, full.estimate.upload_bytes) == (1_000_000, None, 0)
    cart.add(Phase.RESTORED, timesteps=64, outcome={"steps_per_second": 1_000.0}, **as_wanted(workspace))
    cart.add(Phase.RESTORED, timesteps=100_000, outcome={"steps_per_second": 5_000.0}, **as_wanted(workspace))
    before = full.estimate
    quick, full = planned(workspace).runs
    assert (quick.standing, quick.estimate) == (Standing.NOTHING_TO_DO, None)
    taken = full.estimate
    assert taken is not None
    assert (taken.timesteps, taken.steps_per_second, taken.measured_in) == (900_000, 5_000.0, "0002")
    assert (taken.seconds, taken.sessions) == (180.0, 3)
    assert taken.package_bytes == before.package_bytes + len(b"checkpoint at 100000")
    assert "about 3m00s of training in 3 sessions, at the 5,000 steps/s of session 0002" in in_words(taken, "local")
    assert "session 0002 on the local backend" in in_words(taken, "kaggle")


def test_each_standing_has_an_exit_code_of_its_own_and_the_one_that_needs_a_person_most_counts(
    workspace: Workspace, cart: JobOnDisk
) -> None:
    assert planned(workspace).standing == "would run"
    now = as_wanted(workspace)
    cart.add(Phase.RESTORED, timesteps=1_000_000, **now)
    assert planned(workspace).standing == "nothing to do"
    cart.add(Phase.SUBMITTED, **now)
    assert planned(workspace).standing == "running"
    write_jobs(workspace.runs.root, cart=cart_pole(policy="MlpPolicy", algorithm="A2C", hyperparameters={}))
    fresh = workspace.reopened()
    (cart.lineage.sessions[-1].folder.ledger_json).unlink()
    (cart.lineage.sessions[-1].folder.package_json).unlink()
    assert planned(fresh).standing == "refused"
    codes = {each: exit_code([each]) for each in Standing}
    assert codes == {"nothing to do": 0, "running": 75, "would run": 10, "refused": 11}
    assert exit_code([*Standing]) == 11
    assert exit_code([Standing.RUNNING, Standing.WOULD_RUN]) == 10
    assert exit_code([]) == 0


def test_what_cannot_be_planned_is_in_the_document_too(workspace: Workspace) -> None:
    write_jobs(workspace.runs.root, cart=cart_pole(sources=["gone"]))
    found, error = plan_job(workspace.reopened(), "cart", lambda _line: None)
    assert isinstance(error, InputError)
    assert found.problem == str(error)
    assert found.standing is None


def read(text: str, kind: type[Any]) -> Any:
    """A document that was printed, all fields of which its type knows."""
    document = msgspec.json.decode(text, type=kind)
    assert json.loads(msgspec.json.encode(document)) == json.loads(text)
    return document


def test_the_status_says_of_each_session_why_it_ended(workspace: Workspace, cart: JobOnDisk) -> None:
    own = as_wanted(workspace)
    ends: list[tuple[dict[str, Any], dict[str, Any], tuple[str | None, str | None]]] = [
        ({}, {"interrupted_by": "session limit"}, ("cut by its limit", None)),
        ({"state": "CANCELLED", "reason": "GPU quota used up"}, {}, ("cut by the quota", "GPU quota used up")),
        ({"state": "FAILED"}, {"interrupted_by": "RuntimeError", "error": "boom"}, ("crashed", "boom")),
        ({"state": "FAILED"}, {"interrupted_by": "hung", "error": "no step for 15m"}, ("hung", "no step for 15m")),
        ({"cancel_requested": True}, {"interrupted_by": "stop file"}, ("cancelled", "stop file")),
        ({"state": "FAILED", "reason": "is gone"}, {}, ("lost", "is gone")),
    ]
    for timesteps, (execution, outcome, _) in enumerate(ends, start=1):
        cart.add(Phase.RESTORED, timesteps=timesteps, execution=execution, outcome=outcome, **own)
    status, problem = judge_status(workspace, "cart")
    assert problem is None
    assert [(each.ending, each.reason) for each in status.sessions] == [end for _, _, end in ends]
    assert status.standing == "would run"


def test_answers_stand_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with kept_for_answers():
        sys.stdout.write("for people\n")
        answer(PlanAnswer(jobs=(PlannedJob(job="cart", backend=None, standing=None, problem="no such folder"),)))
    said = capsys.readouterr()
    assert said.err == "for people\n"
    assert read(said.out, PlanAnswer).jobs[0].problem == "no such folder"


@pytest.mark.parametrize(
    ("arguments", "rest", "is_set"),
    [
        (["plan:cart", "--json"], ["plan:cart"], {"json": "yes"}),
        (["--json", "status"], ["status"], {"json": "yes"}),
        (["logs:cart", "-f"], ["logs:cart"], {"follow": "yes"}),
        (["-f", "other.py", "logs", "cart"], ["-f", "other.py", "logs", "cart"], {}),
        (["gc:cart", "--apply"], ["gc:cart"], {"apply": "yes"}),
        (["run_full", "-f"], ["run_full", "-f"], {}),
    ],
)
def test_a_flag_sets_its_variable(
    variables: dict[str, str], arguments: list[str], rest: list[str], is_set: dict[str, str]
) -> None:
    assert without_flags(arguments) == rest
    assert variables == is_set


def test_a_variable_is_refused_where_nothing_reads_it(variables: dict[str, str]) -> None:
    variables["json"] = "maybe"
    with pytest.raises(InputError, match="variable json: is 'maybe'; write json=yes or json=no"):
        is_yes("json")
    with pytest.raises(InputError, match="variable json: belongs to `plan`, `status`, `history` or `verify`"):
        check_variables(["run_full", "json=maybe"])
    check_variables(["status", "json=maybe"])


def test_programs_get_one_document_of_all_jobs_and_people_the_sentences(project: Project) -> None:
    project.write_jobs(cart=cart_pole(), pole=cart_pole(sources=["gone"]))
    JobOnDisk(project.root).add(Phase.SUBMITTED)

    def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "doit", *arguments]
        return subprocess.run(command, cwd=project.root, capture_output=True, encoding="utf-8", check=False)

    plan = asked("plan", "--json")
    jobs = read(plan.stdout, PlanAnswer).jobs
    assert [(each.job, each.standing, each.problem is None) for each in jobs] == [
        ("cart", "running", True),
        ("pole", None, False),
    ]
    assert (plan.returncode, plan.stderr.splitlines()) == (2, [jobs[1].problem])
    status = asked("status:cart", "json=yes")
    assert (status.returncode, status.stderr) == (75, "")
    assert read(status.stdout, StatusAnswer).jobs[0].standing == "running"
    refused = asked("plan", "nosuch", "--json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("job nosuch: is not in jobs.yaml")
