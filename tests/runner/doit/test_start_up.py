"""What a command imports before it knows that it needs it, which everybody waits for at each command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
COMMANDS = "runner.doit.loader, runner.doit.run, runner.doit.tasks, runner.commands.plan, runner.commands.status"
"""What a plan or a status of finished jobs comes past."""
NOT_NEEDED = {"pydantic", "psutil", "filelock", "httpx", "numpy", "torch", "job.model", "runner.doit.many_jobs.loop"}
"""What takes tens of milliseconds and more, and judges, tries or runs jobs."""


def test_what_only_looks_at_finished_jobs_imports_nothing_that_judges_tries_or_runs_them() -> None:
    listing = f"import sys, {COMMANDS}; print(*sys.modules, sep='\\n')"
    answer = subprocess.run(
        [sys.executable, "-c", listing], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    imported = {*answer.stdout.splitlines()}
    assert "runner.commands.plan" in imported
    assert imported & NOT_NEEDED == set()
