"""What an earlier version left goes on: its documents are read, its checkpoints too, and no finished job runs again."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from runner.curve.stitching import stitched
from runner.lineage import Phase
from runner.planning.decide import Nothing, Redo, Rejudge, decide
from runner.workspace import Workspace
from tests.project import ROOT, Project, cart_pole
from tests.runner.conftest import JobOnDisk, write, write_jobs

if TYPE_CHECKING:
    from pathlib import Path

    from runner.planning.decide import Decision
    from runner.workspace import Plan

MADE = ROOT / "tests" / "lineages" / "made_at_a0e9e91.zip"
COMMITS = 100
ENOUGH = 3
"""Of their states, without `--long`: each takes a process that reads the whole code of that time."""
CODE = ("contract", "job", "trainer", "restore", "executors", "runner")
WHAT_INPUTS_FOLLOW_FROM = (
    *(
        "job/",
        "contract/identity.py",
        "runner/sources.py",
        "runner/sources/",
        "runner/jobs/",
        "runner/planning/decide.py",
    ),
    *("trainer/job.py", "trainer/identity.py", "trainer/schedules.py", "trainer/algorithms/", "runner/jobs_file.py"),
)
INPUTS = """
import json, sys
from pathlib import Path
import msgspec
from runner.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
plan = workspace.plan("cart", "full")
inputs = plan.wanted.inputs
inputs = inputs() if callable(inputs) else inputs
print(json.dumps(msgspec.to_builtins([plan.wanted.job, inputs, workspace.sources(plan).table()])))
"""


@pytest.fixture
def earlier(project: Project) -> Project:
    """A project whose jobs an earlier version finished."""
    with zipfile.ZipFile(MADE) as packed:
        packed.extractall(project.root)  # noqa: S202 - our own
    return project


def test_what_an_earlier_version_finished_is_finished(earlier: Project) -> None:
    output = earlier.doit("run_full", "status")
    for job in ("lights", "walk"):
        assert f"{job}: nothing to do: 240 of 240 timesteps reached in session 0002" in output
        assert len(earlier.sessions(job)) == 2
    assert earlier.doit("verify", "only=checkpoints,lineages").count("are as they were adopted") == 2
    assert output.count("│ exact") >= 2


def test_what_an_earlier_version_left_is_gone_on_with_exactly(earlier: Project) -> None:
    jobs = earlier.root / "jobs.yaml"
    jobs.write_text(jobs.read_text(encoding="utf-8").replace("total_timesteps: 240", "total_timesteps: 300"), "utf-8")
    output = earlier.doit("run_full")
    for job in ("lights", "walk"):
        verdict = earlier.adopted(job, 3).resume
        assert verdict.exact, verdict.reasons
        (change,) = verdict.changes
        assert change.startswith("kaggle-relay's own code changed (")
        assert change.endswith(") at 240 timesteps")
        assert earlier.adopted(job, 3).timesteps >= 300
        curve = stitched(earlier.runs, job)
        assert [each.session for each in curve.stretches] == [1, 2, 3]
        assert 3 in {each.session for each in curve.measurements}
    assert output.count("[CHECKPOINT] Resumed at 240 timesteps (exact) from session 0002") == 2


def test_an_edit_of_the_jobs_own_source_is_told_from_the_tools_in_an_earlier_lineage(earlier: Project) -> None:
    own = earlier.root / "lab" / "__init__.py"
    own.write_text(own.read_text(encoding="utf-8") + "\nEDITED = True\n", encoding="utf-8")
    workspace = Workspace(earlier.root)
    lights, walk = (judged_by_todays_rules(workspace.plan(job, "full")) for job in ("lights", "walk"))
    assert isinstance(lights, Nothing)
    assert isinstance(walk, Redo)
    assert walk.changes == ("its sources (lab/__init__.py)",)


def judged_by_todays_rules(plan: Plan) -> Decision:
    """What is decided once what was judged by other rules has been judged again, and found the same."""
    assert isinstance(plan.decision, Rejudge)
    tip = plan.lineage.tip
    assert tip is not None
    return decide(dataclasses.replace(plan.wanted, rules=tip.restored.rules), plan.lineage)


def git(*arguments: str) -> str:
    """What git says about this repository."""
    answer = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)  # noqa: S607 - git is on PATH
    return answer.stdout.strip()


def versions() -> list[str]:
    """Of the last commits one for each state of the code that a session's inputs follow from."""
    try:
        commits = git("rev-list", f"--max-count={COMMITS}", "HEAD").split()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no checkout of git")
    by_state: dict[str, str] = {}
    for commit in commits:
        by_state.setdefault(git("ls-tree", commit, "--", *WHAT_INPUTS_FOLLOW_FROM), commit)
    return [commit for commit in by_state.values() if could_be_installed(commit)]


def could_be_installed(commit: str) -> bool:
    """Whether anybody can have finished a job with it: some merges left pyproject.toml broken until the next commit."""
    try:
        tomllib.loads(git("show", f"{commit}:pyproject.toml"))
    except tomllib.TOMLDecodeError:
        return False
    return True


def evenly(commits: list[str], count: int) -> list[str]:
    """At most so many, from the first to the last."""
    last = len(commits) - 1
    return [commits[at] for at in sorted({round(last * number / (count - 1)) for number in range(count)})]


def declare_backends(code: Path, settings: dict[str, Any]) -> None:
    """Have the backends of a commit's own, and not those of the version that is installed here."""
    declared = settings["project"].get("entry-points", {})
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {at}\n" for name, at in each.items()) for group, each in declared.items()
    ]
    folder = code / "kaggle_relay-0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: kaggle-relay\nVersion: 0\n", encoding="utf-8")
    (folder / "entry_points.txt").write_text("".join(lines), encoding="utf-8")


def packaged_at(commit: str, project: Path, code: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The job, its inputs and its table of sources, as the code of a commit packages them."""
    shutil.rmtree(code, ignore_errors=True)
    there = git("ls-tree", "--name-only", commit, "--", *CODE).split()
    packed = subprocess.run(["git", "archive", commit, "--", *there], cwd=ROOT, capture_output=True, check=True)  # noqa: S607 - git is on PATH
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(code, filter="data")
    declare_backends(code, tomllib.loads(git("show", f"{commit}:pyproject.toml")))
    command = [sys.executable, "-c", INPUTS, str(project)]
    environment = {**os.environ, "PYTHONPATH": str(code)}
    answer = subprocess.run(command, cwd=code, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert answer.returncode == 0, f"{commit}: {answer.stderr}"
    job, inputs, table = json.loads(answer.stdout)
    return job, inputs, table


def test_no_commit_of_the_history_would_have_a_finished_job_done_again(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    every = versions()
    some = every if request.config.getoption("--long") else evenly(every, ENOUGH)
    assert {every[0], every[-1]} <= set(some)
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "__init__.py").write_text("A = 1\n", encoding="utf-8")
    write_jobs(tmp_path, cart=cart_pole(sources=["lab"]))
    now = Workspace(tmp_path).plan("cart", "full").wanted
    done_again = []
    for commit in some:
        job, inputs, table = packaged_at(commit, tmp_path, tmp_path / "code")
        cart = JobOnDisk(tmp_path / commit)
        folder = cart.add(Phase.RESTORED, timesteps=job["total_timesteps"], job=job, rules=now.rules)
        write(folder.package_json, json.loads(folder.package_json.read_bytes()) | {"inputs": inputs})
        write(folder.sources_table, table)
        decision = decide(now, cart.lineage)
        if not isinstance(decision, Nothing):
            done_again.append(f"{commit[:12]}: {decision}")
    assert done_again == []
