"""The workflow that users copy: GitHub's schema takes it, and its steps run a job to its goal."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.emulated import KEY
from tests.project import PATIENCE_SECONDS, ROOT
from tests.scenarios.weeks import KERNEL, ROLLOUT, check_one_lineage, job, reached

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.emulated import EmulatedKaggle
    from tests.project import Project

WORKFLOW = ROOT / "docs" / "examples" / "relay.yml"
SET_UP = "Set up"
BY_THE_SCHEMA = ("--builtin-schema", "vendor.github-workflows")
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
"""What GitHub runs a step by: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax."""


@pytest.mark.parametrize(
    ("change", "code"), [((" ", " "), 0), (("runs-on:", "runs_on:"), 1), (("- cron: ", "- every: "), 1)]
)
def test_githubs_schema_takes_it(tmp_path: Path, change: tuple[str, str], code: int) -> None:
    text = WORKFLOW.read_text(encoding="utf-8").replace(*change)
    (tmp_path / "relay.yml").write_text(text, encoding="utf-8")
    from check_jsonschema import main as check  # type: ignore[import-untyped] # noqa: PLC0415 - collecting need not wait
    from click.testing import CliRunner  # noqa: PLC0415 - likewise

    done = CliRunner().invoke(check, [*BY_THE_SCHEMA, str(tmp_path / "relay.yml")])
    assert done.exit_code == code, done.output


class Runner:
    """What GitHub does with the workflow, step by step, on a machine that knows nothing of the one before.

    Args:
        project: what is checked out.
        folder: of what is beside it.
        secrets: of the repository.
    """

    def __init__(self, project: Project, folder: Path, secrets: dict[str, str]) -> None:
        self._project = project
        self._folder = folder
        self._secrets = secrets
        document: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
        self._steps = document["jobs"]["relay"]["steps"]
        self._name = document["name"]
        folder.mkdir()
        (project.root / ".venv").symlink_to(sys.prefix)
        stub = folder / "gh"
        stub.write_text(f'#!/bin/sh\necho "$@" >> "{folder}/gh.txt"\n', encoding="utf-8")
        stub.chmod(0o755)

    def run(self) -> int:
        """A run from an empty cache; returns the exit code of what went on."""
        shutil.rmtree(self._project.runs.path, ignore_errors=True)
        output = self._folder / "output.txt"
        output.write_text("", encoding="utf-8")
        for step in self._steps:
            if "run" not in step or step.get("name") == SET_UP:
                continue
            code = re.search(r"code=(\d+)", output.read_text(encoding="utf-8"))
            if step.get("if", "").startswith("steps.relay.outputs.code == '0'") and (code is None or code[1] != "0"):
                continue
            done = subprocess.run(
                [*SHELL, step["run"]],
                cwd=self._project.root,
                env=self._environment(step, output),
                capture_output=True,
                encoding="utf-8",
                timeout=PATIENCE_SECONDS,
                check=False,
            )
            assert done.returncode == 0, f"{step['name']}: {done.stdout}{done.stderr}"
            assert all(secret not in done.stdout + done.stderr for secret in self._secrets.values())
        found = re.search(r"code=(\d+)", output.read_text(encoding="utf-8"))
        assert found is not None
        return int(found[1])

    @property
    def asked_of_github(self) -> str:
        """What the steps had `gh` do."""
        told = self._folder / "gh.txt"
        return told.read_text(encoding="utf-8") if told.exists() else ""

    def _environment(self, step: dict[str, Any], output: Path) -> dict[str, str]:
        values = {"inputs.once && 'run_full' || 'resume'": "resume", "github.token": "", "github.repository": "a/b"}
        values |= {f"secrets.{name}": secret for name, secret in self._secrets.items()}
        own = {
            name: re.sub(r"\$\{\{ (.*?) \}\}", lambda match: values.get(match[1], ""), text)
            for name, text in step.get("env", {}).items()
        }
        path = f"{self._folder}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "GITHUB_OUTPUT": str(output), "GITHUB_WORKFLOW": self._name, **own}


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedKaggle]:
    """An emulator that the steps reach, by the secret alone."""
    with reached(tmp_path / "kaggle", monkeypatch) as server:
        monkeypatch.delenv("KAGGLE_USERNAME")
        monkeypatch.delenv("KAGGLE_KEY")
        yield server


@pytest.mark.skipif(sys.platform == "win32", reason="the workflow runs on Ubuntu")
def test_its_steps_run_a_job_to_its_goal_from_nothing_each_time(
    project: Project, kaggle: EmulatedKaggle, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    sessions = 3 if request.config.getoption("--long") else 1
    goal = sessions * ROLLOUT
    project.write_jobs(cart=job(total_timesteps=goal))
    runner = Runner(project, tmp_path / "runner", {"KAGGLE_API_TOKEN": KEY})
    for _ in range(sessions):
        assert runner.run() == 75
        assert runner.asked_of_github == ""
        kaggle.wait(KERNEL)
    assert runner.run() == 0
    assert runner.asked_of_github == "workflow disable relay\n"
    check_one_lineage(project, kaggle, goal)
