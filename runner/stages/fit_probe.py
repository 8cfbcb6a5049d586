"""Asks the trainer, in a process of its own, what a job's model would be: importing torch takes seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract import files, layout
from contract.errors import IncompatibleError, InputError
from contract.identity import training_inputs
from restore.compatibility import compare
from runner.decide import Refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.documents import Request
    from runner.lineage import SessionState


def refuse_misfit(job: dict[str, Any], request: Request, made_by: SessionState, source_folders: Sequence[Path]) -> None:
    """Compare spaces and tensors where the environment or the sources changed; settings were compared in the plan.

    Args:
        job: the job with its profile applied, as JSON.
        request: what the session would be asked for.
        made_by: the session that made the checkpoint to go on from.
        source_folders: the folders that the session would carry.

    Raises:
        IncompatibleError: the checkpoint does not fit.
        InputError: the environment or the model cannot be made.
    """
    checkpoint = made_by.restored.checkpoint
    same_env = made_by.package.inputs.training["env"] == training_inputs(job)["env"]
    if checkpoint is None or (same_env and not request.sources_changed):
        return
    for change in compare(checkpoint.described(), probe_model(job, request, source_folders)).incompatible:
        refusal = Refuse(job["name"], made_by.number, change.path, change.before, change.after)
        raise IncompatibleError(f"job {job['name']}", refusal.problem, refusal.remedy)


def probe_model(job: dict[str, Any], request: Request, source_folders: Sequence[Path]) -> dict[str, Any]:
    """Spaces and parameter shapes of the model that `job` would train, as its checkpoints would state them.

    Args:
        job: the job with its profile applied, as JSON.
        request: what the session would be asked for.
        source_folders: the folders that the session would carry.

    Raises:
        InputError: the environment or the model cannot be made.
    """
    from job.model import session_part  # noqa: PLC0415 - it imports pydantic

    with tempfile.TemporaryDirectory(prefix="relay-probe-") as name:
        folder = Path(name)
        files.write_json(folder / layout.JOB_FILE, session_part(job))
        request.write(folder / layout.REQUEST_FILE)
        files.write_json(folder / layout.PAYLOAD_FILE, {"format": 1, "key": files.sha256_of_value(job), "files": {}})
        paths = [str(source.parent) for source in source_folders]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")])}
        answer = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "trainer", "--describe", "--input", str(folder)],
            capture_output=True,
            encoding="utf-8",
            env=environment,
            check=False,
        )
    lines = answer.stdout.strip().splitlines()
    if answer.returncode != 0 or not lines:
        problem = (answer.stderr.strip().splitlines() or ["its model cannot be made"])[-1]
        raise InputError(f"job {job['name']}", problem)
    described: dict[str, Any] = json.loads(lines[-1])
    return described
